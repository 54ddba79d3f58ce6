"""`python -m webserver`"""

from core import serve
from webserver.server import main

if __name__ == "__main__":
    serve.run(main)
