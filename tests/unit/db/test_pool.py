"""The pool: durable or not at all, Unavailable while the database is away, back as soon as it is."""

import asyncio
import logging
import secrets
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.pq import TransactionStatus

from core.errors import Unavailable
from core.limits import DATABASE_WAIT_MS
from db.pool import Pool, connection, open_pool
from stack.embedded import Services
from tests.conftest import Database

pytestmark = pytest.mark.services


async def scalar(pool: Pool, query: str) -> object:
    async with connection(pool) as one:
        row = await (await one.execute(query.encode())).fetchone()
    return row[0] if row else None


def test_what_a_connection_is(database: Database) -> None:
    async def body() -> None:
        pool = await open_pool(database.url("daytrade_transaction"), 1, 2, "a-tier")
        assert await scalar(pool, "SELECT current_setting('application_name')") == "a-tier"
        assert await scalar(pool, "SELECT current_user") == "daytrade_transaction"
        assert await scalar(pool, "SELECT current_setting('lock_timeout')") == "15s"
        async with connection(pool) as one:
            await one.execute("SELECT 1")
            assert one.info.transaction_status == TransactionStatus.IDLE
        await pool.close()

    asyncio.run(body())


@pytest.fixture
def careless(database: Database) -> Iterator[Database]:
    """A database in which a role commits without waiting for the disk."""
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        setting = f'ALTER DATABASE "{database.name}" SET synchronous_commit'
        admin.execute(f"{setting} = off".encode())
        yield database
        admin.execute(f'ALTER DATABASE "{database.name}" RESET synchronous_commit'.encode())


def test_no_pool_that_could_lose_a_commit(careless: Database) -> None:
    with pytest.raises(RuntimeError, match="synchronous_commit = off"):
        asyncio.run(open_pool(careless.url("daytrade_transaction"), 1, 1, "a-tier"))


def test_unavailable_when_there_is_no_database(services: Services) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(open_pool(services.url("daytrade_transaction", "no_such"), 1, 1, "a-tier"))


def test_what_is_retried_and_what_is_a_bug(database: Database) -> None:
    async def body() -> None:
        pool = await open_pool(database.url("daytrade_transaction"), 1, 1, "a-tier")
        with pytest.raises(Unavailable):
            await scalar(pool, "SET statement_timeout = 10; SELECT pg_sleep(1)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await scalar(pool, "SELECT * FROM no_such_table")
        assert await scalar(pool, "SELECT 1") == 1
        await pool.close()

    asyncio.run(body())


def test_all_connections_are_replaced_when_one_is_found_dead(database: Database) -> None:
    async def body() -> None:
        pool = await open_pool(database.url("daytrade_transaction"), 4, 4, "doomed")
        terminate(database, "doomed")
        with pytest.raises(Unavailable):
            await scalar(pool, "SELECT 1")
        assert [await scalar(pool, "SELECT 1") for _ in range(12)] == [1] * 12
        await pool.close()

    asyncio.run(body())


def terminate(database: Database, name: str) -> None:
    with psycopg.connect(database.admin_url) as admin:
        killed = admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = %s",
            (name,),
        ).fetchall()
    assert len(killed) == 4


def test_back_when_the_database_is(services: Services) -> None:
    """A database closed to everybody stands for one that is down: connections fail, until it is there again."""
    name = f"moved_{secrets.token_hex(4)}"
    services.create_database(name, template=services.database)
    database = Database(services, name)

    async def body(admin: psycopg.Connection[tuple[object, ...]]) -> int:
        pool = await open_pool(database.url("daytrade_transaction"), 4, 4, "doomed")
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        terminate(database_of(services), "doomed")
        asyncio.get_running_loop().call_later(
            DATABASE_WAIT_MS / 1000 + 1,
            admin.execute,
            f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode(),
        )
        failures = 0
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                await scalar(pool, "SELECT 1")
                break
            except Unavailable:
                failures += 1
        assert await scalar(pool, "SELECT 1") == 1
        await pool.close()
        return failures

    try:
        with psycopg.connect(services.admin_url, autocommit=True) as admin:
            assert asyncio.run(body(admin)) >= 2
    finally:
        services.drop_database(name)


def database_of(services: Services) -> Database:
    return Database(services, services.database)


def test_attempts_to_reconnect_are_not_logged_as_text(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("psycopg.pool").warning("error connecting")
    assert caplog.records == []


def test_a_cancelled_task_ends_although_its_connection_dies(database: Database) -> None:
    """psycopg raises the connection's death instead of the cancellation: whoever tries again after it would never end."""

    async def body() -> None:
        pool = await open_pool(database.url("daytrade_transaction"), 1, 2, "a-tier")

        async def again_and_again() -> None:
            for _ in range(100):
                try:
                    await scalar(pool, "SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(10)")
                except Unavailable:
                    await asyncio.sleep(0)

        task = asyncio.create_task(again_and_again())
        for _ in range(20):
            await asyncio.sleep(0.02)
            time.sleep(0.02)  # noqa: ASYNC251 - the connection's death is there before the cancellation
            task.cancel()
            await asyncio.wait([task], timeout=5)
            assert task.cancelled()
            task = asyncio.create_task(again_and_again())
        task.cancel()
        await asyncio.wait([task])
        await pool.close()

    asyncio.run(body())
