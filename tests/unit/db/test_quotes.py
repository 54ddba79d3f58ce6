"""Hits on record: once each, the newest one kept, and all of it with the rights of the tiers."""

import asyncio

import psycopg
import pytest

from core.errors import Unavailable
from db.pool import Pool, open_pool
from db.quotes import newest_quotes, record_hits
from quotecache.freshness import Hit, Quote
from tests.conftest import Database

pytestmark = pytest.mark.services

ROLES = pytest.mark.parametrize("role", ["daytrade_transaction", "daytrade_trigger"])


def hit(symbol: str, time_ms: int, key: str, price_cents: int = 100) -> Hit:
    return Hit(Quote(symbol, price_cents, "ann", time_ms, key, 7, 9), time_ms + 5)


def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(query.encode()).fetchall()


async def opened(database: Database, role: str = "daytrade_transaction") -> Pool:
    return await open_pool(database.url(role), 1, 2, "test")


@ROLES
def test_a_hit_is_an_event_and_the_newest_quote(database: Database, role: str) -> None:
    async def body() -> None:
        pool = await opened(database, role)
        one = hit("ABC", 1_000, "k1", 1234)
        await record_hits(pool, "tier", [one])
        assert await newest_quotes(pool, ["ABC", "XYZ"], 1_000) == [one.quote]
        assert await newest_quotes(pool, ["ABC"], 1_001) == []
        await pool.close()

    asyncio.run(body())
    columns = (
        "timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, price_cents, "
        "quote_time_ms, cryptokey"
    )
    assert rows(database, f"SELECT {columns} FROM audit") == [
        (1_005, "ann", 0, 2, 7, 9, "tier", 0, "ABC", 1234, 1_000, "k1")
    ]


@ROLES
def test_recording_again_changes_nothing(database: Database, role: str) -> None:
    """As after a commit whose answer was lost, when others have recorded newer hits since."""

    async def body() -> None:
        pool = await opened(database, role)
        old, new = [hit("A", 1, "k1"), hit("B", 2, "k2")], [hit("A", 3, "k3")]
        for hits in (old, new, old, new + old):
            await record_hits(pool, "tier", hits)
        assert {q.symbol: q.key for q in await newest_quotes(pool, ["A", "B"], 0)} == {"A": "k3", "B": "k2"}
        await pool.close()

    asyncio.run(body())
    assert rows(database, "SELECT cryptokey FROM audit ORDER BY 1") == [("k1",), ("k2",), ("k3",)]


def test_the_newest_stays_in_whatever_order_hits_are_recorded(database: Database) -> None:
    async def body() -> None:
        pool = await opened(database)
        await record_hits(pool, "tier", [hit("A", 5, "m"), hit("A", 9, "n"), hit("A", 7, "z")])
        await record_hits(pool, "tier", [hit("A", 9, "b")])
        await record_hits(pool, "tier", [hit("A", 8, "y")])
        assert [q.key for q in await newest_quotes(pool, ["A"], 0)] == ["n"]
        await record_hits(pool, "tier", [hit("A", 9, "o")])
        assert [q.key for q in await newest_quotes(pool, ["A"], 0)] == ["o"]
        await pool.close()

    asyncio.run(body())
    assert rows(database, "SELECT count(*) FROM audit") == [(6,)]


def test_a_key_of_another_time_or_symbol_is_another_hit(database: Database) -> None:
    async def body() -> None:
        pool = await opened(database)
        await record_hits(pool, "tier", [hit("A", 1, "k"), hit("A", 2, "k"), hit("B", 1, "k")])
        await pool.close()

    asyncio.run(body())
    assert rows(database, "SELECT count(*) FROM audit") == [(3,)]


def test_two_processes_never_wait_for_each_other_in_a_circle(database: Database) -> None:
    names = [chr(65 + n) for n in range(26)]

    async def body() -> None:
        pool = await opened(database)
        await asyncio.gather(
            *(
                record_hits(pool, "tier", [hit(name, turn, f"{turn}{way}") for name in names[::way]])
                for turn in range(40)
                for way in (1, -1)
            )
        )
        await pool.close()

    asyncio.run(body())
    assert rows(database, "SELECT count(*) FROM audit") == [(26 * 80,)]


def test_nothing_to_do_needs_no_database(database: Database) -> None:
    async def body() -> None:
        pool = await opened(database)
        await pool.close()
        await record_hits(pool, "tier", [])
        assert await newest_quotes(pool, [], 0) == []

    asyncio.run(body())


def test_an_absent_database_is_unavailable(database: Database) -> None:
    async def body() -> None:
        pool = await opened(database)
        with psycopg.connect(database.admin_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test'"
            )
        with pytest.raises(Unavailable):
            await record_hits(pool, "tier", [hit("A", 1, "k")])
        await record_hits(pool, "tier", [hit("A", 1, "k")])
        await pool.close()

    asyncio.run(body())
