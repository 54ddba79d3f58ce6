"""A database with a past: commands that the real rules decided and the real statements wrote, with a clock of its own."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

import psycopg

from core.codec import Request
from core.money import parse_decimal
from db import fires
from db.pool import Pool, open_pool
from db.quotes import record_hits
from quotecache.freshness import Asker, Hit, Quote
from tests.conftest import Database
from transaction.account import Account
from transaction.batch import Batch, Entry
from transaction.sessions import Session
from transaction.store import Store

START_MS: Final = 1_795_000_000_000
SERVER: Final = "transaction-0"
SESSION: Final = "test"


class History:
    """Commands, quotes, fires and expiries, one after the other."""

    def __init__(self, pool: Pool, store: Store, trigger_server: fires.Connection, session_id: int) -> None:
        self._pool = pool
        self._store = store
        self._trigger_server = trigger_server
        self._session = Session(session_id, 0)
        self._quotes: dict[str, Quote] = {}
        self._newcomers: dict[str, int] = {}
        self.now_ms = START_MS
        self.number = 0
        self.prices: dict[str, int] = {}
        """What the quote server would answer; 10.00 for a symbol not named."""

    async def send(self, *lines: str) -> list[str]:
        """Commands without numbers, decided and committed as one batch; their replies."""
        entries = [self._entry(line) for line in lines]
        accounts = {account.user: account for account in await self._store.load([e.user for e in entries])}
        for user in {entry.user for entry in entries} - accounts.keys():
            accounts[user] = Account(user)
            accounts[user].seq = self._newcomers.get(user, 0)
        batch = Batch(accounts, self._quote, self.now_ms)
        for entry in entries:
            while (symbol := batch.decide(entry)) is not None:
                assert entry.request is not None
                await self.hit(Asker(symbol, entry.user, self._session.session_id, entry.request.number))
        assert not await self._store.commit(batch.columns())
        for user, account in accounts.items():
            if not account.exists:
                self._newcomers[user] = account.seq
        return [entry.reply for entry in entries]

    async def hit(self, asker: Asker) -> Quote:
        """A quote paid for: recorded, then usable."""
        price = self.prices.get(asker.symbol, 1000)
        key = f"{asker.number:056d}"
        quote = Quote(asker.symbol, price, asker.user, self.now_ms - 5, key, asker.session_id, asker.number)
        await record_hits(self._pool, SERVER, [Hit(quote, self.now_ms)])
        self._quotes[asker.symbol] = quote
        return quote

    async def fire(self) -> int:
        """What the cached quotes reach, fired; how many."""
        quotes = [quote for symbol in self._quotes if (quote := self._quote(symbol, self.now_ms))]
        found = await fires.candidates(self._trigger_server, quotes, self.now_ms, 60_000, 1000)
        if not found:
            return 0
        return await fires.fire(self._trigger_server, found, self.now_ms, 60_000, "trigger-0", wait=True)

    async def expire(self) -> None:
        """What the sweep of a shard does: pendings that are too old return."""
        users = [user for user, _ in await self._store.pendings()]
        accounts = {account.user: account for account in await self._store.load(users)}
        batch = Batch(accounts, self._quote, self.now_ms)
        for user in users:
            batch.decide(Entry(None, None, user))
        if batch.rows:
            assert not await self._store.commit(batch.columns())

    def _entry(self, line: str) -> Entry:
        self.number += 1
        command, user, *rest = line.split(",")
        symbol = rest[0] if rest and rest[0].isalpha() and command != "DUMPLOG" else ""
        filename = rest[0] if command == "DUMPLOG" else ""
        cents = parse_decimal(rest[-1]) if rest else None
        refusal = "BAD_AMOUNT: not an amount" if cents is not None and cents <= 0 else ""
        request = Request(0, SESSION, self.number, command, user, symbol, cents, filename, refusal, line)
        entry = Entry(request, None, user)
        entry.session = self._session
        return entry

    def _quote(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self._quotes.get(symbol)
        return quote if quote and now_ms - quote.time_ms <= 60_000 else None


@asynccontextmanager
async def history(database: Database) -> AsyncIterator[History]:
    """A history that begins in an empty database."""
    pool = await open_pool(database.url("daytrade_transaction"), 1, 2, "history")
    try:
        async with await psycopg.AsyncConnection.connect(
            database.url("daytrade_trigger"), autocommit=True
        ) as trigger_server:
            store = Store(pool, SERVER)
            session = (await store.sessions([SESSION]))[SESSION]
            yield History(pool, store, trigger_server, session.session_id)
            await store.close()
    finally:
        await pool.close()


SCENARIO: Final = (
    # Alice has one of everything that can stand: holdings, a pending buy and sell, triggers armed and not.
    ("QUOTE,alice,ABC", "ADD,alice,-1.00", "ADD,alice,10000.00", "ADD,bob,500.00"),
    ("BUY,alice,ABC,305.00", "BUY,alice,XYZ,200.00", "COMMIT_BUY,alice", "COMMIT_BUY,alice"),
    ("QUOTE,bob,ABC", "BUY,bob,ABC,1000.00", "BUY,bob,ABC,100.00", "CANCEL_BUY,bob", "COMMIT_SELL,bob"),
    ("SELL,alice,ABC,50.00", "COMMIT_SELL,alice", "SELL,alice,ABC,20.00", "CANCEL_SELL,alice"),
    ("SET_BUY_AMOUNT,alice,ABC,100.00", "SET_BUY_AMOUNT,alice,ABC,155.00", "SET_BUY_TRIGGER,alice,ABC,9.00"),
    (
        "SET_BUY_AMOUNT,alice,XYZ,70.00",
        "SET_SELL_AMOUNT,alice,XYZ,100.00",
        "SET_SELL_TRIGGER,alice,XYZ,20.00",
    ),
    ("SET_SELL_AMOUNT,alice,ABC,100.00", "SET_SELL_TRIGGER,alice,ABC,11.00", "SET_SELL_AMOUNT,bob,ABC,5.00"),
    ("SET_BUY_AMOUNT,bob,ABC,50.00", "SET_BUY_TRIGGER,bob,ABC,1.00", "CANCEL_SET_BUY,bob,ABC"),
    ("BUY,bob,ABC,30.00", "DISPLAY_SUMMARY,bob", "DUMPLOG,bob,log.xml", "SELL,alice,XYZ,20.00"),
)
"""Each line a batch; then 70 s later ABC is at 8.00, and alice's buy trigger fires; then at 12.00, and her sell does."""


async def scenario(database: Database) -> None:
    """A little of everything, always the same."""
    async with history(database) as past:
        for lines in SCENARIO:
            past.now_ms += 100
            await past.send(*lines)
        past.now_ms += 70_000
        past.prices["ABC"] = 800
        await past.expire()
        await past.send("QUOTE,carol,ABC")
        assert await past.fire() == 1
        await past.send("BUY,bob,ABC,17.00", "SET_BUY_AMOUNT,bob,ABC,33.33", "SET_BUY_TRIGGER,bob,ABC,7.50")
        past.now_ms += 61_000
        past.prices["ABC"] = 1200
        await past.send("QUOTE,alice,ABC")
        assert await past.fire() == 1
        await past.send(
            "BUY,alice,ABC,25.00", "BUY,alice,XYZ,35.00", "SELL,alice,XYZ,31.00", "SELL,alice,ABC,24.00"
        )
        past.now_ms += 3000
        await past.send("COMMIT_BUY,alice", "QUOTE,dave,XYZ", "BUY,bob,ABC,12.00", "QUOTE,bob,XYZ")
        await past.send("SET_SELL_AMOUNT,alice,ABC,99.00", "CANCEL_SET_SELL,alice,ABC")


def run_scenario(database: Database) -> None:
    """`scenario`, for tests that are not asynchronous."""
    asyncio.run(scenario(database))


async def random_past(database: Database, seed: int, batches: int, users: int = 6) -> int:
    """Any commands of any users at any time; how many succeeded."""
    chance = random.Random(seed)
    names = [f"user{index}" for index in range(users)]
    done = 0
    async with history(database) as past:
        await past.send(*(f"ADD,{name},5000.00" for name in names))
        for _ in range(batches):
            past.now_ms += chance.choice((0, 1, 50, 2000, 25_000))
            replies = await past.send(*_random_lines(chance, names))
            done += sum(reply.startswith("OK") for reply in replies)
            for symbol in "AB":
                past.prices[symbol] = chance.randint(100, 5000)
            if chance.random() < 0.3:
                done += await past.fire()
            if chance.random() < 0.3:
                await past.expire()
    return done


def _random_lines(chance: random.Random, names: list[str]) -> Iterable[Any]:
    for _ in range(chance.randint(1, 8)):
        command = chance.choice(_FORMS)
        yield command.format(
            user=chance.choice(names),
            symbol=chance.choice("AB"),
            amount=f"{chance.randint(0, 60000) / 100:.2f}",
            price=f"{chance.randint(80, 6000) / 100:.2f}",
        )


_FORMS: Final = (
    "ADD,{user},{amount}", "QUOTE,{user},{symbol}", "QUOTE,stranger,{symbol}", "DISPLAY_SUMMARY,{user}",
    "BUY,{user},{symbol},{amount}", "BUY,{user},{symbol},{amount}", "COMMIT_BUY,{user}", "COMMIT_BUY,{user}",
    "CANCEL_BUY,{user}", "SELL,{user},{symbol},{amount}", "SELL,{user},{symbol},{amount}", "COMMIT_SELL,{user}",
    "CANCEL_SELL,{user}", "SET_BUY_AMOUNT,{user},{symbol},{amount}", "SET_BUY_TRIGGER,{user},{symbol},{price}",
    "SET_BUY_TRIGGER,{user},{symbol},{price}", "CANCEL_SET_BUY,{user},{symbol}", "SET_SELL_AMOUNT,{user},{symbol},{amount}",
    "SET_SELL_TRIGGER,{user},{symbol},{price}", "SET_SELL_TRIGGER,{user},{symbol},{price}", "CANCEL_SET_SELL,{user},{symbol}",
)  # fmt: skip
