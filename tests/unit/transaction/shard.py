"""A worker on a real database, with the clock, the quotes and the web server's connection in the test's hands."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from core.codec import Request
from db.check import check
from db.pool import Pool, open_pool
from db.quotes import record_hits
from quotecache.freshness import Asker, Hit, Quote
from tests.conftest import Database
from tests.unit.transaction.desk import LIFE_MS, START_MS, request
from tests.unit.transaction.script import ScriptedStore, Step
from transaction.batch import Entry
from transaction.store import Store
from transaction.worker import Worker

SERVER = "transaction-0"


_keys = itertools.count(1)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time_ms = START_MS

    def now_ms(self) -> int:
        return self.time_ms

    def monotonic_ms(self) -> int:
        return self.time_ms


class Market:
    """Quotes that the test makes, each recorded as a hit before it is used; 60 s old at most when asked for."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._quotes: dict[str, Quote] = {}
        self.wanted: list[Asker] = []

    def get(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self._quotes.get(symbol)
        return quote if quote and now_ms - quote.time_ms <= LIFE_MS else None

    def want(self, askers: list[Asker]) -> None:
        self.wanted += askers

    async def hit(self, symbol: str, price: int, asker: Asker | None = None) -> list[Quote]:
        """A quote paid for by the asker, or by somebody else's command 1 of session 1."""
        hit = self.paid(symbol, price, asker or Asker(symbol, "somebody", 1, 1))
        await self.record(hit)
        self.learn([hit.quote])
        return [hit.quote]

    def paid(self, symbol: str, price: int, asker: Asker) -> Hit:
        """What the quote server answers."""
        now_ms, key = self._clock.now_ms(), f"{next(_keys):056d}"
        quote = Quote(symbol, price, asker.user, now_ms - 1, key, asker.session_id, asker.number)
        return Hit(quote, now_ms)

    async def record(self, hit: Hit) -> None:
        """Makes it durable. Raises Unavailable; recording it again changes nothing."""
        await record_hits(self._pool, SERVER, [hit])

    def learn(self, quotes: list[Quote]) -> None:
        """Quotes that are durable."""
        self._quotes.update({quote.symbol: quote for quote in quotes})


class Client:
    """A web server's connection, and the session behind it: sends lines, gets replies by number, in the order they came."""

    def __init__(self, worker: Worker, session: str = "s") -> None:
        self._worker = worker
        self._session = session
        self._arrived = asyncio.Event()
        self.number = 0
        self.replies: list[tuple[int, str]] = []
        self.answered: set[int] = set()
        self.batches = 0

    def send(self, replies: list[tuple[int, bytes]]) -> None:
        """Called by the worker."""
        self.batches += 1
        for tag, line in replies:
            number, _, reply = line.decode().rstrip("\n").partition(" ")
            assert number == f"[{tag}]"
            self.replies.append((tag, reply))
            self.answered.add(tag)
        self._arrived.set()

    def tell(self, *lines: str, number: int | None = None) -> list[int]:
        """Sends lines at once, numbered on (or all with `number`); their numbers."""
        requests: list[Request] = []
        for line in lines:
            self.number += number is None
            requests.append(request(line, self.number if number is None else number, self._session))
        self._worker.arrive(self, requests)
        return [one.number for one in requests]

    async def until(self, count: int) -> list[str]:
        """Waits for that many replies; all replies so far, in their order."""
        async with asyncio.timeout(10):
            while len(self.replies) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return [reply for _, reply in self.replies]

    async def ask(self, *lines: str, number: int | None = None) -> list[str]:
        """Sends lines at once and waits for their replies."""
        before = len(self.replies)
        self.tell(*lines, number=number)
        return (await self.until(before + len(lines)))[before:]


class Shard:
    """What belongs to one running worker."""

    def __init__(self, pool: Pool, store: Store, worker: Worker, clock: Clock, market: Market) -> None:
        self.pool = pool
        self.store = store
        self.worker = worker
        self.clock = clock
        self.market = market
        self.client = Client(worker)
        self.stranger = Client(worker, "stranger")
        self.dumps: list[Entry] = []
        """DUMPLOGs that are under way: `dumped` ends one."""

    @property
    def script(self) -> list[Step]:
        """What the next commits do (shards made with a ScriptedStore)."""
        assert isinstance(self.store, ScriptedStore)
        return self.store.script

    async def settled(self) -> None:
        """Whatever arrived before this has been decided or waits: a stranger's question has been answered after it."""
        for _ in range(2):
            await self.stranger.ask("DISPLAY_SUMMARY,stranger")

    async def quote(self, symbol: str, price: int, asker: Asker | None = None) -> None:
        """A hit is made, and the worker is told."""
        self.worker.on_quote(await self.market.hit(symbol, price, asker))

    def dumped(self) -> None:
        """The oldest dump is written and answered."""
        entry = self.dumps.pop(0)
        assert entry.request is not None
        entry.link.send([(entry.request.tag, f'[{entry.request.number}] OK {{"events":1}}\n'.encode())])
        self.worker.dumped(entry)


MakeStore = Callable[[Pool, str], Store]


@asynccontextmanager
async def shard_on(
    database: Database, make_store: MakeStore = Store, clock: Clock | None = None, max_size: int = 4
) -> AsyncIterator[Shard]:
    """A worker that runs; at the end everything it wrote must be consistent. A worker that dies fails the test."""
    clock = clock or Clock()
    pool = await open_pool(database.url("daytrade_transaction"), 1, max_size, "test")
    try:
        store, market = make_store(pool, SERVER), Market(pool, clock)
        dumps: list[Entry] = []
        worker = Worker(store, market, clock, LIFE_MS, dumps.append)
        shard = Shard(pool, store, worker, clock, market)
        shard.dumps = dumps
        async with running(worker):
            yield shard
        await store.close()
    finally:
        await pool.close()


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    """Runs the worker for the time of the block, which ends at once if the worker dies."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(worker.run())
        yield
        task.cancel()


def run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """An asynchronous test; none takes a minute."""
    asyncio.run(asyncio.wait_for(coroutine, 120))


async def rows(database: Database, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the administrator sees."""
    async with await psycopg.AsyncConnection.connect(database.admin_url, autocommit=True) as connection:
        return await (await connection.execute(query, parameters)).fetchall()


def assert_sound(database: Database, clock_step_ms: int = 0) -> None:
    """Every invariant holds, and there is something for which it holds."""
    with psycopg.connect(database.admin_url) as connection:
        found = connection.execute("SELECT count(*) FROM command").fetchone()
        assert found is not None
        assert found[0] > 0
    violations = check(database.url("daytrade_audit"), clock_step_ms=clock_step_ms)
    assert not violations, "\n".join(one.sentence for one in violations)


def code_of(reply: str) -> str:
    """`OK` or the code of a refusal."""
    word, body = reply.split(" ", 1)
    return "OK" if word == "OK" else str(json.loads(body)["code"])
