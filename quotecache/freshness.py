"""What a quote is, how long it may be used, and which of two is the newer one. Values in, values out."""

from msgspec import Struct


class Asker(Struct, frozen=True):
    """On whose behalf a hit would be made, should nobody have a fresh quote (audit-log.md: a hit names a command)."""

    symbol: str
    user: str
    session_id: int
    number: int


class Quote(Struct, frozen=True):
    """One answer of the quote server, exactly as it came, and the command whose hit it was."""

    symbol: str
    price_cents: int
    user: str
    """Whose hit it was; the key belongs to this user."""
    time_ms: int
    """quoteServerTime: the quote server's own stamp, from which a quote's age counts."""
    key: str
    session_id: int
    number: int


class Hit(Struct, frozen=True):
    """A quote that was just paid for and is not durable yet."""

    quote: Quote
    answered_ms: int
    """When the answer came, by our clock: the time stamp of its quoteServer event."""


def is_fresh(quote: Quote, now_ms: int, life_ms: int) -> bool:
    """True while the quote may be used: its age is at most `life_ms` (audit-log.md: 60,000 is valid, 60,001 is not).

    A stamp ahead of our clock is fresh: its age is not over the limit, and were it thrown away, the hit that replaces it
    would be the older of the two for ever (our clock stepped back, or the quote server's runs ahead).
    """
    return now_ms - quote.time_ms <= life_ms


def newer(one: Quote, other: Quote) -> bool:
    """True when `one` replaces `other`. Every replica decides alike, so the key breaks a tie of stamps."""
    return (one.time_ms, one.key) > (other.time_ms, other.key)


def remaining_ms(quote: Quote, now_ms: int, life_ms: int) -> int:
    """For how long a shared copy may be kept: never more than `life_ms`, and 0 or less when the quote is over."""
    return min(quote.time_ms + life_ms - now_ms, life_ms)
