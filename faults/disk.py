"""A full disk: Postgres' data lie on a small file system of their own, which is filled up under load and cleared again.

The file system is a tmpfs, so this wants the right to mount: as root, or in a namespace (`unshare -rm ./daytrade chaos ...`).
"""

import contextlib
import errno
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from faults import kills, probe
from faults.arena import Arena
from faults.model import Step, Strike
from stack.errors import StackError
from stack.process import wait_until

DISK_MB: Final = 1_024
FULL_S: Final = 3.0
_STRIKE_S: Final = 40.0
_AFTER_S: Final = 30.0
"""Everything works again within this time after there is room."""
_BALLAST: Final = "ballast"
_PIECE: Final = 1 << 20
_SIGN: Final = b"No space left on device"


class CannotMount(StackError):
    """This user may not mount a file system; the text says what to do."""


def try_it() -> None:
    """Raises CannotMount where `small_disk` would."""
    with small_disk():
        pass


@contextlib.contextmanager
def small_disk() -> Iterator[Path]:
    """A stack's folder whose services have a disk of DISK_MB. Raises CannotMount."""
    directory = Path(tempfile.mkdtemp(prefix="daytrade-"))
    services = directory / "services"
    services.mkdir(mode=0o700)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=700", "daytrade", str(services)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        services.rmdir()
        directory.rmdir()
        raise CannotMount(
            f"disk-full needs a file system of its own ({done.stderr.strip()}): "
            "run it as root or under `unshare -rm`, or name other faults."
        )
    # What it says when the disk is full must not go to that disk.
    (services / "postgres.log").symlink_to(directory / "postgres.log")
    try:
        yield directory
    finally:
        (services / "postgres.log").unlink(missing_ok=True)
        subprocess.run(["umount", "-l", str(services)], check=False)
        with contextlib.suppress(OSError):  # gone, or kept because something went wrong
            services.rmdir()
            directory.rmdir()


def fill(arena: Arena, step: Step) -> Strike:
    """Not a byte is left, until Postgres has noticed and some seconds more."""
    services = arena.stack.directory / "services"
    log = services / "postgres.log"
    time_ms, before = kills.now_ms(), log.read_bytes().count(_SIGN)
    arena.await_outstanding()
    written = _fill(services / _BALLAST)
    noticed = wait_until(lambda: log.read_bytes().count(_SIGN) > before, _STRIKE_S, 0.05)
    waiting = len(arena.ledger.outstanding)
    time.sleep(FULL_S)
    times = log.read_bytes().count(_SIGN) - before
    (services / _BALLAST).unlink()
    start_s = time.monotonic()
    probe.works(arena, "postgres")
    took_s = time.monotonic() - start_s
    proof = (
        f"{written >> 20} MB of ballast; Postgres met a full disk {times} times, {waiting} requests outstanding,"
        f" of use {took_s:.1f} s after there was room"
    )
    return Strike(
        step.fault, "", time_ms, proof if noticed and waiting else "",
        wrong="" if took_s < _AFTER_S else f"of use only {took_s:.1f} s after there was room",
    )  # fmt: skip


def _fill(path: Path) -> int:
    """Writes until nothing more fits; how many bytes that were."""
    piece, written = bytes(_PIECE), 0
    with path.open("wb", buffering=0) as file:
        while piece:
            try:
                written += os.write(file.fileno(), piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece = piece[: len(piece) // 2]
    return written
