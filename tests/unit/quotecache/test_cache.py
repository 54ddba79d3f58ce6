"""One process's cache on real services: when a price is usable, what ends a want, what a stop leaves."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import psycopg
import pytest
import redis
import uvloop

from core.clock import Clock, SystemClock
from core.errors import Unavailable
from core.limits import QUOTE_LIFE_MS
from core.settings import Address
from db.pool import open_pool
from db.quotes import QuoteStore
from quotecache import flights
from quotecache.cache import QuoteCache
from quotecache.flights import Store
from quotecache.freshness import Asker, Hit, Quote
from quotecache.legacy.delays import parse_delay
from quotecache.legacy.faults import Faults
from quotecache.legacy.prices import parse_price
from quotecache.legacy.server import LegacyServer
from quotecache.source import QuoteSource
from quotecache.valkey import connect
from tests.conftest import Cache, Database
from tests.unit.quotecache.market import recorded, symbols

pytestmark = pytest.mark.services

CLOCK = SystemClock()


class SkewedClock:
    """The machine's clock, ahead by so much; monotonic time runs faster."""

    def __init__(self, ahead_ms: int = 0, speed: int = 1) -> None:
        self.ahead_ms = ahead_ms
        self._speed = speed

    def now_ms(self) -> int:
        return CLOCK.now_ms() + self.ahead_ms

    def monotonic_ms(self) -> int:
        return CLOCK.monotonic_ms() * self._speed


class Gate:
    """A store whose door can be shut, as when the database is away."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.shut = False
        self.tried = 0

    async def record(self, hits: list[Hit]) -> None:
        self.tried += 1
        if self.shut:
            raise Unavailable("shut")
        await self._store.record(hits)

    async def newest(self, symbols: list[str], not_before_ms: int) -> list[Quote]:
        return await self._store.newest(symbols, not_before_ms)


class Room:
    """A quote server and the cache of one process; keeps what the cache says."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self.database, self._cache = database, cache
        self.keys = redis.Redis.from_url(cache.url, password=cache.password)
        self.told: list[list[Quote]] = []
        self.failed: list[str] = []
        self.on_quote: Callable[[list[Quote]], None] = lambda quotes: None

    @asynccontextmanager
    async def open(
        self, clock: Clock = CLOCK, delay: str = "none", fault: str = "", server_clock: Clock = CLOCK
    ) -> AsyncIterator[QuoteCache]:
        loop = asyncio.get_running_loop()
        self.server = LegacyServer(
            parse_delay(delay, 1), parse_price("walk", 1), Faults.parse(fault, 1), server_clock
        )
        door = await loop.create_server(self.server.quote_door, "127.0.0.1", 0)
        address = Address(("127.0.0.1", door.sockets[0].getsockname()[1]))
        pool = await open_pool(self.database.url("daytrade_transaction"), 1, 2, "test")
        self.gate = Gate(QuoteStore(pool, "test"))
        cache = QuoteCache(
            connect(self._cache.url, self._cache.password),
            QuoteSource(address, clock),
            self.gate,
            clock,
            QUOTE_LIFE_MS,
            self._on_quote,
            self.failed.append,
        )
        await cache.start()
        yield cache
        await cache.stop()
        door.close()
        await pool.close()

    def _on_quote(self, quotes: list[Quote]) -> None:
        self.told.append(quotes)
        self.on_quote(quotes)

    def hits(self) -> object:
        return self.server.counts()["hits"]


async def until(true: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "never came true"
        await asyncio.sleep(0.01)


def ask(*names: str) -> list[Asker]:
    return [Asker(name, "ann", 7, 9) for name in names]


@pytest.fixture
def room(database: Database, redis_db: Cache) -> Room:
    return Room(database, redis_db)


def test_a_price_is_durable_before_it_is_used_or_shared(room: Room) -> None:
    def look(quotes: list[Quote]) -> None:
        assert recorded(room.database) == {quote.symbol: [quote.key] for quote in quotes}

    async def body() -> None:
        async with room.open() as cache:
            room.on_quote = look
            room.gate.shut = True
            cache.want(ask("ABC"))
            await until(lambda: room.gate.tried > 1)
            assert room.hits() == 1
            assert (room.told, room.keys.exists("quote:ABC"), recorded(room.database)) == ([], 0, {})
            assert cache.get("ABC", CLOCK.now_ms()) is None
            room.gate.shut = False
            await until(lambda: room.told)
            quote = cache.get("ABC", CLOCK.now_ms())
            assert room.told == [[quote]]
            await until(lambda: room.keys.exists("quote:ABC"))
            assert not room.keys.exists("quote-lock:ABC")

    uvloop.run(body())


def test_what_is_counted_adds_up(room: Room) -> None:
    """Hits of this process, quotes that others (here: the cache, then the database) had, looks that found one or did not."""

    async def body() -> None:
        async with room.open(delay="fixed:20") as cache:
            assert cache.get("ABC", CLOCK.now_ms()) is None
            cache.want(ask("ABC", "XYZ"))
            await until(lambda: cache.fetching == 2)
            assert cache.wanted == 2
            await until(lambda: cache.counts.paid == 2 and cache.counts.told == 2 and not cache.fetching)
            assert cache.get("ABC", CLOCK.now_ms()) is not None
            counts = cache.counts
            assert (counts.found, counts.missing, counts.shared, counts.recalled) == (1, 1, 0, 0)
            assert sum(counts.fetch_seconds.counts) == 2
            assert 0.04 <= counts.fetch_seconds.total < 10
            assert (cache.wanted, cache.unrecorded) == (0, 0)
        async with room.open() as another:
            another.want(ask("ABC"))
            await until(lambda: another.counts.shared == 1)
            room.keys.delete("quote:XYZ")
            another.want(ask("XYZ"))
            await until(lambda: another.counts.recalled == 1)
            assert another.counts.paid == 0

    uvloop.run(body())


def test_the_hit_bears_the_first_askers_name(room: Room) -> None:
    async def body() -> None:
        async with room.open() as cache:
            cache.want([Asker("ABC", "ann", 7, 9), Asker("ABC", "bob", 8, 10)])
            cache.want([Asker("ABC", "cid", 9, 11)])
            await until(lambda: room.told)
            (quote,) = room.told[0]
            assert (quote.user, quote.session_id, quote.number) == ("ann", 7, 9)
            with psycopg.connect(room.database.admin_url) as connection:
                rows = connection.execute(
                    "SELECT username, session_id, number, quote_time_ms FROM audit"
                ).fetchall()
            assert rows == [("ann", 7, 9, quote.time_ms)]

    uvloop.run(body())


def test_all_that_is_wanted_in_one_turn_is_one_call(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flights, "QUOTE_RENEW_MS", 60_000)

    async def body() -> None:
        async with room.open(delay="fixed:300") as cache:
            await until(lambda: room.keys.exists("quote-era"))
            before = calls(room)
            for name in symbols(400):
                cache.want(ask(name))
            await asyncio.sleep(0.15)
            assert calls(room) == before + 1
            await until(lambda: len({q.symbol for quotes in room.told for q in quotes}) == 400)
            assert room.hits() == 400

    uvloop.run(body())


def calls(room: Room) -> int:
    """How often a script was run; a script that the server does not know yet is refused first."""
    statistics = room.keys.info("commandstats").get("cmdstat_evalsha", {"calls": 0, "rejected_calls": 0})
    return int(statistics["calls"]) - int(statistics.get("failed_calls", 0))


def test_without_a_price_a_want_fails_at_its_deadline(room: Room) -> None:
    async def body() -> None:
        async with room.open(SkewedClock(speed=20), fault="garbage:1") as cache:
            cache.want(ask("ABC", "XYZ"))
            await until(lambda: len(room.failed) == 2)
            assert sorted(room.failed) == ["ABC", "XYZ"]
            assert room.told == []
            await until(lambda: not room.keys.exists("quote-lock:ABC", "quote-lock:XYZ"))

    uvloop.run(body())


def test_without_a_cache_server_a_want_fails_at_its_deadline(database: Database) -> None:
    room = Room(database, Cache("redis://127.0.0.1:1/0", None))

    async def body() -> None:
        async with room.open(SkewedClock(speed=20)) as cache:
            cache.want(ask("ABC"))
            await until(lambda: room.failed == ["ABC"])
            assert room.hits() == 0

    uvloop.run(body())


def test_a_hit_that_came_too_old_is_recorded_but_not_used(room: Room) -> None:
    """The quote server's clock is two minutes behind: each answer is paid for, and asked for again only after a second."""

    async def body() -> None:
        async with room.open(server_clock=SkewedClock(-120_000)) as cache:
            cache.want(ask("ABC"))
            await until(lambda: room.hits() == 3)
            await until(lambda: len(recorded(room.database)["ABC"]) == 3)
            assert (room.told, cache.get("ABC", CLOCK.now_ms())) == ([], None)
            assert not room.keys.exists("quote:ABC")
        with psycopg.connect(room.database.admin_url) as connection:
            stamps = connection.execute("SELECT timestamp_ms FROM audit ORDER BY 1").fetchall()
        assert all(b - a >= 900 for (a,), (b,) in pairwise(stamps))

    uvloop.run(body())


def test_wanting_what_is_here_is_answered_without_asking_anybody(room: Room) -> None:
    async def body() -> None:
        async with room.open() as cache:
            cache.want(ask("ABC"))
            await until(lambda: room.told)
            await until(lambda: not room.keys.exists("quote-lock:ABC"))
            before = calls(room)
            cache.want(ask("ABC"))
            assert len(room.told) == 1, "not from within want"
            await until(lambda: len(room.told) == 2)
            assert room.told[0] == room.told[1]
            assert (calls(room), room.hits()) == (before, 1)

    uvloop.run(body())


def test_an_asker_whose_clock_is_ahead_pays_nothing_and_fails_in_the_end(room: Room) -> None:
    """After our clock stepped back a transaction server's time stands still for a while, and quotes are too old for it."""

    async def body() -> None:
        async with room.open(SkewedClock(speed=10)) as cache:
            room.on_quote = lambda quotes: cache.want(ask("ABC"))
            cache.want(ask("ABC"))
            await until(lambda: room.failed == ["ABC"])
            assert (len(room.told), room.hits()) == (2, 1)

    uvloop.run(body())


def test_a_stop_records_what_was_paid_for_and_gives_up_its_locks(room: Room) -> None:
    async def body() -> None:
        async with room.open() as cache:
            room.gate.shut = True
            cache.want(ask("ABC"))
            await until(lambda: room.gate.tried > 1)
            stopping = asyncio.create_task(cache.stop())
            await asyncio.sleep(1)
            assert not stopping.done()
            room.gate.shut = False
            await stopping
            assert list(recorded(room.database)) == ["ABC"]
            assert room.keys.exists("quote:ABC")
            assert not room.keys.exists("quote-lock:ABC")

    uvloop.run(body())
