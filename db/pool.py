"""Connections to the database: a pool that insists on durability and is back as soon as the database is."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from psycopg import AsyncConnection, Error, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from core.errors import Unavailable
from core.limits import DATABASE_WAIT_MS
from db import queries

Connection = AsyncConnection[TupleRow]
Pool = AsyncConnectionPool[Connection]

_PLANS: Final = "-c jit=off -c enable_seqscan=off"
"""Statements are prepared once, mostly while the tables are small and without statistics: without sequential scans their
plans stay right when those have grown."""

_RECONNECT_S: Final = 0.5
"""Between two attempts to connect while the database is away."""

_DURABLE: Final = {"fsync": {"on"}, "full_page_writes": {"on"}, "synchronous_commit": {"on", "remote_apply"}}


# It would log each attempt of an outage, as text among lines of JSON; whoever needs a connection is told by Unavailable.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


async def open_pool(url: str, min_size: int, max_size: int, name: str) -> Pool:
    """An open pool of autocommit connections; the caller closes it.

    Statements are prepared when they are seen for the second time on a connection. Raises Unavailable when the database
    cannot be reached within DATABASE_WAIT_MS, and RuntimeError when it would acknowledge what a crash can take back.
    """
    pool: Pool = AsyncConnectionPool(
        url,
        kwargs={
            "autocommit": True,
            "prepare_threshold": 1,
            "application_name": name,
            "options": _PLANS,
            "connect_timeout": 2,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
        min_size=min_size,
        max_size=max_size,
        name=name,
        open=False,
        timeout=DATABASE_WAIT_MS / 1000,
        reconnect_timeout=_RECONNECT_S,
        reconnect_failed=_try_again,
    )
    try:
        await pool.open(wait=True, timeout=DATABASE_WAIT_MS / 1000)
        async with connection(pool) as first:
            await _require_durability(first)
    except PoolTimeout as error:
        raise Unavailable(f"no connection to the database within {DATABASE_WAIT_MS} ms") from error
    except BaseException:
        await pool.close()
        raise
    return pool


@asynccontextmanager
async def connection(pool: Pool) -> AsyncIterator[Connection]:
    """A connection for the time of the block. Raises Unavailable for all that another attempt may mend.

    That is: no connection within DATABASE_WAIT_MS, a connection lost, a lock or statement timeout, a deadlock, a full
    disk. Whether a commit that was cut off took effect is not known then. Other database errors are bugs and pass through.
    """
    try:
        async with pool.connection() as one:
            try:
                yield one
            except Error as error:
                raise_if_cancelled()
                if one.broken:
                    raise Unavailable(f"connection to the database lost: {error}") from error
                raise
    except (OperationalError, PoolTimeout) as error:
        raise Unavailable(f"database: {error}") from error
    except Unavailable:
        # The others are likely to be dead too: replaced now, not one by one as each is found.
        await pool.check()
        raise


def raise_if_cancelled() -> None:
    """Raises CancelledError in a task that is being cancelled.

    To be asked before a database error is answered by another attempt: psycopg, cancelled in a statement, asks the server
    to end it, and when the connection dies then it raises that instead. The cancellation would be lost.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def _require_durability(connection: Connection) -> None:
    """Raises RuntimeError unless a commit that was acknowledged survives the power cord."""
    cursor = await connection.execute(queries.load("pool")["durability"])
    for setting, value in await cursor.fetchall():
        if value not in _DURABLE[setting]:
            raise RuntimeError(
                f"The database runs with {setting} = {value}, so an acknowledged command could be lost in a crash: "
                f"set it to on."
            )


async def _try_again(pool: Pool) -> None:
    """Called by the pool when it has given up on a connection; without this it would wait for the next client."""
    await asyncio.sleep(_RECONNECT_S)
    if not pool.closed:
        await pool.check()
