"""`python -m trigger`: one trigger server."""

from core.serve import run
from trigger.server import main

if __name__ == "__main__":
    run(main)
