"""The walk back through the log: whatever the times, the page sizes and the budget, every entry comes once and in order."""

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Database
from webclient import history
from webclient.history import Place, Walk, Wanted
from webclient.store import Pool, open_pool

NOW_MS = 1_795_000_000_000
Key = tuple[int, str | None, int, int]


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    one = open_pool(database.url("daytrade_web"), 2, "walk")
    yield one
    one.close()


def fill(database: Database, rows: list[tuple[int, str | None, int]]) -> None:
    """Commands at these times, of these users, with these sequence numbers; the row's place is its number."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO session (name) VALUES ('s')")
        with connection.cursor().copy(
            "COPY audit (timestamp_ms, username, seq, kind, session_id, number, server, command) FROM STDIN"
        ) as copy:
            for number, (at_ms, user, seq) in enumerate(rows, 1):
                copy.write_row((at_ms, user, seq, 1, 1, number, "t", 1))


def past(chance: random.Random, count: int, users: list[str | None]) -> list[tuple[int, str | None, int]]:
    """Bursts with pauses of milliseconds to months between them, written not quite in order."""
    at_ms = NOW_MS
    rows = []
    for seq in range(count, 0, -1):
        rows.append((at_ms, chance.choice(users), seq))
        at_ms -= (
            chance.choice((0, 0, 0, 1, 7, 900))
            if chance.random() < 0.97
            else int(10 ** chance.uniform(3, 9.5))
        )
    rows.reverse()
    for _ in range(count // 20):
        one, other = chance.randrange(count), chance.randrange(count)
        rows[one], rows[other] = rows[other], rows[one]
    return rows


def expected(rows: list[tuple[int, str | None, int]], user: str | None) -> list[Key]:
    found = [
        (at, name, seq, number)
        for number, (at, name, seq) in enumerate(rows, 1)
        if user is None or name == user
    ]
    return sorted(found, key=lambda row: (row[0], row[1] or "", row[2], row[3]), reverse=True)


def told(entries: list[history.Entry]) -> list[Key]:
    return [(entry.at, entry.user, entry.seq, entry.number) for entry in entries]


def walked(pool: Pool, user: str | None, limit: int, **budget: int) -> list[Key]:
    """Page after page, each a walk of its own that begins at the cursor of the one before."""
    found: list[Key] = []
    place: Place | None = None
    while True:
        way = Walk(pool, Wanted(user=user), NOW_MS, place)
        entries = way.take(limit, **budget)
        assert len(entries) <= limit
        found += told(entries)
        if way.done:
            return found
        place = Place.parse(way.place.text())


@pytest.mark.parametrize("seed", range(6))
def test_every_entry_once_and_in_order(database: Database, pool: Pool, seed: int) -> None:
    chance = random.Random(seed)
    users: list[str | None] = ["a", "B", "c-", None]
    rows = past(chance, 700, users)
    fill(database, rows)
    for user in ("a", None):
        for limit in (1 if user else 40, chance.randint(2, 30), 1000):
            assert walked(pool, user, limit) == expected(rows, user), (seed, user, limit)


def test_ten_thousand_entries_of_one_user(database: Database, pool: Pool) -> None:
    """A user who has been away for long, among others who have not; with accounts, so that the newest event is known."""
    rows = past(random.Random(1), 10_000, ["a"]) + [(NOW_MS + n, "b", n) for n in range(1, 5_000)]
    fill(database, rows)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO account VALUES ('a', 1, 0, 0, %s, 1, '[]', '[]', 0, '')", [NOW_MS])
    for limit in (200, 10_000):
        assert walked(pool, "a", limit) == expected(rows, "a")


def test_equal_keys_but_for_the_request(database: Database, pool: Pool) -> None:
    """Users without an account count anew after a restart: only the number of the request tells such entries apart."""
    rows: list[tuple[int, str | None, int]] = [(NOW_MS, user, 1) for user in ("z", None, "z", "a", None, "z")]
    fill(database, rows)
    for limit in (1, 2, 10):
        assert walked(pool, None, limit) == expected(rows, None)


def test_a_page_is_handed_out_when_its_time_is_up(database: Database, pool: Pool) -> None:
    """However little was found; the next page goes on there, and nothing is lost."""
    rows = past(random.Random(5), 300, ["a", "b"])
    fill(database, rows)
    way = Walk(pool, Wanted(user="nobody"), NOW_MS)
    assert way.take(50, 0) == []
    assert not way.done
    assert walked(pool, "a", 50, budget_ms=0) == expected(rows, "a")


def test_a_window_that_takes_too_long_is_parted(
    database: Database, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is slow where much has happened: here, in every window longer than ten seconds."""
    rows: list[tuple[int, str | None, int]] = [(NOW_MS - 3_000 * n, "a", 100 - n) for n in range(40)]
    fill(database, rows)
    slow = "pg_sleep(CASE WHEN least(%(at)s::bigint, 1795000000000) - %(since)s::bigint > 10000 THEN 30 ELSE 0 END)"
    patched: dict[str, Any] = dict(history._SQL)
    patched["window"] = patched["window"].replace("FROM audit AS a\n", f"FROM audit AS a, {slow}\n")
    assert patched["window"] != history._SQL["window"]
    monkeypatch.setattr(history, "_SQL", patched)
    monkeypatch.setattr(history, "_TIMEOUT_MS", 100)
    way = Walk(pool, Wanted(user="a", since_ms=NOW_MS - 200_000), NOW_MS)
    found: list[history.Entry] = []
    while not way.done:
        found += way.take(7, 20_000)
    assert told(found) == expected(rows, "a")


def test_an_empty_log(pool: Pool) -> None:
    for user in ("a", None):
        way = Walk(pool, Wanted(user=user), NOW_MS)
        assert (way.take(10), way.done) == ([], True)


def test_what_was_settled_is_told_from_its_reply(database: Database, pool: Pool) -> None:
    """The row of a COMMIT or CANCEL names no stock; a refused one has none."""
    replies = {
        4: 'OK {"symbol":"ABC","shares":3,"price":"10.50","cost":"31.50","cash":"1.00"}',
        8: 'OK {"symbol":"XY","shares":1}',
        5: 'ERR {"code":"EXPIRED","message":"the pending buy is older than its life"}',
    }
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO session (name) VALUES ('s')")
        for number, (command, reply) in enumerate(replies.items(), 1):
            connection.execute("INSERT INTO command VALUES (1, %s, 'body', %s)", (number, reply))
            error = "EXPIRED: the pending buy is older than its life" if "ERR" in reply else None
            connection.execute(
                "INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, error)"
                " VALUES (%s, 'a', %s, 1, 1, %s, 't', %s, %s)",
                (NOW_MS + number, number, number, command, error),
            )
    entries = Walk(pool, Wanted(user="a"), NOW_MS + 10).take(10)
    assert [(entry.command, entry.symbol, entry.shares, entry.price, entry.outcome) for entry in entries] == [
        ("CANCEL_BUY", None, None, None, "EXPIRED"),
        ("CANCEL_SELL", "XY", 1, None, "OK"),
        ("COMMIT_BUY", "ABC", 3, "10.50", "OK"),
    ]
    for symbol, found in (("ABC", entries[2:]), ("XY", entries[1:2]), ("A", []), ("BC", [])):
        for user in ("a", None):
            assert Walk(pool, Wanted(user=user, symbol=symbol), NOW_MS + 10).take(10) == found
