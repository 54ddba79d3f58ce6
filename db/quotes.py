"""Quotes in the database: the durable record of each hit, and the newest quote of each symbol, which outlives the cache."""

from db import queries
from db.pool import Pool, connection
from quotecache.freshness import Hit, Quote


async def record_hits(pool: Pool, server: str, hits: list[Hit]) -> None:
    """Commits the quoteServer events of `hits` and the newest quotes in one transaction. `server` is the tier's name.

    Safe to repeat: symbol, quoteServerTime and key identify a hit. Raises Unavailable.
    """
    if not hits:
        return
    quotes = [hit.quote for hit in hits]
    columns = {
        "server": server,
        "symbols": [quote.symbol for quote in quotes],
        "prices": [quote.price_cents for quote in quotes],
        "users": [quote.user for quote in quotes],
        "times": [quote.time_ms for quote in quotes],
        "keys": [quote.key for quote in quotes],
        "sessions": [quote.session_id for quote in quotes],
        "numbers": [quote.number for quote in quotes],
        "answered": [hit.answered_ms for hit in hits],
    }
    async with connection(pool) as one:
        await one.execute(queries.load("quotes")["record_hits"], columns)


async def newest_quotes(pool: Pool, symbols: list[str], not_before_ms: int) -> list[Quote]:
    """The newest quote of each symbol whose quoteServerTime is at least `not_before_ms`. Raises Unavailable."""
    if not symbols:
        return []
    wanted = {"symbols": symbols, "not_before_ms": not_before_ms}
    async with connection(pool) as one:
        cursor = await one.execute(queries.load("quotes")["newest_quotes"], wanted)
        return [Quote(*row) for row in await cursor.fetchall()]


class QuoteStore:
    """The quotes of one database, for quotecache.cache.QuoteCache."""

    def __init__(self, pool: Pool, server: str) -> None:
        self._pool = pool
        self._server = server

    async def record(self, hits: list[Hit]) -> None:
        """See record_hits."""
        await record_hits(self._pool, self._server, hits)

    async def newest(self, symbols: list[str], not_before_ms: int) -> list[Quote]:
        """See newest_quotes."""
        return await newest_quotes(self._pool, symbols, not_before_ms)
