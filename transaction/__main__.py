"""`python -m transaction`: one transaction shard."""

from core.serve import run
from transaction.server import main

if __name__ == "__main__":
    run(main)
