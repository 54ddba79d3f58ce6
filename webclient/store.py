"""Connections to Postgres for requests: borrowed for a block, with what goes wrong told as the problem UNAVAILABLE."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from psycopg import Connection, OperationalError
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from webclient.parts import parts
from webclient.problems import UNAVAILABLE, Problem

Pool = ConnectionPool[Connection[TupleRow]]

_OPTIONS: Final = "-c jit=off -c enable_seqscan=off"
_WAIT_S: Final = 2.0
"""A request waits this long for a connection."""
_MAX_WAITING: Final = 200


# It would log each attempt of an outage, as text among lines of JSON; whoever needs a connection is told by UNAVAILABLE.
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def open_pool(url: str, size: int, name: str) -> Pool:
    """A pool of autocommit connections that are made in the background: the web client starts also while Postgres is away."""
    return ConnectionPool(
        url,
        kwargs={
            "autocommit": True,
            "prepare_threshold": 1,
            "application_name": name,
            "options": _OPTIONS,
            "connect_timeout": 2,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 10_000,
        },
        min_size=1,
        max_size=size,
        max_waiting=_MAX_WAITING,
        name=name,
        open=True,
        timeout=_WAIT_S,
        reconnect_timeout=0.5,
        reconnect_failed=lambda pool: None if pool.closed else pool.check(),
    )


@contextmanager
def connection(pool: Pool | None = None) -> Iterator[Connection[TupleRow]]:
    """A connection for the time of the block. Raises Problem UNAVAILABLE for all that another attempt may mend."""
    try:
        with _living(pool or parts().pool) as one:
            yield one
    except (OperationalError, PoolTimeout, TooManyRequests) as error:
        raise Problem(UNAVAILABLE, "The database does not answer at the moment.") from error


@contextmanager
def _living(pool: Pool) -> Iterator[Connection[TupleRow]]:
    """One that works. After a restart of Postgres all that lay idle are dead: who meets the first has all of them replaced.

    (The pool's own `check` waits for a second, then two, for each dead one that it meets: longer than anybody waits.)
    """
    one = pool.getconn()
    try:
        ConnectionPool.check_connection(one)
    except OperationalError:
        pool.putconn(one)
        pool.check()
        one = pool.getconn()
    try:
        with one:
            yield one
    finally:
        pool.putconn(one)
