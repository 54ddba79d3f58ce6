"""The fake database and the fake Valkey against the real ones: random operations on both, and the same answers.

What the simulation shows is worth as much as its fakes are like what they stand for.
"""

import asyncio
import copy
import itertools
import random
from collections import Counter
from typing import Any

import psycopg
import pytest
import redis

from core.limits import MAX_FIRES_FOUND
from db import fires
from db.pool import open_pool
from db.quotes import QuoteStore
from quotecache.freshness import Hit, Quote
from quotecache.valkey import _encode, _script
from tests.conftest import Cache, Database
from tests.simulation.batches import as_account, decode
from tests.simulation.bugs import BUGS
from tests.simulation.commands import USERS, draw_bodies
from tests.simulation.tables import Tables, Transaction
from tests.simulation.valkey import Valkey
from tests.simulation.world import START_MS, World
from tests.unit.transaction.desk import LIFE_MS, request
from transaction.account import Account
from transaction.batch import Batch, Entry
from transaction.sessions import Session
from transaction.store import NumberTaken, Store

STEPS = 250
SYMBOLS = ("A", "B", "CD")


class Pair:
    """The same operations on the real database and on the fake one."""

    def __init__(self, store: Store, quotes: QuoteStore, firing: fires.Connection, seed: int) -> None:
        self._store = store
        self._quote_store = quotes
        self._firing = firing
        self.tables = Tables(10 * LIFE_MS)
        self.chance = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self._users = USERS[:4]
        self._now_ms = START_MS
        self._quotes: dict[str, Quote] = {}
        self._old: dict[str, Account] = {}
        """Accounts as they once were."""
        self._bodies = iter(draw_bodies(self.chance, self._users, 4 * STEPS))
        self._number = 0
        self._session = Session(0, 0)
        self._marker = (fires.EVERYTHING, 0)

    async def begin(self) -> None:
        """A session."""
        real = await self._store.sessions(["s"])
        assert real == self.tables.find_sessions(["s"])
        self._session = Session(real["s"].session_id, 0)

    async def step(self) -> None:
        """One operation, drawn by chance."""
        self._now_ms += self.chance.choice((1, 50, 400))
        steps = (self._commit, self._commit, self._commit, self._commit, self._hit, self._fire, self._look)
        await self.chance.choice(steps)()

    async def _accounts(self, users: list[str]) -> dict[str, Account]:
        """The users' accounts, some of them as they were some time ago."""
        loaded = {account.user: account for account in await self._store.load(users)}
        stored = {account.user: account for account in map(as_account, self.tables.load(users))}
        assert loaded.keys() == stored.keys()
        assert all(contents(stored[user]) == contents(loaded[user]) for user in loaded)
        accounts = {user: stored.get(user) or Account(user) for user in users}
        for user in users:
            if user in self._old and self.chance.random() < 0.2:
                accounts[user] = self._old.pop(user)
            elif self.chance.random() < 0.5:
                self._old[user] = copy.deepcopy(accounts[user])
        return accounts

    async def _commit(self) -> None:
        """A batch as a worker makes it, perhaps over old accounts, perhaps with a number that is taken, perhaps under lock."""
        users, locked = list(self._users), self.chance.random() < 0.2
        accounts = await self._accounts(users)
        batch = Batch(accounts, lambda symbol, now_ms: self._quotes.get(symbol), self._now_ms, 2_000)
        for body in itertools.islice(self._bodies, self.chance.randint(1, 4)):
            self._number += self._number == 0 or self.chance.random() > 0.02
            entry = Entry(asked := request(body, self._number), None, asked.user)
            if asked.user in accounts:
                entry.session = self._session
                entry.unpriced = True
                batch.decide(entry)
        if not batch.rows:
            return
        columns = batch.columns()
        real = await self._try_real(columns, users if locked else None)
        fake = self._try_fake(columns, users if locked else None)
        assert real == fake
        self.seen["conflict" if fake else "number taken" if fake is None else "written"] += 1

    async def _try_real(self, columns: Any, locked: list[str] | None) -> set[str] | None:
        try:
            if locked is None:
                return await self._store.commit(columns)
            async with self._store.locked(locked):
                return await self._store.commit(columns)
        except NumberTaken:
            return None

    def _try_fake(self, columns: Any, locked: list[str] | None) -> set[str] | None:
        transaction = None
        written = decode(columns)
        strangers = {user for user in written.strangers if user in self.tables.accounts}
        try:
            if locked is not None:
                transaction = Transaction()
                self.tables.lock(locked, transaction)
            conflicts = self.tables.commit(written, strangers, transaction)
        except NumberTaken:
            if transaction is not None:
                self.tables.end(transaction, commit=False)
            return None
        if transaction is not None:
            self.tables.end(transaction, commit=True)
        return conflicts

    async def _hit(self) -> None:
        symbol = self.chance.choice(SYMBOLS)
        lag_ms = self.chance.choice((0, 5, 900))
        quote = Quote(
            symbol,
            self.chance.randint(50, 400),
            "ann",
            self._now_ms - lag_ms,
            f"k{self.chance.randrange(9)}",
            1,
            1,
        )
        hits = [Hit(quote, self._now_ms)]
        await self._quote_store.record(hits)
        self.tables.record(hits)
        not_before_ms = self._now_ms - 1_000
        real = await self._quote_store.newest(list(SYMBOLS), not_before_ms)
        fake = self.tables.newest(SYMBOLS, not_before_ms)
        assert sorted(real, key=repr) == sorted(fake, key=repr)
        self._quotes = dict(self.tables.quotes)
        self.seen["hit"] += 1

    async def _fire(self) -> None:
        quotes = list(self._quotes.values())
        if not quotes:
            return
        found = await fires.candidates(self._firing, quotes, self._now_ms, LIFE_MS, MAX_FIRES_FOUND)
        assert found == self.tables.candidates(quotes, self._now_ms, LIFE_MS)
        if found:
            fired = await fires.fire(self._firing, found, self._now_ms, LIFE_MS, "trigger", wait=True)
            assert fired == len(self.tables.fire(found, self._now_ms, LIFE_MS, wait=True))
            self.seen["fired"] += fired

    async def _look(self) -> None:
        real_marker, real = await fires.armed_since(self._firing, str(self._marker[0]))
        fake_marker, fake = self.tables.armed_since(self._marker[1])
        assert set(fake) <= set(real), "a row may come again, none is left out"
        self._marker = (real_marker, fake_marker)
        symbols = list(SYMBOLS)
        assert sorted(await fires.reaches(self._firing, symbols)) == sorted(self.tables.reaches(symbols))
        askers = await fires.longest_armed(self._firing, symbols)
        assert sorted(askers, key=repr) == sorted(self.tables.longest_armed(symbols), key=repr)
        keys = [
            (self._session.session_id, number) for number in range(max(1, self._number - 3), self._number + 2)
        ]
        assert await self._store.replies(keys) == self.tables.replies(keys)
        assert sorted(await self._store.pendings()) == sorted(self.tables.pendings())
        assert await self._store.sessions(["s"]) == self.tables.find_sessions(["s"])
        self.seen["look"] += 1


def contents(account: Account) -> list[Any]:
    """Everything that was read."""
    return [getattr(account, name) for name in Account.__slots__]


_AUDIT = """
    SELECT timestamp_ms, coalesce(username, ''), seq, kind, session_id, number, command, coalesce(symbol, ''),
           coalesce(filename, ''), funds_cents, price_cents, coalesce(added_cents, 0), coalesce(removed_cents, 0),
           coalesce(error, ''), coalesce(shares, 0)
    FROM audit WHERE kind <> 2
"""


@pytest.mark.parametrize("seed", [1, 2])
def test_the_fake_database_is_like_postgres(database: Database, seed: int) -> None:
    asyncio.run(_compare_databases(database, seed))


@pytest.mark.parametrize("bug", ["no version check", "fire leaves its trigger"])
def test_a_fake_that_is_not_is_found(database: Database, bug: str) -> None:
    with BUGS[bug](), pytest.raises(AssertionError):
        asyncio.run(_compare_databases(database, 1))


async def _compare_databases(database: Database, seed: int) -> None:
    pool = await open_pool(database.url("daytrade_transaction"), 1, 3, "test")
    firing = await psycopg.AsyncConnection.connect(database.url("daytrade_trigger"), autocommit=True)
    store = Store(pool, "shard")
    pair = Pair(store, QuoteStore(pool, "shard"), firing, seed)
    try:
        await pair.begin()
        for _ in range(STEPS):
            await pair.step()
    finally:
        await store.close()
        await firing.close()
        await pool.close()
    with psycopg.connect(database.admin_url) as connection:
        real = Counter(connection.execute(_AUDIT).fetchall())
        hits = connection.execute("SELECT count(*) FROM audit WHERE kind = 2").fetchone()
    assert real == Counter(tuple(row)[:15] for row in pair.tables.audit)
    assert hits == (len(pair.tables.hits),)
    assert (
        min(pair.seen[what] for what in ("written", "conflict", "number taken", "hit", "fired", "look")) > 0
    ), pair.seen


def test_the_fake_valkey_is_like_the_real_one(redis_db: Cache) -> None:
    client = redis.Redis.from_url(redis_db.url, password=redis_db.password)
    scripts = {name: client.register_script(_script(name)) for name in ("ask", "hold", "share")}
    fake = Valkey(World(1), lambda quote: True, 0, 1)
    chance = random.Random(1)
    seen: Counter[Any] = Counter()
    for step in range(2_000):
        if chance.random() < 0.02:
            client.flushdb()
            fake.flush()
        name, keys, arguments = _call(chance, step)
        real = scripts[name](keys=keys, args=arguments)
        assert (real or None) == (getattr(fake, name)(keys, arguments) or None), (step, name, keys, arguments)
        seen.update([name, *(answer for answer in real or () if isinstance(answer, int))])
    client.close()
    assert {"ask", "hold", "share", 1, 0} <= set(seen), seen


def _call(chance: random.Random, step: int) -> tuple[str, list[str], list[Any]]:
    """A script with keys and arguments. Locks, quotes and pauses outlast the test."""
    token = chance.choice(("one", "two", "three"))
    symbols = chance.sample(SYMBOLS, chance.randint(0, 3))
    pairs = [key for symbol in symbols for key in (f"quote:{symbol}", f"quote-lock:{symbol}")]
    now_ms, hour_ms = START_MS + 20 * step, 3_600_000
    kind = chance.random()
    if kind < 0.6:
        knows = chance.choice(("0", "1"))
        return "ask", ["era", "pause", *pairs], [token, hour_ms, now_ms, 1_000, hour_ms, knows]
    if kind < 0.75:
        return "hold", ["era", "pause", *pairs[1::2]], [token, hour_ms, hour_ms]
    arguments: list[Any] = [token, "channel", b""]
    for symbol in symbols:
        quote = Quote(
            symbol, 100, "ann", now_ms - chance.choice((0, 500, 2_000)), f"k{chance.randrange(3)}", 1, 1
        )
        arguments += [_encode(quote), chance.choice((hour_ms, 0))] if chance.random() < 0.7 else [b"", 0]
    return "share", pairs, arguments
