"""Trigger servers as processes, with the real quote cache and the quote server's simulator behind them."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from stack import ports
from stack.server import OwnServer
from tests.conftest import Cache, Database
from tests.unit.quotecache.market import Process, QuoteServer
from tests.unit.trigger.bank import BUY, SELL, Bank, Order, connect, run

pytestmark = pytest.mark.services


class TriggerServer(Process):
    """`python -m trigger`, ready."""

    def __init__(
        self, name: str, database: Database, cache: Cache, quotes: QuoteServer, **settings: object
    ) -> None:
        port = ports.reserve()
        port.release()
        self.address = ("127.0.0.1", port.port)
        environment = {
            "DAYTRADE_NAME": name,
            "DAYTRADE_LISTEN": f"127.0.0.1:{port.port}",
            "DAYTRADE_DATABASE_URL": database.url("daytrade_trigger"),
            "DAYTRADE_REDIS_URL": cache.url,
            "DAYTRADE_REDIS_PASSWORD_FILE": str(cache.password_file or ""),
            "DAYTRADE_QUOTE_SERVER": f"{quotes.address[0]}:{quotes.address[1]}",
            "DAYTRADE_LOG_LEVEL": "warning",
        }
        environment |= {f"DAYTRADE_{key.upper()}": str(value) for key, value in settings.items()}
        super().__init__(["-m", "trigger"], environment)

    def wait(self) -> "TriggerServer":
        deadline = time.monotonic() + 15
        while not ports.accepts(self.address):
            assert time.monotonic() < deadline, "the trigger server does not listen"
            time.sleep(0.02)
        return self


async def until(true: Callable[[], Awaitable[bool]], seconds: float = 15) -> float:
    """Waits until it is true; how long that took, in seconds."""
    began = time.monotonic()
    while not await true():
        assert time.monotonic() - began < seconds, "not within the time"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def hits(bank: Bank) -> list[tuple[object, ...]]:
    """(symbol, user, number) of each quoteServer event, in order."""
    return await bank.rows(
        "SELECT symbol, username, number FROM audit WHERE kind = 2 ORDER BY quote_time_ms, symbol"
    )


def test_two_servers_fire_exactly_what_the_prices_reach(
    database: Database, redis_db: Cache, tmp_path: Path
) -> None:
    """One of them is killed on the way, and the database and the log show one fire for each trigger reached."""
    prices = tmp_path / "prices"
    prices.write_text("ABC,10.00,9.00,8.00\nXY,5.00,5.50,6.00\n")
    reached = {
        Order("a", "ABC", BUY, 950, 2_000, number=1): (900, 200),
        Order("b", "ABC", BUY, 950, 850, number=2): (800, 50),
        Order("c", "ABC", BUY, 899, 800, number=3): (800, None),
        Order("d", "XY", SELL, 550, 1_100, shares=2, number=4): (550, 1_100),
        Order("e", "XY", SELL, 551, 600, shares=1, number=5): (600, 600),
    }
    never = [
        Order("f", "ABC", BUY, 799, 2_000, number=6, armed_ms=5),
        Order("g", "XY", SELL, 601, 700, shares=1, number=7, armed_ms=5),
        Order("h", "ABC", BUY, None, 2_000, number=8),
        Order("i", "NOT", BUY, None, 2_000, number=9),
    ]

    async def body() -> None:
        with ExitStack() as children:
            quotes = children.push(QuoteServer("--delay=none", f"--price=file:{prices}"))
            async with await connect(database.admin_url) as admin:
                bank = Bank(database, admin)
                for order in [*reached, *never]:
                    await bank.armed(order)
                servers = [
                    children.push(
                        TriggerServer(f"trigger-{n}", database, redis_db, quotes, quote_life_ms=900)
                    )
                    for n in range(2)
                ]
                for server in servers:
                    server.wait()

                async def fired(count: int) -> bool:
                    return len(await bank.events()) >= count

                await until(lambda: fired(2))
                servers[0].signal(signal.SIGKILL)
                await until(lambda: fired(len(reached)))
                await asyncio.sleep(1.5)
                assert servers[1].stop() == 0
                expected = sorted(
                    (o.user, o.number, o.symbol, price, added) for o, (price, added) in reached.items()
                )
                events = await bank.events()
                assert [(e[0], e[3], e[6], e[7], e[9]) for e in events] == expected
                assert await bank.orders() == sorted((o.user, o.symbol, o.side) for o in never)
                made = await hits(bank)
                assert len(made) == quotes.counts()["hits"] > 3
                assert set(made) == {("ABC", "f", 6), ("XY", "g", 7)}

    run(body())


def test_what_is_armed_after_the_quote_came_fires_at_it_within_two_seconds(
    database: Database, redis_db: Cache
) -> None:
    """Also for a server that finds the quote in the cache, made by somebody else; and nobody hits again."""

    async def body() -> None:
        with ExitStack() as children:
            quotes = children.push(QuoteServer("--delay=none", "--price=fixed:700"))
            async with await connect(database.admin_url) as admin:
                bank = Bank(database, admin)
                await bank.armed(Order("far", "ABC", BUY, 1, 10, number=77))
                for name in ("trigger-0", "trigger-1"):
                    server = children.push(TriggerServer(name, database, redis_db, quotes)).wait()

                    async def quoted() -> bool:
                        return len(await hits(bank)) == 1

                    await until(quoted)
                    await bank.armed(Order(name, "ABC", BUY, 700, 1_400, number=5))

                    async def fired(name: str = name) -> bool:
                        return name in {event[0] for event in await bank.events()}

                    assert await until(fired) < 2
                    assert server.stop() == 0
                assert await hits(bank) == [("ABC", "far", 77)]
                assert quotes.counts()["hits"] == 1

    run(body())


def test_the_database_and_the_cache_are_killed_and_it_goes_on(database: Database, redis_db: Cache) -> None:
    async def body() -> None:
        with ExitStack() as children:
            quotes = children.push(QuoteServer("--delay=none", "--price=fixed:700"))
            server = children.push(TriggerServer("trigger-0", database, redis_db, quotes)).wait()
            both = database.services.postgres, database.services.valkey
            owned = [service for service in both if isinstance(service, OwnServer)]
            if len(owned) < len(both):
                pytest.skip("needs servers of its own to kill")
            for number, killed in enumerate([owned[1:], owned[:1], owned], start=1):
                for own in killed:
                    own.kill()
                await asyncio.sleep(0.3)
                for own in killed:
                    own.restart()
                async with await connect(database.admin_url) as admin:
                    bank = Bank(database, admin)
                    order = Order(f"u{number}", "ABC", SELL, 600, 1_400, shares=2, number=number)
                    await bank.armed(order)

                    async def fired(bank: Bank = bank, count: int = number) -> bool:
                        return len(await bank.events()) == count

                    await until(fired)
                    assert [event[-1] for event in await bank.events()] == [1_400] * number
            assert quotes.counts()["hits"] == 1
            assert server.stop() == 0

    run(body())
