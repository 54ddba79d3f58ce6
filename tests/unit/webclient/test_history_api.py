"""The history as pages and as a file, over a past that the real rules decided and the real statements wrote."""

import asyncio
import csv
import io
from typing import Any, get_args

import psycopg
import pytest
from apiflask import APIFlask

from core import commands as c
from tests.conftest import Database
from tests.unit.db.history import SESSION, START_MS, random_past, run_scenario
from tests.unit.webclient.visitors import Visitor, problem, supervisor, trader
from webclient import sheet
from webclient.api.history import CommandName
from webclient.history import Entry, Place


def truth(database: Database, user: str | None = None) -> list[tuple[Any, ...]]:
    """(time, user, sequence, kind, command code, refusal) of every entry, newest first, asked for in one piece."""
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(
            "SELECT timestamp_ms, username, seq, kind, command, split_part(error, ':', 1) FROM audit"
            " WHERE kind <> 2 AND (%(user)s::text IS NULL OR username = %(user)s)"
            ' ORDER BY timestamp_ms DESC, username COLLATE "C" DESC, seq DESC',
            {"user": user},
        ).fetchall()


def told(entries: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The same of what the API told."""
    kinds = {"command": 1, "expiry": 3, "fire": 4}
    return [
        (
            entry["at"],
            entry["user"],
            entry["seq"],
            kinds[entry["kind"]],
            c.CODES[entry["command"]],
            None if entry["outcome"] == "OK" else entry["outcome"],
        )
        for entry in entries
    ]


def pages(visitor: Visitor, path: str, **query: Any) -> list[dict[str, Any]]:
    """All entries, page after page."""
    entries: list[dict[str, Any]] = []
    page = visitor.get(path, **query)
    while True:
        assert len(page["entries"]) <= query.get("limit", 50)
        entries += page["entries"]
        if page["next"] is None:
            return entries
        page = visitor.get(path, **query, before=page["next"])


@pytest.fixture
def past(database: Database) -> Database:
    """The scenario of tests.unit.db.history."""
    run_scenario(database)
    return database


def entry(entries: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The only entry with these values."""
    (found,) = [one for one in entries if wanted.items() <= one.items()]
    return found


def test_everything_that_happened_page_by_page(past: Database, app: APIFlask) -> None:
    boss = supervisor(app)
    assert len(truth(past, "alice")) > 25
    for user in ("alice", "bob", "dave"):
        for limit in (1, 7, 200):
            assert told(pages(boss, f"/api/users/{user}/history", limit=limit)) == truth(past, user)
    assert pages(boss, "/api/users/nobody/history") == []


def test_what_an_entry_says(past: Database, app: APIFlask) -> None:
    entries = supervisor(app).get("/api/users/alice/history", limit=200)["entries"]
    fire = entry(entries, kind="fire", command="SET_BUY_TRIGGER")
    assert fire | {"at": 0, "seq": 0, "number": 0} == {
        "at": 0, "user": "alice", "seq": 0, "kind": "fire", "command": "SET_BUY_TRIGGER", "symbol": "ABC",
        "amount": None, "price": "8.00", "shares": 19, "cash_added": "3.00", "cash_removed": None, "outcome": "OK",
        "session": SESSION, "number": 0, "server": "trigger-0",
    }  # fmt: skip
    armed = [one for one in entries if one["kind"] == "command" and one["command"] == "SET_BUY_TRIGGER"]
    assert [(one["amount"], one["price"], one["number"]) for one in armed] == [(None, "9.00", fire["number"])]
    buy = entry(entries, command="BUY", amount="305.00")
    assert (buy["price"], buy["shares"], buy["cash_removed"]) == ("10.00", 30, "300.00")
    refused = entry(entries, command="ADD", outcome="BAD_AMOUNT")
    assert (refused["amount"], refused["cash_added"]) == ("-1.00", None)
    expiry = entry(entries, kind="expiry", command="CANCEL_SELL")
    assert (expiry["symbol"], expiry["shares"], expiry["cash_added"]) == ("XYZ", 2, None)


def test_the_price_of_an_own_hit_is_told(past: Database, app: APIFlask) -> None:
    """The row of such a command has no price (audit-log.md): it stands with the hit."""
    entries = supervisor(app).get("/api/users/alice/history", command="QUOTE")["entries"]
    assert [one["price"] for one in entries] == ["12.00", "10.00"]


def test_filters(past: Database, app: APIFlask) -> None:
    boss = supervisor(app)
    rows = truth(past, "alice")
    path = "/api/users/alice/history"
    assert told(pages(boss, path, command="BUY", limit=2)) == [
        row for row in rows if row[4] == c.CODES[c.BUY]
    ]
    assert told(pages(boss, path, outcome="OK", limit=3)) == [row for row in rows if row[5] is None]
    refused = told(pages(boss, path, outcome="BAD_AMOUNT"))
    assert refused == [row for row in rows if row[5] == "BAD_AMOUNT"] != []
    middle = rows[len(rows) // 2][0]
    assert told(pages(boss, path, **{"from": middle})) == [row for row in rows if row[0] >= middle]
    assert told(pages(boss, path, to=middle)) == [row for row in rows if row[0] < middle]
    assert pages(boss, path, **{"from": middle, "to": middle}) == []
    assert pages(boss, path, **{"from": middle + 1, "to": middle - 1}) == []
    quiet = told(pages(boss, path, lookups="false"))
    reads = {c.CODES[name] for name in (c.QUOTE, c.DISPLAY_SUMMARY, c.DUMPLOG)}
    assert quiet == [row for row in rows if row[4] not in reads] != rows
    symbols = {one["symbol"] for one in pages(boss, path, symbol="xyz")}
    assert symbols == {"XYZ"}


def test_a_cursor_stands_between_entries_of_one_millisecond(database: Database, app: APIFlask) -> None:
    """Everybody's entries, many of them at the same time, one at a time."""
    asyncio.run(random_past(database, seed=11, batches=12, users=4))
    everybody = pages(supervisor(app), "/api/supervisor/history", limit=3)
    assert told(everybody) == truth(database)
    assert len({one["at"] for one in everybody}) < len(everybody) / 2


def test_a_traders_history_begins_with_the_registration(past: Database, app: APIFlask) -> None:
    """Who asked for a price under a name that was nobody's then, through the load balancer, was somebody else."""
    carol = trader(app, "carol")
    assert truth(past, "carol")
    assert carol.get("/api/users/carol/history") == {"entries": [], "next": None}
    assert supervisor(app).get("/api/users/carol/history")["entries"]


def test_a_trader_sees_only_their_own(past: Database, app: APIFlask) -> None:
    visitor = trader(app, "zoe")
    for path in ("/api/users/alice/history", "/api/users/nobody/history.csv", "/api/supervisor/history"):
        assert visitor.ask("GET", path).status_code == 403


def test_what_is_no_filter_is_refused(app: APIFlask) -> None:
    boss = supervisor(app)
    bad = {
        "command": ["buy", "XYZ", ""],
        "limit": ["0", "201", "99999999999999999999999", "x"],
        "from": ["-1", "1.5", "10000000000000000"],
        "before": ["x", "1_2_3", "1_2_3_4_a/b", "1_2_3_4_\n", "9999999999999999999_0_0_0_"],
        "symbol": ["ABCD", "A1", "é", "ABC\n"],
        "outcome": ["ok", "OK\x00", "' OR 1=1 --"],
        "lookups": ["perhaps"],
        "unknown": ["1"],
    }
    for name, values in bad.items():
        for value in values:
            response = boss.ask("GET", "/api/users/alice/history", query_string={name: value})
            assert problem(response) == (400, "BAD_REQUEST"), (name, value)


def test_the_file_holds_the_same(past: Database, app: APIFlask) -> None:
    boss = supervisor(app)
    response = boss.ask("GET", "/api/users/alice/history.csv")
    assert response.headers["Content-Disposition"] == 'attachment; filename="history-alice.csv"'
    assert response.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    entries = pages(boss, "/api/users/alice/history")
    assert [{name: row[name] for name in entries[0]} for row in rows] == [
        {name: "" if value is None else str(value) for name, value in one.items()} for one in entries
    ]
    assert rows[-1]["time_utc"] == "2026-11-18 11:06:40.100"
    assert int(rows[-1]["at"]) == START_MS + 100


def test_the_file_ends_at_its_limit(
    database: Database, app: APIFlask, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(random_past(database, seed=3, batches=30))
    monkeypatch.setattr("webclient.api.history.MAX_HISTORY_ROWS", 25)
    monkeypatch.setattr("webclient.api.history._CHUNK", 10)
    text = supervisor(app).ask("GET", "/api/supervisor/history.csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["at"]) for row in rows] == [row[0] for row in truth(database)[:25]]


def test_no_cell_is_a_formula() -> None:
    """ASVS 5.0, 1.2.10."""
    evil = Entry(
        at=10**15, user="-2+3", seq=1, kind="command", command="ADD", symbol=None, amount="-5.00", price=None, shares=None,
        cash_added=None, cash_removed=None, outcome="OK", session="=cmd|' /C calc'!A0", number=7, server='@SUM(1+1)*"x",\r\ny',
    )  # fmt: skip
    (cells,) = csv.reader(io.StringIO(sheet.lines([evil]), newline=""))
    told = dict(zip(sheet.COLUMNS, cells, strict=True))
    assert told["user"] == "'-2+3"
    assert told["session"] == "'=cmd|' /C calc'!A0"
    assert told["server"] == '\'@SUM(1+1)*"x",\r\ny'
    assert told["amount"] == "-5.00"
    assert told["time_utc"] == ""


def test_a_cursor_is_read_as_it_was_written() -> None:
    for place in (Place(5), Place(1, 2, 3, 4, "a_b_.-"), Place(1, 0, 0, 0, "")):
        assert Place.parse(place.text()) == place


def test_the_commands_are_the_sixteen() -> None:
    assert get_args(CommandName) == tuple(c.ARGUMENTS)
