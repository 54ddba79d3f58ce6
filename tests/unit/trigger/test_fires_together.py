"""Fires beside everything else that writes: two transaction servers on the same users at full speed, two trigger servers.

Afterwards the invariant checker holds the audit log against the accounts: sums, sequences, one fire for each arming, at a
quote that was in the log, never beyond its price.
"""

import asyncio
import random
import time
from collections import Counter

import pytest

from core import commands as c
from core.clock import SystemClock
from core.codec import Request
from core.limits import PENDING_LIFE_MS
from db import fires
from db.check import check
from db.pool import Pool, open_pool
from db.quotes import record_hits
from quotecache.freshness import Asker, Hit, Quote
from tests.conftest import Database
from tests.unit.trigger.bank import LIFE_MS, Bank, connect, run
from transaction.store import Store
from transaction.worker import Worker

pytestmark = pytest.mark.services

USERS = [f"user{number}" for number in range(6)]
SYMBOLS = ("A", "BC")
SECONDS = 4.0
SESSIONS = ("s1", "s2")
COMMANDS = {
    c.ADD: 2,
    c.BUY: 6,
    c.COMMIT_BUY: 4,
    c.SELL: 4,
    c.COMMIT_SELL: 3,
    c.CANCEL_SELL: 1,
    c.SET_BUY_AMOUNT: 8,
    c.SET_BUY_TRIGGER: 12,
    c.CANCEL_SET_BUY: 2,
    c.SET_SELL_AMOUNT: 8,
    c.SET_SELL_TRIGGER: 12,
    c.CANCEL_SET_SELL: 2,
}
"""How often each of them comes."""


class Market:
    """What all share: the newest quotes, the end of the day, and what was counted."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.clock = SystemClock()
        self.quotes: dict[str, Quote] = {}
        self.ends_at = time.monotonic() + SECONDS
        self.counts: Counter[str] = Counter()

    @property
    def is_open(self) -> bool:
        return time.monotonic() < self.ends_at

    def get(self, symbol: str, now_ms: int) -> Quote | None:
        return self.quotes[symbol]

    def want(self, askers: list[Asker]) -> None:
        raise AssertionError("every quote is there")

    def send(self, replies: list[tuple[int, bytes]]) -> None:
        self.counts["replies"] += len(replies)


async def move_prices(market: Market, pool: Pool) -> None:
    """New prices all the time, each durable before it is seen, as the quote cache has it."""
    number = 0
    while market.is_open:
        for symbol in SYMBOLS:
            number += 1
            stamp_ms = market.clock.now_ms()
            price = market.chance.randrange(100, 200)
            quote = Quote(symbol, price, "user0", stamp_ms, f"{symbol}{number}", 1, number)
            await record_hits(pool, "trigger-0", [Hit(quote, stamp_ms)])
            market.quotes[symbol] = quote
        await asyncio.sleep(0.03)


def random_request(chance: random.Random, session: str, number: int) -> Request:
    """The first ones, one a user, are ADDs."""
    command, user = c.ADD, USERS[(number - 1) % len(USERS)]
    if number > len(USERS):
        command, user = chance.choices(list(COMMANDS), list(COMMANDS.values()))[0], chance.choice(USERS)
    arguments, symbol = c.ARGUMENTS[command], chance.choice(SYMBOLS)
    cents = chance.randrange(80, 220) if command.endswith("TRIGGER") else chance.randrange(90, 900)
    return Request(
        0,
        session,
        number,
        command,
        user,
        symbol if c.SYMBOL in arguments else "",
        cents if c.AMOUNT in arguments else None,
        "",
        "",
        f"{command},{user},{symbol},{cents}",
    )


async def trade(market: Market, database: Database, session: str) -> None:
    """A transaction server that always has something to do."""
    pool = await open_pool(database.url("daytrade_transaction"), 1, 2, "transaction")
    store = Store(pool, f"transaction-{session}")
    worker = Worker(store, market, market.clock, PENDING_LIFE_MS, lambda entry: None)
    working = asyncio.ensure_future(worker.run())
    sent = 0
    while market.is_open or worker.waiting:
        if market.is_open and worker.waiting < 20:
            numbers = range(sent + 1, sent + 1 + market.chance.randrange(1, 20))
            worker.arrive(market, [random_request(market.chance, session, number) for number in numbers])
            sent = numbers[-1]
        assert not working.done(), working.result()
        await asyncio.sleep(0.001)
    working.cancel()
    market.counts["commands"] += sent
    market.counts["conflicts"] += worker.counts.conflicts
    await store.close()
    await pool.close()


async def fire(market: Market, database: Database, server: str) -> None:
    """A trigger server that never rests, and is cut off now and then in the middle of a fire."""
    url = database.url("daytrade_trigger")
    one = await connect(url)
    while market.is_open:
        found = await fires.candidates(one, list(market.quotes.values()), market.clock.now_ms(), LIFE_MS, 100)
        wait = market.chance.random() < 0.5
        firing = asyncio.ensure_future(
            fires.fire(one, found, market.clock.now_ms(), LIFE_MS, server, wait=wait)
        )
        if market.chance.random() < 0.05:
            await asyncio.sleep(market.chance.random() * 0.01)
            firing.cancel()
            await asyncio.gather(firing, return_exceptions=True)
            await one.close()
            one = await connect(url)
            market.counts["cut off"] += 1
        else:
            market.counts[server] += await firing
    await one.close()


@pytest.mark.parametrize("seed", [1, 2])
def test_exactly_once_and_to_the_cent_whoever_else_writes(database: Database, seed: int) -> None:
    async def body() -> None:
        market = Market(seed)
        pool = await open_pool(database.url("daytrade_trigger"), 1, 2, "quotes")
        async with await connect(database.admin_url) as admin:
            bank = Bank(database, admin)
            await bank.rows("INSERT INTO session (name) VALUES ('quotes') RETURNING 1")
            moving = asyncio.ensure_future(move_prices(market, pool))
            while len(market.quotes) < len(SYMBOLS):
                await asyncio.sleep(0.01)
            await asyncio.gather(
                moving,
                *(trade(market, database, session) for session in SESSIONS),
                *(fire(market, database, server) for server in ("trigger-0", "trigger-1")),
            )
            durable = len(await bank.events())
        await pool.close()
        counts = market.counts
        print(f"seed {seed}: {dict(counts)}, {durable} fires are durable")
        known = counts["trigger-0"] + counts["trigger-1"]
        assert counts["replies"] == counts["commands"] > 0
        assert min(counts["trigger-0"], counts["trigger-1"], counts["cut off"], counts["conflicts"]) > 0
        assert 20 < known <= durable

    run(body())
    assert check(database.url("daytrade_audit")) == []
