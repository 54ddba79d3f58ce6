"""The trigger server's loop on a real database, with quotes that the test hands out."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from core.clock import SystemClock
from db.pool import open_pool
from quotecache.freshness import Asker, Quote
from tests.conftest import Database
from tests.unit.trigger.bank import BUY, LIFE_MS, SELL, Bank, Order, connect, quote, run
from trigger.watch import Watch

pytestmark = pytest.mark.services

SELDOM_MS = 60_000


class Prices:
    """A quote cache of which the test is the other end."""

    def __init__(self) -> None:
        self.known: dict[str, Quote] = {}
        self.wanted: list[Asker] = []

    def get(self, symbol: str, now_ms: int) -> Quote | None:
        return self.known.get(symbol)

    def want(self, askers: list[Asker]) -> None:
        self.wanted += askers


class Day:
    """A trigger server at work in this process."""

    def __init__(self, bank: Bank, watch: Watch, prices: Prices) -> None:
        self.bank = bank
        self.watch = watch
        self.prices = prices

    async def come(self, symbol: str, price: int) -> None:
        """A quote comes: durable, then usable, then told."""
        came = quote(symbol, price, time.time_ns() // 1_000_000)
        await self.bank.quote(came)
        self.prices.known[symbol] = came
        self.watch.on_quote([came])

    async def users(self) -> list[str]:
        """Whose triggers are still there."""
        return [user for user, _, _ in await self.bank.orders()]


@asynccontextmanager
async def day(database: Database, poll_ms: int, *armed: Order) -> AsyncIterator[Day]:
    async with await connect(database.admin_url) as admin:
        bank = Bank(database, admin)
        for order in armed:
            await bank.armed(order)
        stop, prices = asyncio.Event(), Prices()
        watch = Watch(SystemClock(), "trigger-0", LIFE_MS, poll_ms, stop)
        pool = await open_pool(database.url("daytrade_trigger"), 1, 2, "trigger")
        watching = asyncio.ensure_future(watch.run(pool, prices))
        await watch.ready.wait()
        yield Day(bank, watch, prices)
        stop.set()
        watch.on_stop()
        await watching
        await pool.close()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(500):
        if await true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("not within 5 s")


def test_a_quote_that_comes_fires_without_waiting_for_the_poll(database: Database) -> None:
    async def body() -> None:
        async with day(database, SELDOM_MS, Order("ann", "ABC", BUY, 300, 900)) as one:
            await one.come("ABC", 301)
            await one.come("XYZ", 1)
            await asyncio.sleep(0.1)
            assert await one.users() == ["ann"]
            await one.come("ABC", 300)

            async def gone() -> bool:
                return await one.users() == []

            await until(gone)
            assert one.watch.fired == 1

    run(body())


def test_an_account_that_is_held_keeps_nobody_else_waiting(database: Database) -> None:
    orders = [Order(user, "ABC", SELL, 300, 900, shares=3) for user in ("ann", "bob", "cat")]

    async def body() -> None:
        async with (
            day(database, 50, *orders) as one,
            await connect(database.url("daytrade_transaction")) as holder,
        ):

            async def left(users: list[str]) -> bool:
                return await one.users() == users

            async with holder.transaction():
                await holder.execute("SELECT FROM account WHERE username = 'bob' FOR UPDATE")
                await one.come("ABC", 300)
                await until(lambda: left(["bob"]))
                await one.bank.armed(Order("dan", "ABC", SELL, 300, 900, shares=3))
                await until(lambda: left(["bob"]))
            await until(lambda: left([]))
            assert len(await one.bank.events()) == 4

    run(body())


def test_a_quote_is_asked_for_once_and_only_while_something_is_armed(database: Database) -> None:
    orders = [
        Order("ann", "ABC", BUY, 300, 900, number=1, armed_ms=20),
        Order("bob", "ABC", BUY, 300, 900, number=2, armed_ms=10, session=4),
        Order("cat", "DEF", BUY, None, 900, number=3),
    ]
    on_behalf_of_bob = Asker("ABC", "bob", 4, 2)
    on_behalf_of_ann = Asker("ABC", "ann", 1, 1)

    async def body() -> None:
        async with day(database, 20, *orders) as one:
            await asyncio.sleep(0.2)
            assert one.prices.wanted == [on_behalf_of_bob]
            await one.bank.rows("DELETE FROM trigger_order WHERE username = 'bob' RETURNING 1")
            one.watch.on_failure("ABC")
            await asyncio.sleep(0.2)
            assert one.prices.wanted == [on_behalf_of_bob, on_behalf_of_ann]
            await one.bank.rows("DELETE FROM trigger_order WHERE username = 'ann' RETURNING 1")
            one.watch.on_failure("ABC")
            await asyncio.sleep(0.2)
            assert one.prices.wanted == [on_behalf_of_bob, on_behalf_of_ann]

    run(body())


def test_what_is_armed_or_grows_later_is_seen_at_the_next_poll(database: Database) -> None:
    async def body() -> None:
        async with day(database, 20) as one:
            await one.come("ABC", 300)
            await one.bank.armed(Order("ann", "ABC", BUY, 300, 299))
            await asyncio.sleep(0.2)
            assert await one.users() == ["ann"]
            await one.bank.rows("UPDATE account SET reserved_cents = 600 RETURNING 1")
            await one.bank.rows("UPDATE trigger_order SET amount_cents = 600 RETURNING 1")

            async def gone() -> bool:
                return await one.users() == []

            await until(gone)
            assert await one.bank.holdings() == [("ann", "ABC", 2, 0, 600)]

    run(body())
