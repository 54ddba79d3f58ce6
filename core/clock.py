"""The one place that reads clocks. Everything else is given a Clock, so that tests and simulations own time."""

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Final, Protocol

CLOCK_FILE: Final = "DAYTRADE_CLOCK_FILE"
"""Only for tests of clock steps: this environment variable names a file that says by how much the wall clock is wrong."""
_STEP: Final = struct.Struct("<q")


class Clock(Protocol):
    """Wall time for what is written down, monotonic time for deadlines."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""

    def monotonic_ms(self) -> int:
        """Milliseconds since some start; never goes back."""


class SystemClock:
    """The machine's clocks; under test, the wall clock with the step that the file of CLOCK_FILE asks for at the moment."""

    def __init__(self) -> None:
        """Raises OSError when the file is named and cannot be read."""
        named = os.environ.get(CLOCK_FILE)
        self._step = _mapped(Path(named)) if named else None

    def now_ms(self) -> int:
        now_ms = time.time_ns() // 1_000_000
        if self._step is None:
            return now_ms
        step_ms: int = _STEP.unpack_from(self._step)[0]
        return now_ms + step_ms

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


def stopwatch_s() -> float:
    """Seconds since some start, to measure how long something took; never to decide by (simulations own the time for that)."""
    return time.perf_counter()


def set_step(path: Path, step_ms: int) -> None:
    """Makes the wall clock of every process that runs with this CLOCK_FILE go wrong by so much (negative: behind), at once.

    Written in place, eight bytes at a time: readers map the file. Raises OSError.
    """
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.write(_STEP.pack(step_ms))


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), _STEP.size, access=mmap.ACCESS_READ)
