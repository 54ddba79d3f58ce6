"""What a process counts about its quotes: how often it had one, where the others came from, what was paid. Values only."""

from dataclasses import dataclass, field
from functools import partial

from core.histogram import SECONDS, Histogram


@dataclass(slots=True)
class Counts:
    """Plain numbers, which only grow; quotecache.metrics shows them."""

    found: int = 0
    """A fresh quote was asked for, and this process had it."""
    missing: int = 0
    """It had none, or one too old."""
    shared: int = 0
    """Quotes that the cache answered with."""
    told: int = 0
    """Quotes of which others told."""
    recalled: int = 0
    """Quotes that only the database knew."""
    paid: int = 0
    """Hits of the quote server that are durable."""
    lost: int = 0
    """Symbols that the quote server gave no quote of in time."""
    unavailable: int = 0
    """Symbols given up, so that commands were refused with QUOTE_UNAVAILABLE."""
    fetch_seconds: Histogram = field(default_factory=partial(Histogram, SECONDS))
    """From the first attempt to the answer, failed attempts and pauses included."""
