"""What the balancer counts: a few numbers a chunk, and the time of one line a millisecond (all would be 5 % of its work)."""

from collections import Counter
from collections.abc import Iterable

from core.histogram import SECONDS, Histogram


class Counts:
    """Plain numbers, which only grow; loadbalancer.metrics shows them."""

    __slots__ = ("_sampled_ms", "answered", "bytes_in", "bytes_out", "refused", "resent", "seconds")

    def __init__(self) -> None:
        self.answered = 0
        """Lines that web servers answered."""
        self.resent = 0
        """Lines that went to another web server because theirs died."""
        self.refused: Counter[str] = Counter()
        """Lines answered by the balancer itself, by code."""
        self.bytes_in = self.bytes_out = 0
        """From and to clients."""
        self.seconds = Histogram(SECONDS)
        """From a line's arrival to its reply."""
        self._sampled_ms = -1

    def begin(self, sampled: dict[int, int], lane: dict[int, bytes], now_ms: int) -> None:
        """Lines were put into a lane: the last is timed, if none has been in this millisecond. `sampled` is its client's."""
        if now_ms != self._sampled_ms:
            self._sampled_ms = now_ms
            sampled.setdefault(next(reversed(lane)), now_ms)

    def end(self, sampled: dict[int, int], numbers: Iterable[int], now_ms: int) -> None:
        """These lines of a client have their replies."""
        if not sampled.keys().isdisjoint(numbers):
            for number in sampled.keys() & set(numbers):
                self.seconds.observe((now_ms - sampled.pop(number)) / 1000)
