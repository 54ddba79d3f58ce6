"""How the workers share the connections: who has more than another lets the other accept first.

They all accept from one socket, and the kernel wakes them all: whoever is quicker takes what comes. Measured: of 64 connections
that came at once one of two workers took 57; as they are kept, it was then the one that all requests waited for.
"""

import mmap
from typing import Any, Final

from gevent.server import StreamServer

PATIENCE_S: Final = 0.002
"""For so long another worker is let go first. Then it is busy, or stands still."""
_NOBODY: Final = -1


class Shares:
    """The arbiter's: how many connections each worker holds, in memory that all of them see."""

    def __init__(self, workers: int) -> None:
        self._counts = memoryview(mmap.mmap(-1, 4 * workers)).cast("i")
        self._free = list(range(workers))
        for place in self._free:
            self._counts[place] = _NOBODY

    def take(self) -> "Share | None":
        """A new worker's; None when there are more workers than there should be (while one is replaced)."""
        return Share(self._counts, self._free.pop()) if self._free else None

    def give_back(self, share: "Share | None") -> None:
        """Its worker is dead."""
        if share is not None:
            share.count(_NOBODY)
            self._free.append(share.place)


class Share:
    """A worker's."""

    def __init__(self, counts: "memoryview[int]", place: int) -> None:
        self._counts = counts
        self.place = place

    def count(self, connections: int) -> None:
        """So many it holds now."""
        self._counts[self.place] = connections

    def is_ahead(self) -> bool:
        """Whether another worker holds fewer."""
        return any(_NOBODY < count < self._counts[self.place] for count in self._counts)


class FairServer(StreamServer):
    """Accepts one connection a turn; after some patience when another worker should."""

    max_accept = 1

    def __init__(self, share: Share | None, *arguments: Any, **options: Any) -> None:
        """The rest as for StreamServer."""
        super().__init__(*arguments, **options)
        self._share = share
        self._held = 0
        self._hold(0)

    def do_read(self) -> Any:
        """A connection and its address, or None when there is none, or not yet for us."""
        if self._share is not None and self._share.is_ahead():
            self.stop_accepting()
            self._timer = self.loop.timer(PATIENCE_S)
            self._timer.start(self._accept_after_all)
            return None
        return super().do_read()

    def do_handle(self, *args: Any) -> None:
        """One connection more."""
        self._hold(1)
        super().do_handle(*args)

    def do_close(self, *args: Any) -> None:
        """And one less."""
        self._hold(-1)
        super().do_close(*args)

    def _hold(self, more: int) -> None:
        self._held += more
        if self._share is not None:
            self._share.count(self._held)

    def _accept_after_all(self) -> None:
        """Nobody else was quick enough, or what there was is gone."""
        if not self.started:
            return
        self.start_accepting()
        if not self.full() and (accepted := super().do_read()):
            self.do_handle(*accepted)
