"""A private folder for as long as this process lives, and the removal of those whose processes were killed before they could."""

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_LOCK: Final = "lock"
_YOUNG_S: Final = 60.0
"""A folder may be without its lock for a moment when it is new."""


@contextlib.contextmanager
def folder(prefix: str) -> Iterator[Path]:
    """A new 0700 folder among the temporary ones, named so; locked until the end of the block, and of all forked in it."""
    _remove_left(prefix)
    with tempfile.TemporaryDirectory(prefix=prefix) as name:
        path = Path(name)
        with (path / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield path


def _remove_left(prefix: str) -> None:
    """Those that nobody holds any more: the kernel gives up a dead process's lock."""
    for lock in Path(tempfile.gettempdir()).glob(f"{prefix}*/{_LOCK}"):
        with contextlib.suppress(OSError):  # held, somebody else's, or gone meanwhile
            if time.time() - lock.stat().st_mtime > _YOUNG_S:
                _remove(lock)


def _remove(lock: Path) -> None:
    """Raises OSError when somebody holds it."""
    handle = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(lock.parent)
    finally:
        os.close(handle)
