"""How often a number fell between which bounds: counted in plain lists, so that a busy loop can afford it. Values only.

Its owner counts in one thread; another may read at any time and sees, at worst, an observation half counted.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
"""Bounds for times in seconds."""
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000)
"""Bounds for how many there were at once."""


class Histogram:
    """Observations by the smallest bound that they do not exceed."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """`bounds` rise."""
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        """For each bound how many fell under it and over the one before; the last: over all of them."""
        self.total = 0.0
        """All observed numbers together."""

    def observe(self, number: float) -> None:
        """Counts one observation."""
        self.counts[bisect_left(self.bounds, number)] += 1
        self.total += number
