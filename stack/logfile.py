"""Keeps the logs of child processes bounded. They append, so a file can be copied and emptied under them."""

import shutil
from pathlib import Path
from typing import Final

MAX_LOG_BYTES: Final = 16 * 1024 * 1024
"""Of one log; as much again is kept of what was before."""


def trim(log: Path, limit: int = MAX_LOG_BYTES) -> None:
    """Empties a log that has outgrown the limit; what it held moves to `.1`. A line written meanwhile may be lost."""
    if log.exists() and log.stat().st_size > limit:
        shutil.copyfile(log, log.with_name(log.name + ".1"))
        with log.open("r+b") as file:
            file.truncate()
