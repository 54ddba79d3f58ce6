"""Armed triggers in the database, and the transaction that fires them (db/queries/fires.sql, migrations 0002 and 0006).

Every function is one statement on a connection in autocommit mode, so nothing here holds a lock while it waits for this
process: one that stops or dies in the middle leaves a fire done or not begun.
"""

from typing import Any, Final, cast

from msgspec import Struct
from psycopg import AsyncConnection
from psycopg.errors import LockNotAvailable

from core.limits import MAX_CASH_CENTS, MAX_SHARES
from db import queries
from quotecache.freshness import Asker, Quote

Connection = AsyncConnection[tuple[Any, ...]]
Reach = tuple[str, int | None, int | None]
"""Symbol, highest reach of its armed buys, lowest of its armed sells (cents; None: none is armed)."""

EVERYTHING: Final = "0"
"""The marker that stands before every transaction."""

_SQL: Final = queries.load("fires")


class Candidate(Struct, frozen=True):
    """An armed trigger that a quote reaches."""

    user: str
    symbol: str
    side: int
    """1 buy, 2 sell."""
    quote: Quote


async def armed_since(connection: Connection, marker: str) -> tuple[str, list[Reach]]:
    """What was armed or changed since the marker, and the next marker.

    A marker belongs to one life of the database: after a lost connection, begin again with EVERYTHING, because a
    database that crashed may use the numbers of transactions again that it lost.
    """
    cursor = await connection.execute(_SQL["armed_since"], {"marker": marker})
    rows = await cursor.fetchall()
    return rows[0][0], [(symbol, buy, sell) for _, symbol, buy, sell in rows if symbol is not None]


async def reaches(connection: Connection, symbols: list[str]) -> list[Reach]:
    """What is armed on each of the symbols now."""
    cursor = await connection.execute(_SQL["reaches"], {"symbols": symbols})
    return cast("list[Reach]", await cursor.fetchall())


async def longest_armed(connection: Connection, symbols: list[str]) -> list[Asker]:
    """For each of the symbols on which a trigger is armed, the one that has been for the longest time."""
    cursor = await connection.execute(_SQL["longest_armed"], {"symbols": symbols})
    return [Asker(*row) for row in await cursor.fetchall()]


async def candidates(
    connection: Connection, quotes: list[Quote], now_ms: int, life_ms: int, most: int
) -> list[Candidate]:
    """At most `most` triggers that the quotes (one a symbol) reach, sorted by user."""
    parameters = _quote_columns(quotes) | {"now_ms": now_ms, "life_ms": life_ms, "most": most}
    cursor = await connection.execute(_SQL["candidates"], parameters)
    by_symbol = {quote.symbol: quote for quote in quotes}
    rows = sorted(await cursor.fetchall())
    return [Candidate(user, symbol, side, by_symbol[symbol]) for user, symbol, side in rows]


async def fire(
    connection: Connection, group: list[Candidate], now_ms: int, life_ms: int, server: str, *, wait: bool
) -> int:
    """Fires those of the group that are still to be fired, in one transaction; returns how many. `server` is the tier's name.

    Accounts that another writer holds are left alone, or with `wait` waited for; 0 when one of them takes too long.
    """
    parameters = _quote_columns([candidate.quote for candidate in group]) | {
        "users": [candidate.user for candidate in group],
        "sides": [candidate.side for candidate in group],
        "now_ms": now_ms,
        "life_ms": life_ms,
        "max_cash": MAX_CASH_CENTS,
        "max_shares": MAX_SHARES,
        "server": server,
        "wait": wait,
    }
    try:
        cursor = await connection.execute(_SQL["fire"], parameters)
    except LockNotAvailable:
        return 0
    rows = await cursor.fetchall()
    return int(rows[0][0])


def changes(payload: str) -> list[tuple[str, int]]:
    """The accounts that a notice on `account_changed` names, each with the version that a fire made (migration 0004)."""
    parts = [change.partition(" ") for change in payload.split(",")]
    return [(user, int(version)) for user, _, version in parts]


def _quote_columns(quotes: list[Quote]) -> dict[str, Any]:
    return {
        "symbols": [quote.symbol for quote in quotes],
        "prices": [quote.price_cents for quote in quotes],
        "quote_times": [quote.time_ms for quote in quotes],
    }
