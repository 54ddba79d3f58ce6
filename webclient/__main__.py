"""`python -m webclient`: the web client under gunicorn."""

from webclient.server import main

if __name__ == "__main__":
    main()
