"""The shard's side of the database: reading accounts, and committing a batch in one statement."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from sys import intern
from typing import Any, NamedTuple

import msgspec
import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg_pool import PoolTimeout

from core.errors import Unavailable
from db import queries
from db.pool import Connection, Pool, raise_if_cancelled
from transaction.account import Account, Holding, TriggerOrder, decode_history, trigger_key
from transaction.columns import Column, Numbers
from transaction.pendings import Pendings, decode_pendings

_SQL = queries.load("transaction")
_COMMIT_BATCH, _COMMIT_COLUMNS = queries.positional(_SQL["commit_batch"])
_SETTINGS = """
    SET plan_cache_mode = force_generic_plan;
    SET idle_in_transaction_session_timeout = '2s'
"""
"""The last so that a process that stands still under `locked` does not hold its users for longer."""


class _NumbersDumper(Dumper):
    """Sends Numbers as they are."""

    format = psycopg.pq.Format.BINARY
    oid = psycopg.postgres.types["int8"].array_oid

    def dump(self, obj: Numbers) -> Buffer:
        return obj


class NumberTaken(Exception):
    """A (session, number) of the batch is in the database already; nothing of the batch was written."""


class StoredSession(NamedTuple):
    """A session's number and the highest request number in the database (0: none)."""

    session_id: int
    highest: int


class StoredReply(NamedTuple):
    """A request that was done: its body, and the reply that its repeats get (None: do it again)."""

    body: str
    reply: str | None


class Store:
    """One connection of the pool, kept as long as it lives, for a worker that does one thing at a time.

    Every method raises Unavailable when the database is away; what it did may then have happened or not.
    """

    def __init__(self, pool: Pool, server: str) -> None:
        self._pool = pool
        self._server = server
        self._connection: Connection | None = None

    async def close(self) -> None:
        """Gives the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await self._pool.putconn(connection)

    async def sessions(self, names: list[str]) -> dict[str, StoredSession]:
        """The sessions' numbers; those that are new get one."""
        async with self._guard() as connection:
            await connection.execute(_SQL["add_sessions"], {"names": names})
            rows = await (await connection.execute(_SQL["sessions"], {"names": names})).fetchall()
            return {name: StoredSession(number, highest) for name, number, highest in rows}

    async def replies(self, keys: Iterable[tuple[int, int]]) -> dict[tuple[int, int], StoredReply]:
        """Those of the requests that are in the database."""
        sessions, numbers = zip(*keys, strict=True)
        async with self._guard() as connection:
            cursor = await connection.execute(
                _SQL["stored_replies"], {"sessions": list(sessions), "numbers": list(numbers)}
            )
            return {(row[0], row[1]): StoredReply(row[2], row[3]) for row in await cursor.fetchall()}

    async def load(self, users: list[str]) -> list[Account]:
        """The accounts of those users who have one."""
        async with self._guard() as connection:
            cursor = await connection.execute(_SQL["load_accounts"], {"users": users}, prepare=True)
            return [_account(row) for row in await cursor.fetchall()]

    async def commit(self, columns: dict[str, Column]) -> set[str]:
        """Writes a batch durably. Returns the users whose accounts somebody else changed: nothing of theirs was written.

        Raises NumberTaken.
        """
        async with self._guard() as connection:
            try:
                values = {**columns, "server": self._server}
                cursor = psycopg.AsyncRawCursor(connection)
                await cursor.execute(_COMMIT_BATCH, [values[name] for name in _COMMIT_COLUMNS], prepare=True)
                return {row[0] for row in await cursor.fetchall()}
            except psycopg.errors.UniqueViolation as error:
                raise NumberTaken from error

    @asynccontextmanager
    async def locked(self, users: list[str]) -> AsyncIterator[None]:
        """A transaction in which nobody else can change these users' accounts; `load` and `commit` inside belong to it."""
        async with self._guard() as connection, connection.transaction():
            await connection.execute(_SQL["lock_accounts"], {"users": users})
            yield

    async def pendings(self) -> list[tuple[str, int]]:
        """(user, timestamp of the oldest pending in ms) for every account with one."""
        async with self._guard() as connection:
            return list(await (await connection.execute(_SQL["pendings"])).fetchall())

    @asynccontextmanager
    async def _guard(self) -> AsyncIterator[Connection]:
        try:
            if self._connection is None:
                self._connection = await self._pool.getconn()
                self._connection.adapters.register_dumper(Numbers, _NumbersDumper)
                await self._connection.execute(_SETTINGS)
            yield self._connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
            await self._drop_broken()
            raise_if_cancelled()
            raise Unavailable(str(error)) from error
        except psycopg.Error as error:
            if await self._drop_broken():
                raise_if_cancelled()
                raise Unavailable(str(error)) from error
            raise

    async def _drop_broken(self) -> bool:
        broken = self._connection is not None and (self._connection.closed or self._connection.broken)
        if broken:
            await self.close()
            await self._pool.check()  # the others are likely to be dead too
        return broken


_holdings = msgspec.json.Decoder(list[tuple[str, int, int, int]])
_triggers = msgspec.json.Decoder(list[tuple[str, int, int, int | None, int, int, int, int | None]])


def _account(row: tuple[Any, ...]) -> Account:
    """An account from a row of `load_accounts`, held against what must always be true of one."""
    account = Account(row[0])
    account.exists = True
    (
        account.version,
        account.cash_cents,
        account.reserved_cents,
        account.timestamp_ms,
        account.seq,
    ) = row[1:6]
    account.buys = Pendings(decode_pendings(row[6]), expired=bool(row[8] & 1))
    account.sells = Pendings(decode_pendings(row[7]), expired=bool(row[8] & 2))
    account.history = decode_history(row[9])
    if row[10]:
        account.holdings = {
            intern(symbol): Holding(free, reserved, cost)
            for symbol, free, reserved, cost in _holdings.decode(row[10])
        }
    if row[11]:
        account.triggers = {
            trigger_key(symbol, side): TriggerOrder(amount, price, shares, session_id, number, armed_ms)
            for symbol, side, amount, price, shares, session_id, number, armed_ms in _triggers.decode(row[11])
        }
    account.check()
    return account
