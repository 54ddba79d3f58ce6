"""The one place that reads clocks. Everything else is given a Clock, so that tests and simulations own time."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for what is written down, monotonic time for deadlines."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""

    def monotonic_ms(self) -> int:
        """Milliseconds since some start; never goes back."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000
