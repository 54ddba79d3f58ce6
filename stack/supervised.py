"""One tier under supervision: started, looked at, brought back when it died."""

import signal
import time
from typing import Final

from stack import ports
from stack.process import Child, Launch
from stack.state import Part
from stack.topology import Tier

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
_QUICK_DEATH_SECONDS: Final = 5.0
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 10.0


def pause_seconds(quick_deaths: int) -> float:
    """How long to wait before the next start, after so many deaths in a row that each came within seconds of a start.

    Nothing after the first: a tier that is killed is back at once. One that cannot live must not take all of a core.
    """
    if quick_deaths <= 1:
        return 0.0
    return min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2.0 ** min(quick_deaths - 2, 10))


class Supervised:
    """A tier and its comings and goings. No method but `await_ready` and `finish` waits."""

    def __init__(self, tier: Tier, launch: Launch) -> None:
        self.tier = tier
        self.launch = launch
        self.restarts = -1
        self.up = False
        self._child: Child | None = None
        self._started = self._return_at = 0.0
        self._quick_deaths = 0

    def start(self) -> None:
        self._started = time.monotonic()
        self._child = Child(self.launch)
        self.restarts += 1

    def await_ready(self) -> None:
        """Waits until it accepts connections. Raises StartFailed."""
        assert self._child is not None
        self._child.wait_ready(self._accepts, _START_SECONDS)
        self.up = True

    def look(self) -> bool:
        """Brings it back if it died. True when there is something new to say about it."""
        before = (self.up, self.restarts)
        if self._child is None:
            if time.monotonic() >= self._return_at:
                self.start()
        elif self._child.exit_code() is not None:
            self._plan_return()
        elif not self.up:
            self.up = self._accepts()
        return (self.up, self.restarts) != before

    def _plan_return(self) -> None:
        now = time.monotonic()
        quick = now - self._started < _QUICK_DEATH_SECONDS
        self._quick_deaths = self._quick_deaths + 1 if quick else 0
        self._return_at = now + pause_seconds(self._quick_deaths)
        self._child = None
        self.up = False

    def ask_to_stop(self) -> None:
        """Once: a second signal may meet a program that has put its handlers away."""
        if self._child is not None:
            self._child.signal(signal.SIGTERM)

    def finish(self) -> int:
        """Waits until it has ended, at last by force. The exit code; 0 when it did not run."""
        code = self._child.finish(_STOP_SECONDS) if self._child else 0
        self._child = None
        self.up = False
        return code

    def part(self) -> Part:
        """What `status` shows of it."""
        identity = self._child.identity if self._child else None
        metrics = str(self.tier.metrics) if self.tier.metrics else None
        return Part(self.tier.name, str(self.tier.address), identity, self.up, max(0, self.restarts), metrics)

    def _accepts(self) -> bool:
        return ports.accepts(self.tier.address)
