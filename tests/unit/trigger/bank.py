"""Accounts, triggers and quotes put into a database by hand, and what stands there afterwards."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg

from db import fires
from quotecache.freshness import Quote
from tests.conftest import Database

BUY, SELL = 1, 2
NOW_MS = 1_795_000_000_000
LIFE_MS = 60_000
SERVER = "trigger-0"


class Order(NamedTuple):
    """An armed trigger: a buy holds `amount` cents, a sell `shares`."""

    user: str
    symbol: str
    side: int
    price: int | None
    amount: int
    shares: int = 0
    number: int = 1
    session: int = 1
    armed_ms: int = NOW_MS - 1000


def quote(symbol: str, price: int, time_ms: int = NOW_MS - 10) -> Quote:
    return Quote(symbol, price, "who-asked", time_ms, "key", 1, 1)


class Bank:
    """The tables, by an administrator's connection."""

    def __init__(self, database: Database, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self.database = database
        self.connection = connection

    @asynccontextmanager
    async def trigger_server(self) -> AsyncIterator[fires.Connection]:
        """A connection as a trigger server has it."""
        async with await connect(self.database.url("daytrade_trigger")) as one:
            yield one

    async def account(
        self, user: str, cash: int = 0, reserved: int = 0, timestamp_ms: int = NOW_MS - 5000
    ) -> None:
        await self.connection.execute(
            "INSERT INTO account VALUES (%s, 7, %s, %s, %s, 30, '[]', '[]', 0, '')",
            (user, cash, reserved, timestamp_ms),
        )

    async def holding(self, user: str, symbol: str, shares: int, reserved: int, cost: int = 0) -> None:
        await self.connection.execute(
            "INSERT INTO holding VALUES (%s, %s, %s, %s, %s)", (user, symbol, shares, reserved, cost)
        )

    async def quote(self, newest: Quote) -> None:
        await self.connection.execute(
            "INSERT INTO quote VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (symbol) DO UPDATE"
            " SET price_cents = excluded.price_cents, quote_time_ms = excluded.quote_time_ms",
            (newest.symbol, newest.price_cents, newest.user, newest.time_ms, newest.key, 1, 1),
        )

    async def order(self, order: Order) -> None:
        """Writes the trigger alone, as a writer that knows nothing of written_by."""
        await self.connection.execute(ORDER, order._asdict())

    async def armed(self, order: Order) -> None:
        """An account that has nothing but this armed trigger."""
        await self.account(order.user, 0, order.amount if order.side == BUY else 0)
        if order.side == SELL:
            await self.holding(order.user, order.symbol, 0, order.shares)
        await self.order(order)

    async def rows(self, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await (await self.connection.execute(query, parameters)).fetchall()

    async def accounts(self) -> list[tuple[Any, ...]]:
        """(user, version, cash, reserved, timestamp, seq) of each account."""
        return await self.rows(
            "SELECT username, version, cash_cents, reserved_cents, timestamp_ms, seq FROM account ORDER BY 1"
        )

    async def holdings(self) -> list[tuple[Any, ...]]:
        """(user, symbol, free shares, reserved shares, cost) of each holding."""
        return await self.rows(
            "SELECT username, symbol, shares, reserved_shares, cost_cents FROM holding ORDER BY 1, 2"
        )

    async def orders(self) -> list[tuple[Any, ...]]:
        """Keys of the triggers that are there."""
        return await self.rows("SELECT username, symbol, side FROM trigger_order ORDER BY 1, 2, 3")

    async def events(self) -> list[tuple[Any, ...]]:
        """(user, seq, timestamp, number, session, command, symbol, price, shares, added) of each fire."""
        return await self.rows(
            "SELECT username, seq, timestamp_ms, number, session_id, command, symbol, price_cents, shares, added_cents"
            " FROM audit WHERE kind = 4 ORDER BY 1, 2"
        )

    async def clear(self) -> None:
        await self.connection.execute("TRUNCATE account, holding, trigger_order, quote, audit")


ORDER = """
    INSERT INTO trigger_order (username, symbol, side, amount_cents, price_cents, shares, session_id, number, armed_ms)
    VALUES (%(user)s, %(symbol)s, %(side)s, %(amount)s, %(price)s, %(shares)s, %(session)s, %(number)s, %(armed_ms)s)
    ON CONFLICT (username, symbol, side) DO UPDATE SET
        amount_cents = excluded.amount_cents, price_cents = excluded.price_cents, shares = excluded.shares,
        session_id = excluded.session_id, number = excluded.number, armed_ms = excluded.armed_ms
"""


async def connect(url: str) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


async def fire_all(
    one: fires.Connection,
    quotes: list[Quote],
    now_ms: int = NOW_MS,
    life_ms: int = LIFE_MS,
    *,
    wait: bool = False,
) -> int:
    """What a trigger server does when it sees these quotes: find and fire."""
    found = await fires.candidates(one, quotes, now_ms, life_ms, 10_000)
    return await fires.fire(one, found, now_ms, life_ms, SERVER, wait=wait)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """An asynchronous test; none takes a minute."""
    asyncio.run(asyncio.wait_for(coroutine, 60))


@asynccontextmanager
async def open_bank(database: Database) -> AsyncIterator[tuple[Bank, fires.Connection]]:
    """The bank and one trigger server's connection."""
    async with await connect(database.admin_url) as connection:
        bank = Bank(database, connection)
        async with bank.trigger_server() as one:
            yield bank, one
