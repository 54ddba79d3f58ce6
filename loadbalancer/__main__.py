"""`python -m loadbalancer`"""

from loadbalancer.server import main

if __name__ == "__main__":
    main()
