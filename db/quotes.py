"""Quotes in the database: the durable record of each hit, and the newest quote of each symbol, which outlives the cache."""

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from quotecache.freshness import Hit, Quote

Pool = AsyncConnectionPool[AsyncConnection[tuple[object, ...]]]


async def record_hits(pool: Pool, server: str, hits: list[Hit]) -> None:
    """Commits the quoteServer events of `hits` and the newest quotes in one transaction. `server` is the tier's name.

    Safe to repeat: symbol, quoteServerTime and key identify a hit. Raises Unavailable.
    """
    raise NotImplementedError


async def newest_quotes(pool: Pool, symbols: list[str], not_before_ms: int) -> list[Quote]:
    """The newest quote of each symbol whose quoteServerTime is at least `not_before_ms`. Raises Unavailable."""
    raise NotImplementedError


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
