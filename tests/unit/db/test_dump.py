"""The audit dump: every kind of row becomes the elements of audit-log.md, whole files only, everything committed."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from lxml import etree

from core.commands import CODES
from core.errors import Unavailable
from core.money import format_cents
from db.dump import dump
from db.pool import open_pool
from tests.conftest import Database
from tests.unit.db.history import random_past

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[3]
SCHEMA = ROOT.parent / "shared" / "schema" / "logfile.xsd"
COLUMNS = (
    "timestamp_ms", "username", "seq", "kind", "session_id", "number", "server", "command", "symbol", "filename",
    "funds_cents", "price_cents", "added_cents", "removed_cents", "error", "quote_time_ms", "cryptokey",
)  # fmt: skip
NOW_MS = 1_795_000_000_000

Event = tuple[str, dict[str, str]]


def row(**values: object) -> dict[str, object]:
    """A row of the audit table: a QUOTE without anything, and what is given."""
    plain = {
        "timestamp_ms": NOW_MS,
        "seq": 1,
        "kind": 1,
        "session_id": 1,
        "number": 7,
        "server": "t",
        "command": 2,
    }
    return dict.fromkeys(COLUMNS) | plain | values


def write(database: Database, *rows: dict[str, object]) -> None:
    with psycopg.connect(database.admin_url) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO audit VALUES (" + ", ".join(f"%({column})s" for column in COLUMNS) + ")", rows
        )


def written(database: Database, path: Path, username: str | None = None) -> list[Event]:
    """A dump's elements as (tag, {child: text}), after everything that holds for any dump was checked."""
    count = asyncio.run(dump(database.url("daytrade_transaction"), path, username))
    document = etree.parse(path)
    events = [(one.tag, {child.tag: child.text or "" for child in one}) for one in document.getroot()]
    assert document.getroot().tag == "log"
    assert len(events) == count
    assert all(text != "" for _, fields in events for text in fields.values()), "an empty element"
    if SCHEMA.exists():
        etree.XMLSchema(etree.parse(SCHEMA)).assertValid(document)
    assert os.listdir(path.parent) == [path.name]
    return events


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "testLOG"


HEAD = {"timestamp": str(NOW_MS), "server": "t", "transactionNum": "7"}


def event(tag: str, **fields: str) -> Event:
    return tag, HEAD | fields


BUY = {"command": "BUY", "username": "u", "stockSymbol": "ABC", "funds": "276.83"}
KINDS = [
    (row(), [event("userCommand", command="QUOTE")]),
    (
        row(command=CODES["BUY"], username="u", symbol="ABC", funds_cents=27683, price_cents=1000, removed_cents=27000),
        [
            event("userCommand", **BUY),
            event("systemEvent", command="BUY", username="u", stockSymbol="ABC", funds="10.00"),
            event("accountTransaction", action="remove", username="u", funds="270.00"),
        ],
    ),
    (
        row(command=CODES["SET_BUY_AMOUNT"], username="u", symbol="ABC", funds_cents=5, added_cents=100, removed_cents=5),
        [
            event("userCommand", command="SET_BUY_AMOUNT", username="u", stockSymbol="ABC", funds="0.05"),
            event("accountTransaction", action="add", username="u", funds="1.00"),
            event("accountTransaction", action="remove", username="u", funds="0.05"),
        ],
    ),
    (
        row(command=CODES["ADD"], username="u", funds_cents=-50, error="BAD_AMOUNT: <1 & >0"),
        [
            event("userCommand", command="ADD", username="u", funds="-0.50"),
            event("errorEvent", command="ADD", username="u", funds="-0.50", errorMessage="BAD_AMOUNT: <1 & >0"),
        ],
    ),
    (
        row(command=CODES["DUMPLOG"], filename="testLOG"),
        [event("userCommand", command="DUMPLOG", filename="testLOG")],
    ),
    (
        row(kind=2, command=0, seq=0, username="u", symbol="S", price_cents=9, quote_time_ms=5, cryptokey="a+/=<&>"),
        [event("quoteServer", price="0.09", stockSymbol="S", username="u", quoteServerTime="5", cryptokey="a+/=<&>")],
    ),
    (
        row(kind=3, command=CODES["CANCEL_BUY"], username="u", symbol="S", added_cents=1),
        [
            event("systemEvent", command="CANCEL_BUY", username="u", stockSymbol="S"),
            event("accountTransaction", action="add", username="u", funds="0.01"),
        ],
    ),
    (
        row(kind=3, command=CODES["CANCEL_SELL"], username="u", symbol="S"),
        [event("systemEvent", command="CANCEL_SELL", username="u", stockSymbol="S")],
    ),
    (
        row(kind=4, command=CODES["SET_SELL_TRIGGER"], username="u", symbol="S", price_cents=10**15, added_cents=10**18),
        [
            event("systemEvent", command="SET_SELL_TRIGGER", username="u", stockSymbol="S", funds="10000000000000.00"),
            event("accountTransaction", action="add", username="u", funds="10000000000000000.00"),
        ],
    ),
    (
        row(kind=4, command=CODES["SET_BUY_TRIGGER"], username="u", symbol="S", price_cents=100, added_cents=0),
        [event("systemEvent", command="SET_BUY_TRIGGER", username="u", stockSymbol="S", funds="1.00")],
    ),
]  # fmt: skip
"""A row, and the elements it has to become."""


@pytest.mark.parametrize(("stored", "events"), KINDS)
def test_what_becomes_of_a_row(
    database: Database, path: Path, stored: dict[str, object], events: list[Event]
) -> None:
    write(database, stored)
    assert written(database, path) == events


def test_all_sixteen_commands(database: Database, path: Path) -> None:
    write(database, *(row(command=code, seq=code) for code in CODES.values()))
    assert [fields["command"] for _, fields in written(database, path)] == list(CODES)


def test_order(database: Database, path: Path) -> None:
    """By time, then by user (C collation, nobody first), then by the account's own sequence; not by when it was written."""
    keys = [
        (2, "a", 3),
        (1, "b", 9),
        (1, "B", 1),
        (1, "b", 10),
        (1, None, 1),
        (1, "_", 0),
        (1, "a.", 2),
        (1, "a-", 2),
    ]
    write(
        database,
        *(row(timestamp_ms=time, username=user, seq=seq, number=seq + 1) for time, user, seq in keys),
    )
    seen = [
        (int(fields["timestamp"]), fields.get("username", ""), int(fields["transactionNum"]) - 1)
        for _, fields in written(database, path)
    ]
    assert seen == sorted((time, user or "", seq) for time, user, seq in keys)


def test_one_user(database: Database, path: Path) -> None:
    write(
        database,
        *(row(username=user, seq=seq) for seq, user in enumerate(["u", "v", None, "U", "u"], start=1)),
    )
    assert [fields["username"] for _, fields in written(database, path, "u")] == ["u", "u"]
    assert written(database, path, "nobody") == []


def test_an_empty_log(database: Database, path: Path) -> None:
    assert written(database, path) == []


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cents=st.lists(st.integers(-(10**17), 10**17), min_size=1, max_size=40), error=st.text(max_size=80))
@example(cents=[0], error="\x01\x1f\ufffe\uffff\n\t]]>&amp;<!--\x7f\x85")
def test_any_amount_and_any_text(database: Database, path: Path, cents: list[int], error: str) -> None:
    error = "BUSY: " + error.encode("utf-8", "ignore").decode().replace("\0", "")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("TRUNCATE audit")
    write(database, *(row(seq=n, funds_cents=one, error=error) for n, one in enumerate(cents)))
    events = written(database, path)
    assert [fields["funds"] for tag, fields in events if tag == "userCommand"] == list(
        map(format_cents, cents)
    )
    assert all(Decimal(fields["funds"]) * 100 == cents[n // 2] for n, (_, fields) in enumerate(events))
    assert all(fields["errorMessage"].startswith("BUSY:") for tag, fields in events if tag == "errorEvent")


def test_a_real_past(database: Database, path: Path) -> None:
    asyncio.run(random_past(database, 7, 40))
    events = written(database, path)
    times = [int(fields["timestamp"]) for _, fields in events]
    assert times == sorted(times)
    assert {tag for tag, _ in events} == {
        "userCommand", "quoteServer", "accountTransaction", "systemEvent", "errorEvent"
    }  # fmt: skip


def test_through_a_pool_and_over_an_older_file(database: Database, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("the older file")

    async def body() -> int:
        pool = await open_pool(database.url("daytrade_transaction"), 1, 1, "a-tier")
        count = await dump(pool, path, None)
        await pool.close()
        return count

    write(database, row())
    assert asyncio.run(body()) == 1
    assert path.read_text().startswith("<?xml")


def test_nothing_appears_unless_it_is_whole(database: Database, path: Path) -> None:
    """The dump is stopped in the middle: the older file stays, and nothing else."""
    fill(database)
    path.parent.mkdir()
    path.write_text("the older file")

    async def body() -> None:
        task = asyncio.create_task(dump(database.url("daytrade_transaction"), path, None))
        while not under_way(path.parent):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    asyncio.run(body())
    assert os.listdir(path.parent) == [path.name]
    assert path.read_text() == "the older file"


def under_way(folder: Path) -> list[Path]:
    """The files of dumps in their middle."""
    return [part for part in folder.glob(".*.part~") if part.stat().st_size > 100_000]


PROGRAM = """
import asyncio, pathlib, sys
from db.dump import dump
asyncio.run(dump(sys.argv[1], pathlib.Path(sys.argv[2]), None))
"""
STOPS_IN_ITS_MIDDLE = """
import os, signal, db.dump
append, blocks = db.dump._append, []
def append_and_stop(file, rows):
    blocks.append(append(file, rows))
    if len(blocks) == 20:
        os.kill(os.getpid(), signal.SIGSTOP)
    return blocks[-1]
db.dump._append = append_and_stop
"""


def fill(database: Database) -> None:
    """A log of some five megabytes."""
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "INSERT INTO audit (timestamp_ms, seq, kind, session_id, number, server, command)"
            " SELECT 1, n, 1, 1, n, 't', 2 FROM generate_series(1, 40000) AS n"
        )


@contextmanager
def stopped_in_its_middle(database: Database, path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process that dumps to `path`, and the file that it writes; it stands still until it is told to go on."""
    program = STOPS_IN_ITS_MIDDLE + PROGRAM
    command = [sys.executable, "-c", program, database.url("daytrade_transaction"), str(path)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            _, status = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(status)
            (unfinished,) = under_way(path.parent)
            yield process, unfinished
        finally:
            process.kill()


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(
    database: Database, path: Path
) -> None:
    """Both dump to one name in one folder, and a third one comes upon their files."""
    path.parent.mkdir()
    fill(database)
    with stopped_in_its_middle(database, path) as (killed, left):
        killed.kill()
        assert killed.wait() == -signal.SIGKILL
    assert left.exists()
    with stopped_in_its_middle(database, path) as (living, unfinished):
        assert not left.exists()
        asyncio.run(dump(database.url("daytrade_transaction"), path.with_name("other"), None))
        assert set(os.listdir(path.parent)) == {"other", unfinished.name}
        living.send_signal(signal.SIGCONT)
        assert living.wait() == 0
    assert set(os.listdir(path.parent)) == {"other", path.name}
    assert path.read_bytes() == path.with_name("other").read_bytes()


def test_a_file_swept_before_it_was_locked_is_made_again(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another dump's sweep comes just between the creation of the file and its lock."""
    lock = fcntl.flock
    swept: list[str] = []

    def sweep_first(file: BinaryIO, operation: int) -> None:
        if not swept and operation == fcntl.LOCK_EX:
            swept.append(file.name)
            Path(file.name).unlink()
        lock(file, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    write(database, row())
    assert len(written(database, path)) == 1
    assert swept


def test_a_file_that_cannot_be_written_to_its_end(database: Database, path: Path) -> None:
    """The kernel takes a megabyte and then refuses, as a full disk does."""
    fill(database)
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))" + PROGRAM
    command = [sys.executable, "-c", limited, database.url("daytrade_transaction"), str(path)]
    ended = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "core.errors.Unavailable: the log file cannot be written: [Errno 27]" in ended.stderr
    assert "never retrieved" not in ended.stderr
    assert os.listdir(path.parent) == []


def test_a_file_that_cannot_be_written(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        asyncio.run(dump(database.url("daytrade_transaction"), tmp_path / "file" / "log", None))


def test_unavailable_when_there_is_no_database(database: Database, path: Path) -> None:
    with pytest.raises(Unavailable):
        asyncio.run(dump(database.url("daytrade_transaction").replace(database.name, "no_such"), path, None))
    assert os.listdir(path.parent) == []
