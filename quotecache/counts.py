"""What a process counts about its quotes: how often it had one, where the others came from, what was paid. Values only."""

from core.histogram import SECONDS, Histogram


class Counts:
    """Plain numbers, which only grow; quotecache.metrics shows them."""

    __slots__ = (
        "fetch_seconds",
        "found",
        "lost",
        "missing",
        "paid",
        "recalled",
        "shared",
        "told",
        "unavailable",
    )

    def __init__(self) -> None:
        self.found = 0
        """A fresh quote was asked for, and this process had it."""
        self.missing = 0
        """It had none, or one too old."""
        self.shared = 0
        """Quotes that the cache answered with."""
        self.told = 0
        """Quotes of which others told."""
        self.recalled = 0
        """Quotes that only the database knew."""
        self.paid = 0
        """Hits of the quote server that are durable."""
        self.lost = 0
        """Symbols that the quote server gave no quote of in time."""
        self.unavailable = 0
        """Symbols given up, so that commands were refused with QUOTE_UNAVAILABLE."""
        self.fetch_seconds = Histogram(SECONDS)
        """From the first attempt to the answer, failed attempts and pauses included."""
