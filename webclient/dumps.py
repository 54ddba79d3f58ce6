"""The audit logs that DUMPLOG has written: which there are, and their bytes. Never anything else of the machine.

Only plain files of names that DUMPLOG takes, inside of its folder itself: no path, no link, nothing unfinished.
"""

import os
import stat
from pathlib import Path
from typing import Annotated, BinaryIO

from msgspec import Meta, Struct

from core.ids import parse_filename
from core.limits import MAX_DUMPS_LISTED
from webclient.replies import Time


class DumpFile(Struct, frozen=True):
    """One file."""

    filename: str
    bytes: Annotated[int, Meta(ge=0)]
    written_at: Time


def is_dump(name: str) -> bool:
    """Whether a dump may have that name. `web-*.xml` are files on their way to the user who asked (webclient.api.log)."""
    return parse_filename(name) == name and not (name.startswith("web-") and name.endswith(".xml"))


def listed(folder: Path) -> list[DumpFile]:
    """The newest ones, the newest first."""
    found = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_dump(entry.name) and entry.is_file(follow_symlinks=False):
                    found.append(_described(entry))
    except FileNotFoundError:  # nothing was dumped yet; or a file left while it was looked at
        pass
    found.sort(key=lambda dump: (-dump.written_at, dump.filename))
    return found[:MAX_DUMPS_LISTED]


def _described(entry: "os.DirEntry[str]") -> DumpFile:
    status = entry.stat(follow_symlinks=False)
    return DumpFile(entry.name, status.st_size, status.st_mtime_ns // 1_000_000)


def opened(folder: Path, name: str) -> BinaryIO | None:
    """The file to be read; None when there is no such dump."""
    if not is_dump(name):
        return None
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return os.fdopen(descriptor, "rb")
