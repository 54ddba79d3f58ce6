"""A random stream of commands of a few users through one or two workers, and what may go wrong beside it.

Everything random comes from one seed. The clock is the test's: it moves with the quotes, so that quotes and pendings grow old.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable

import psycopg
import pytest

from core import commands as c
from core.errors import Unavailable
from db import fires
from quotecache.freshness import Asker, Quote
from stack.postgres import EmbeddedPostgres
from tests.conftest import Database
from tests.unit.transaction.desk import LIFE_MS
from tests.unit.transaction.shard import Client, Market, Shard, code_of, rows

USERS = tuple(f"user{number}" for number in range(8))
SYMBOLS = ("A", "B", "C")
MAX_TURNS = 20
FORMS = (
    "ADD,{u},{a}", "QUOTE,{u},{s}", "BUY,{u},{s},{a}", "BUY,{u},{s},{a}", "BUY,{u},{s},{a}", "COMMIT_BUY,{u}",
    "COMMIT_BUY,{u}", "COMMIT_BUY,{u}", "CANCEL_BUY,{u}", "SELL,{u},{s},{a}", "SELL,{u},{s},{a}", "COMMIT_SELL,{u}",
    "CANCEL_SELL,{u}", "SET_BUY_AMOUNT,{u},{s},{a}", "SET_BUY_TRIGGER,{u},{s},{p}", "SET_BUY_TRIGGER,{u},{s},{p}",
    "CANCEL_SET_BUY,{u},{s}", "SET_SELL_AMOUNT,{u},{s},{a}", "SET_SELL_TRIGGER,{u},{s},{p}",
    "SET_SELL_TRIGGER,{u},{s},{p}", "CANCEL_SET_SELL,{u},{s}", "DISPLAY_SUMMARY,{u}", "ADD,{u},-1.00", "COMMIT_BUY,nobody",
)  # fmt: skip


class Storm:
    """`traffic` ends when everything is answered; the other tasks run until they are cancelled."""

    def __init__(self, database: Database, shards: list[Shard], seed: int) -> None:
        self.database = database
        self.shards = shards
        self.chance = random.Random(seed)
        self.lines: dict[int, str] = {}
        self.killed = 0
        """Connections cut in the middle of a statement."""
        self.crashed = 0
        self.fired = 0
        self.bumped = 0

    async def traffic(
        self, commands: int, enough: Callable[[], bool] = lambda: True, window: int = 6
    ) -> None:
        """Each user sends on as long as not more than `window` of theirs are unanswered at some shard.

        `commands`, and as many again until there was `enough` of what goes wrong beside it: a fast machine may be through before.
        """
        for turn in range(MAX_TURNS):
            streams = [self._stream(user, turn, commands // len(USERS), window) for user in USERS]
            await asyncio.gather(*streams)
            if enough():
                break

    async def _stream(self, user: str, turn: int, commands: int, window: int) -> None:
        base = (USERS.index(user) + 1) * 100_000 + turn * commands
        lines = {base: f"ADD,{user},500.00"}
        lines |= {base + number: self._line(user) for number in range(1, commands)}
        self.lines |= lines
        await asyncio.gather(*(self._send(shard.client, user, lines, window) for shard in self.shards))

    def _line(self, user: str) -> str:
        chance = self.chance
        amount, price = chance.randint(50, 4000) / 100, chance.randint(50, 400) / 100
        return chance.choice(FORMS).format(
            u=user, s=chance.choice(SYMBOLS), a=f"{amount:.2f}", p=f"{price:.2f}"
        )

    async def _send(self, client: Client, user: str, lines: dict[int, str], window: int) -> None:
        waiting: list[int] = []
        for number, line in lines.items():
            client.tell(line, number=number)
            waiting.append(number)
            while len(waiting) >= window or number == max(lines):
                waiting = [one for one in waiting if one not in client.answered]
                if not waiting:
                    break
                await asyncio.sleep(0.002)
            if self.chance.random() < 0.1:
                await asyncio.sleep(self.chance.random() * 0.01)

    async def market(self) -> None:
        """Makes the quotes that are waited for, one hit for everybody, and others; and moves the clock."""
        clock = self.shards[0].clock
        while True:
            await asyncio.sleep(0.005)
            clock.time_ms += self.chance.choice((1, 10, 200, 2000))
            asked: dict[str, Asker] = {}
            for shard in self.shards:
                wanted, shard.market.wanted = shard.market.wanted, []
                asked |= {
                    one.symbol: one for one in wanted if not shard.market.get(one.symbol, clock.now_ms())
                }
                shard.worker.sweep()
            if self.chance.random() < 0.5:
                asked.setdefault(symbol := self.chance.choice(SYMBOLS), Asker(symbol, "somebody", 1, 1))
            for asker in asked.values():
                await self._hit(self.shards[0].market, asker)

    async def _hit(self, market: Market, asker: Asker) -> None:
        hit = market.paid(asker.symbol, self.chance.randint(50, 400), asker)
        while True:
            try:
                await market.record(hit)
            except Unavailable:
                await asyncio.sleep(0.01)
            else:
                break
        for one in self.shards:
            one.market.learn([hit.quote])
            one.worker.on_quote([hit.quote])

    async def fire(self) -> None:
        """A trigger server at full speed: it fires whatever the newest quotes reach."""
        async with await psycopg.AsyncConnection.connect(
            self.database.url("daytrade_trigger"), autocommit=True
        ) as one:
            while True:
                now_ms = self.shards[0].clock.now_ms()
                quotes = self._fresh(now_ms)
                found = await fires.candidates(one, quotes, now_ms, LIFE_MS, 1000) if quotes else []
                if found:
                    self.fired += await fires.fire(one, found, now_ms, LIFE_MS, "trigger-0", wait=True)
                await asyncio.sleep(0)

    def _fresh(self, now_ms: int) -> list[Quote]:
        found = (self.shards[0].market.get(symbol, now_ms) for symbol in SYMBOLS)
        return [quote for quote in found if quote]

    async def bump(self) -> None:
        """Somebody who changes accounts without end: versions, nothing else."""
        async with await psycopg.AsyncConnection.connect(self.database.admin_url, autocommit=True) as one:
            while True:
                user = self.chance.choice(USERS)
                done = await one.execute(
                    "UPDATE account SET version = version + 1 WHERE username = %s", (user,)
                )
                self.bumped += done.rowcount
                await asyncio.sleep(0)

    async def kill(self) -> None:
        """Cuts the workers' connections, mostly in the middle of a statement."""
        async with await psycopg.AsyncConnection.connect(self.database.admin_url, autocommit=True) as one:
            while True:
                await asyncio.sleep(self.chance.random() * 0.1)
                for _ in range(200):
                    cut = await (await one.execute(CUT, (self.chance.random() < 0.9,))).fetchall()
                    self.killed += sum(state == "active" for state, _ in cut)
                    if cut:
                        break

    async def crash(self) -> None:
        """Postgres itself dies in the middle of the traffic, and is started again."""
        postgres = self.database.services.postgres
        if not isinstance(postgres, EmbeddedPostgres):
            pytest.skip("what somebody else runs is not ours to kill")
        shard = self.shards[0]
        while True:
            answered = len(shard.client.replies)
            while len(shard.client.replies) < answered + 300 or not shard.worker.waiting:
                await asyncio.sleep(0)
            postgres.kill()
            try:
                await asyncio.sleep(0.2)
            finally:
                postgres.restart()  # not in a thread: it would go when the thread that started it does
            self.crashed += 1


CUT = """
    SELECT state, pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'test' AND (state = 'active' OR NOT %s)
"""


async def beside(work: Iterable[asyncio.Task[None]], traffic: asyncio.Task[None]) -> None:
    """Waits for the traffic; ends at once when something beside it dies."""
    tasks = list(work)
    done, _ = await asyncio.wait([traffic, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    died = [one for one in ended if one is not None and not isinstance(one, asyncio.CancelledError)]
    assert not died, died
    assert traffic in done
    traffic.result()


async def assert_answered_as_stored(storm: Storm) -> Counter[str]:
    """Every command stands once in the database, and every shard gave it its stored reply once, each user's in order."""
    query = "SELECT number, body, reply FROM command JOIN session USING (session_id) WHERE name = 's'"
    stored = {number: (body, reply) for number, body, reply in await rows(storm.database, query)}
    assert {number: body for number, (body, _) in stored.items()} == storm.lines
    codes: Counter[str] = Counter()
    for shard in storm.shards:
        async with asyncio.timeout(5):
            while shard.worker.waiting:  # a last sweep
                await asyncio.sleep(0.01)
        numbers = [number for number, _ in shard.client.replies]
        assert sorted(numbers) == sorted(storm.lines)
        for user in USERS:
            own = [number for number in numbers if number // 100_000 == USERS.index(user) + 1]
            anns = [number for number in own if not storm.lines[number].endswith("nobody")]
            assert anns == sorted(anns)
        for number, reply in shard.client.replies:
            kept = stored[number][1]
            assert kept == reply or (kept is None and storm.lines[number].startswith(c.DISPLAY_SUMMARY))
            codes[code_of(reply)] += 1
    return codes
