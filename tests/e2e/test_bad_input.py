"""Nonsense at the TCP door of a whole stack: a clear error or a closed connection for its sender, and nothing else changes."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from db.check import check
from stack.launcher import Stack
from stack.topology import Shape
from tests.e2e.conftest import running

IDLE = 10_000
NONSENSE = {
    "binary": (bytes(range(256)).replace(b"\n", b"") + b"\n", b"ERR"),
    "NUL": (b"[1] ADD,u\x00,1.00\n", b"[1] ERR {\"code\":\"BAD_USER\""),
    "not UTF-8": (b"[1] ADD,\xff\xfe,1.00\n", b"[1] ERR {\"code\":\"BAD_USER\""),
    "no such command": (b"[1] STEAL,ann,1.00\n", b"[1] ERR {\"code\":\"UNKNOWN_COMMAND\""),
    "number out of range": (b"[9007199254740993] ADD,ann,1.00\n", b"[0] ERR {\"code\":\"BAD_REQUEST\""),
    "number that is none": (b"[x] ADD,ann,1.00\n", b"[0] ERR {\"code\":\"BAD_REQUEST\""),
    "a line of a megabyte": (b"[1] ADD,ann," + b"9" * 1_000_000 + b"\n", b"[0] ERR {\"code\":\"BAD_REQUEST\""),
}  # fmt: skip


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(Shape(delay="none", price="fixed:1000"), tmp_path_factory.mktemp("logs")) as one:
        yield one


def connect(stack: Stack) -> socket.socket:
    return socket.create_connection(stack.state.balancer_address, timeout=20)


def ask(connection: socket.socket, lines: bytes, replies: int) -> bytes:
    """Sends, and reads that many lines (fewer when the connection ends)."""
    with contextlib.suppress(ConnectionError):
        connection.sendall(lines)
    data = b""
    with contextlib.suppress(ConnectionError):
        while data.count(b"\n") < replies and (part := connection.recv(65536)):
            data += part
    return data


def contents(stack: Stack) -> list[object]:
    """Accounts and requests as the database has them."""
    with psycopg.connect(stack.state.audit_url) as connection:
        accounts = connection.execute("SELECT username, cash_cents FROM account ORDER BY 1").fetchall()
        return [
            accounts,
            connection.execute("SELECT count(*) FROM command WHERE reply LIKE 'OK%'").fetchone(),
        ]


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_its_senders_trouble(stack: Stack, name: str) -> None:
    before = contents(stack)
    data, expected = NONSENSE[name]
    with connect(stack) as good, connect(stack) as bad:
        assert expected in ask(bad, data, 1)
        assert b"OK" in ask(good, b"[1] QUOTE,joe,ABC\n", 1)
    after = contents(stack)
    assert after[0] == before[0]
    assert check(stack.state.audit_url) == []


def test_half_a_line_and_silence_does_nothing(stack: Stack) -> None:
    before = contents(stack)
    with connect(stack) as silent, connect(stack) as good:
        silent.sendall(b"[1] ADD,ann,10")
        assert b"OK" in ask(good, b"[1] QUOTE,joe,ABC\n", 1)
    assert contents(stack)[0] == before[0]


def test_a_number_used_again_with_another_body(stack: Stack) -> None:
    """Also for a user of another shard, where only the database can tell."""
    with connect(stack) as one:
        assert ask(one, b"SESSION reuse\n[1] ADD,ann,10.00\n", 2).endswith(b'[1] OK {"cash":"10.00"}\n')
        before = contents(stack)
        for user in (b"ann", b"bob", b"cid", b"dan", b"eve"):
            assert b'[1] ERR {"code":"REUSED_NUMBER"' in ask(one, b"[1] ADD,%b,99.00\n" % user, 1)
        assert ask(one, b"[1] ADD,ann,10.00\n", 1) == b'[1] OK {"cash":"10.00"}\n'
        assert contents(stack) == before
    assert check(stack.state.audit_url) == []


def test_ten_thousand_idle_connections(stack: Stack) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 500:
        pytest.skip(f"a process may open no more than {hard} files here")
    if soft < IDLE + 500:
        resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 500, hard))
    with contextlib.ExitStack() as idle, connect(stack) as good:
        for _ in range(IDLE):
            idle.enter_context(connect(stack))
        assert b"OK" in ask(good, b"[1] QUOTE,joe,ABC\n", 1)
        assert b"OK" in ask(idle.enter_context(connect(stack)), b"[1] QUOTE,joe,ABC\n", 1)


def test_a_log_shows_what_was_refused(stack: Stack) -> None:
    with connect(stack) as one:
        reply = ask(one, b"[1] ADD,\xff,1.00\n[2] DUMPLOG,../../etc/refused\n", 2)
    path = Path(stack.state.log_dir) / "refused"
    assert str(path).encode() in reply
    assert "BAD_USER" in path.read_text()
