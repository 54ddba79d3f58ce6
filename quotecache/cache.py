"""A tier's view of the quotes: its own copy, the shared one in Valkey behind it, the slow quote server behind that.

A price is used here, or seen by others, only after its quoteServer event is durable.
"""

from collections.abc import Callable
from typing import Protocol

from redis.asyncio import Redis

from core.clock import Clock
from quotecache.freshness import Asker, Hit, Quote
from quotecache.source import QuoteSource


class Store(Protocol):
    """What outlives the cache. db.quotes.QuoteStore(pool, server) is one. Both raise Unavailable."""

    async def record(self, hits: list[Hit]) -> None:
        """Commits the quoteServer events and the newest quotes; recording a hit again changes nothing."""

    async def newest(self, symbols: list[str], not_before_ms: int) -> list[Quote]:
        """The newest quote of each symbol whose quoteServerTime is at least `not_before_ms`."""


class QuoteCache:
    """Quotes for one process. All methods belong to the event loop's thread.

        redis = quotecache.valkey.connect(settings.redis_url, settings.redis_password)
        source = quotecache.source.QuoteSource(settings.quote_server, clock)
        store = db.quotes.QuoteStore(pool, settings.name)
        quotes = QuoteCache(redis, source, store, clock, settings.quote_life_ms, on_quote, on_failure)

    Every `want` of a symbol ends in exactly one of two calls, made on the loop and never from within `want` itself:
    `on_quote(quotes)` with a quote of that symbol among them, or `on_failure(symbol)`.
    """

    def __init__(
        self,
        redis: "Redis",
        source: QuoteSource,
        store: Store,
        clock: Clock,
        life_ms: int,
        on_quote: Callable[[list[Quote]], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """`on_quote` gets every quote that became usable here, also those that nobody here asked for (other processes'
        hits), each once or, when it is wanted again, more often. `on_failure` gets a symbol that was wanted for
        limits.QUOTE_DEADLINE_MS without a price; who still wants it (a command that came later) calls `want` again.
        """
        raise NotImplementedError

    async def start(self) -> None:
        """Starts the background tasks. Does not wait for Valkey, the database or the quote server."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Makes what was paid for durable, gives up the rest and its locks, closes the connections."""
        raise NotImplementedError

    def get(self, symbol: str, now_ms: int) -> Quote | None:
        """This process's own copy when it is fresh at `now_ms`; never blocks. None: `want` it."""
        raise NotImplementedError

    def want(self, askers: list[Asker]) -> None:
        """Symbols needed soon; never blocks. Everything wanted in one turn of the loop is asked for in one call to Valkey.

        A symbol that is wanted already keeps its first asker and its deadline. One whose quote is here already is
        answered by `on_quote` in the loop's next turn.
        """
        raise NotImplementedError
