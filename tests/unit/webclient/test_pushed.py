"""Events of a stream, to the byte."""

import json

import pytest

from core import commands as c
from webclient import pushed

SESSION_TIME_MS = 1_795_000_000_000


def row(seq: int = 7, kind: int = 4, command: str = c.SET_BUY_TRIGGER, added: int | None = 400) -> str:
    """As query `accounts` words an event."""
    return json.dumps([seq, kind, c.CODES[command], "ABC", 800, 12, added, SESSION_TIME_MS, 3])


def test_hello() -> None:
    assert pushed.hello("alice", 5) == b'event: hello\nid: 5\ndata: {"user":"alice"}\n\n'
    assert pushed.hello("alice", 0) == b'event: hello\nid: 0\ndata: {"user":"alice"}\n\n'


def test_a_fire() -> None:
    assert pushed.happened(row()) == (
        7,
        b'event: fire\nid: 7\ndata: {"symbol":"ABC","side":"buy","price":"8.00","shares":12,"cash_added":"4.00",'
        b'"at":1795000000000,"number":3}\n\n',
    )


def test_an_expiry_has_no_price() -> None:
    assert pushed.happened(row(kind=3, command=c.CANCEL_SELL, added=None)) == (
        7,
        b'event: expiry\nid: 7\ndata: {"symbol":"ABC","side":"sell","shares":12,"cash_added":"0.00",'
        b'"at":1795000000000,"number":3}\n\n',
    )


@pytest.mark.parametrize(
    ("kind", "command", "side"),
    [(4, c.SET_BUY_TRIGGER, "buy"), (4, c.SET_SELL_TRIGGER, "sell"), (3, c.CANCEL_BUY, "buy"), (3, c.CANCEL_SELL, "sell")],
)  # fmt: skip
def test_the_side(kind: int, command: str, side: str) -> None:
    event = pushed.happened(row(kind=kind, command=command))[1]
    assert json.loads(event.split(b"data: ")[1])["side"] == side


def test_a_quote() -> None:
    assert pushed.quote("ABC", 12345, SESSION_TIME_MS) == (
        b'event: quote\ndata: {"symbol":"ABC","price":"123.45","quoted_at":1795000000000}\n\n'
    )


def test_what_is_always_the_same() -> None:
    assert pushed.RETRY == b"retry: 1000\n\n"
    assert pushed.HEARTBEAT == b":\n\n"
    assert pushed.ACCOUNT == b"event: account\ndata: {}\n\n"
