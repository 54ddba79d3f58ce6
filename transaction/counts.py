"""What a shard tells of its batches: a few numbers each, never one a command where that costs (transaction.metrics shows them).

At DAYTRADE_LOG_LEVEL=debug also the way of each command; else that costs one test a batch.
"""

from collections import Counter, deque
from collections.abc import Collection, Sequence
from typing import Final

from core.clock import stopwatch_s
from core.histogram import SECONDS, SIZES, Histogram
from transaction.batch import Entry
from transaction.trace import Trace

_REFUSED: Final = 'ERR {"code":"'
_UNKNOWN: Final = "UNKNOWN"
"""Stands for the command of a line that names none."""


class Counts:
    """Plain numbers, which only grow."""

    def __init__(self) -> None:
        self.batch_sizes = Histogram(SIZES)
        """Commands decided in one batch."""
        self.commit_seconds = Histogram(SECONDS)
        """The statement of a batch, until Postgres has answered that it is durable."""
        self.batch_seconds = Histogram(SECONDS)
        """From the arrival of the oldest command that a batch took from the queue until the batch's replies leave."""
        self.conflicts = 0
        """Accounts that somebody else changed between our read and our write."""
        self.locked = 0
        """Batches decided under a lock, because the same account was in conflict twice."""
        self.loaded = 0
        """Accounts that were not in memory."""
        self.looked_up = 0
        """Numbers that might have been there before."""
        self.repeated = 0
        """Those that were: answered with the stored reply, or done again."""
        self.away = 0
        """Batches that the database did not take; they are tried again."""
        self.trace: Trace | None = None
        self._commit_s: float | None = None
        self._answered: Counter[str] = Counter()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._arrivals: deque[tuple[float, int]] = deque()
        """When how many came, for what is still in the queue."""
        self._oldest_s: float | None = None

    def arrived(self, count: int) -> None:
        """So many commands were put into the queue."""
        self._arrivals.append((stopwatch_s(), count))

    def taken(self, count: int) -> None:
        """So many were taken from it, the oldest first."""
        self._oldest_s = self._arrivals[0][0] if count else None
        while count:
            at_s, left = self._arrivals[0]
            if left > count:
                self._arrivals[0] = at_s, left - count
                return
            self._arrivals.popleft()
            count -= left

    def decided(self, taken: Sequence[Entry], decided: Sequence[Entry]) -> None:
        """Of what was taken for a batch, this could be decided."""
        self._commit_s = None
        if self.trace is not None:
            self.trace.decided(taken, decided)

    def committed(self, seconds: float) -> None:
        """The statement of a batch took so long."""
        self._commit_s = seconds
        self.commit_seconds.observe(seconds)

    def settled(self, decided: Sequence[Entry], conflicts: Collection[str]) -> None:
        """The batch is durable and its replies leave, but not those of the users in conflict."""
        self.conflicts += len(conflicts)
        if self.trace is not None:
            self.trace.settled(decided, conflicts, self._commit_s)
        self._answer([e for e in decided if e.user not in conflicts] if conflicts else decided)

    def _answer(self, entries: Sequence[Entry]) -> None:
        requests = [entry.request for entry in entries]
        self._answered.update([request.command for request in requests if request])
        for entry in [entry for entry in entries if entry.reply[:1] == "E"]:
            assert entry.request is not None
            code = entry.reply[len(_REFUSED) :].partition('"')[0]
            self._refused[entry.request.command, code] += 1
        if entries:
            self.batch_sizes.observe(len(entries))
            if self._oldest_s is not None:
                self.batch_seconds.observe(stopwatch_s() - self._oldest_s)

    def outcomes(self) -> dict[tuple[str, str], int]:
        """Answered commands by name and outcome (OK, or the refusal's code). Another thread may ask."""
        refused, answered = dict(self._refused), dict(self._answered)
        found = {(command or _UNKNOWN, code): count for (command, code), count in refused.items()}
        for command, count in answered.items():
            bad = sum(bad for (name, _), bad in refused.items() if name == command)
            if done := max(0, count - bad):
                found[command or _UNKNOWN, "OK"] = done
        return found
