"""What the tiers use instead of the database: the same methods as the real modules, on the fake server."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from core.errors import Unavailable
from db.fires import Candidate, Reach
from quotecache.freshness import Asker, Hit, Quote
from tests.simulation.batches import as_account, decode
from tests.simulation.database import Pool
from tests.simulation.tables import Blocked, Transaction
from transaction.account import Account
from transaction.columns import Column
from transaction.store import StoredReply, StoredSession

_LOCK_TIMEOUT_US: Final = 300_000


class SimulatedStore:
    """transaction.store.Store on the fake server."""

    def __init__(self, pool: Pool, server: str) -> None:
        self._pool = pool
        self._tables = pool.server.tables
        self._transaction: Transaction | None = None

    async def close(self) -> None:
        """There is nothing to give back."""

    async def _call(
        self, name: str, work: Callable[[], Any], prepare: Callable[[], None] = lambda: None
    ) -> Any:
        return await self._pool.call(name, work, prepare, self._transaction)

    async def sessions(self, names: list[str]) -> dict[str, StoredSession]:
        found: dict[str, StoredSession] = await self._call(
            "sessions", lambda: self._tables.find_sessions(names)
        )
        return found

    async def replies(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], StoredReply]:
        asked = list(keys)
        found: dict[tuple[int, int], StoredReply] = await self._call(
            "replies", lambda: self._tables.replies(asked)
        )
        return found

    async def load(self, users: list[str]) -> list[Account]:
        def work() -> list[Account]:
            return [as_account(stored) for stored in self._tables.load(users)]

        found: list[Account] = await self._call("load", work)
        return found

    async def commit(self, columns: dict[str, Column]) -> set[str]:
        written = decode(columns)
        strangers: set[str] = set()
        transaction = self._transaction

        def snapshot() -> None:
            strangers.update(user for user in written.strangers if user in self._tables.accounts)

        def work() -> set[str]:
            conflicts = self._tables.commit(written, strangers, transaction)
            if conflicts:
                self._pool.server.disturb(sorted(conflicts))
            return conflicts

        conflicts: set[str] = await self._call("commit", work, snapshot)
        return conflicts

    @asynccontextmanager
    async def locked(self, users: list[str]) -> AsyncIterator[None]:
        server = self._pool.server
        transaction = self._transaction = server.begin(self._pool.process)
        try:
            await self._call("lock", lambda: self._tables.lock(users, transaction))
            server.world.counts["decided under lock"] += 1
            yield
            await self._call("end", lambda: server.end(transaction, commit=True))
        finally:
            self._transaction = None
            server.world.after(server.travel_us(), server.end, transaction)

    async def pendings(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = await self._call("pendings", self._tables.pendings)
        return found


class SimulatedQuoteStore:
    """db.quotes.QuoteStore on the fake server."""

    def __init__(self, pool: Pool, server: str) -> None:
        self._pool = pool

    async def record(self, hits: list[Hit]) -> None:
        recorded = list(hits)
        await self._pool.call("record", lambda: self._pool.server.tables.record(recorded))

    async def newest(self, symbols: list[str], not_before_ms: int) -> list[Quote]:
        tables = self._pool.server.tables
        found: list[Quote] = await self._pool.call("newest", lambda: tables.newest(symbols, not_before_ms))
        return found


class SimulatedFires:
    """The functions of db.fires; a connection is the process's pool."""

    EVERYTHING: Final = 0

    @staticmethod
    async def armed_since(pool: Pool, marker: int) -> tuple[int, list[Reach]]:
        found: tuple[int, list[Reach]] = await pool.call(
            "armed", lambda: pool.server.tables.armed_since(marker)
        )
        return found

    @staticmethod
    async def reaches(pool: Pool, symbols: list[str]) -> list[Reach]:
        found: list[Reach] = await pool.call("reaches", lambda: pool.server.tables.reaches(symbols))
        return found

    @staticmethod
    async def longest_armed(pool: Pool, symbols: list[str]) -> list[Asker]:
        found: list[Asker] = await pool.call("longest", lambda: pool.server.tables.longest_armed(symbols))
        return found

    @staticmethod
    async def candidates(
        pool: Pool, quotes: list[Quote], now_ms: int, life_ms: int, most: int
    ) -> list[Candidate]:
        tables = pool.server.tables
        found: list[Candidate] = await pool.call(
            "candidates", lambda: tables.candidates(quotes, now_ms, life_ms)
        )
        return found

    @staticmethod
    async def fire(
        pool: Pool, group: list[Candidate], now_ms: int, life_ms: int, server: str, *, wait: bool
    ) -> int:
        database = pool.server
        began_us = 0

        def begin() -> None:
            nonlocal began_us
            began_us = database.world.now_us
            database.world.after(_LOCK_TIMEOUT_US, database.retry)

        def work() -> int:
            late = database.world.now_us >= began_us + _LOCK_TIMEOUT_US
            try:
                fired = database.tables.fire(group, now_ms, life_ms, wait=wait)
            except Blocked:
                if late:
                    return 0
                raise
            if fired:
                database.world.counts["trigger fired"] += len(fired)
                database.notify({user: database.tables.accounts[user].version for user in fired})
            return len(fired)

        count: int = await pool.call("fire", work, begin)
        return count


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Pool]:
    """db.pool.connection."""
    yield pool


class SimulatedPsycopg:
    """What transaction.server needs of psycopg: a connection that listens."""

    class OperationalError(Exception):
        """The connection is lost."""

    class AsyncConnection:
        """A connection of the process's own."""

        def __init__(self, pool: Pool) -> None:
            self._pool = pool
            self._queue: asyncio.Queue[str | None] = asyncio.Queue()

        @classmethod
        async def connect(cls, pool: Pool, autocommit: bool = False) -> "SimulatedPsycopg.AsyncConnection":
            return cls(pool)

        async def __aenter__(self) -> "SimulatedPsycopg.AsyncConnection":
            return self

        async def __aexit__(self, *problem: object) -> None:
            """Its end is noticed when the next notice is sent."""

        async def execute(self, statement: str) -> None:
            try:
                await self._pool.call(
                    "listen", lambda: self._pool.server.listen(self._pool.process, self._queue)
                )
            except Unavailable as error:
                raise SimulatedPsycopg.OperationalError(str(error)) from error

        async def notifies(self) -> AsyncGenerator["Notice", None]:
            while True:
                payload = await self._queue.get()
                if payload is None:
                    raise SimulatedPsycopg.OperationalError("server closed the connection")
                yield Notice(payload)


class Notice:
    """A NOTIFY that came."""

    def __init__(self, payload: str) -> None:
        self.payload = payload
