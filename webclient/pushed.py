"""How what happens is worded on a stream of server-sent events. Values only.

An event is `event: NAME`, `data: JSON`, and for what may not be missed `id: SEQ`, the account's own sequence: a browser
that comes back says which it had last.
"""

from typing import Any, Final

import msgspec

from core import commands as c
from core.money import format_cents

RETRY: Final = b"retry: 1000\n\n"
"""A browser that lost the stream comes back after so many ms."""
HEARTBEAT: Final = b":\n\n"
ACCOUNT: Final = b"event: account\ndata: {}\n\n"

_FIRE: Final = 4
_BUYS: Final = {c.CODES[c.SET_BUY_TRIGGER], c.CODES[c.CANCEL_BUY]}
_decode: Final = msgspec.json.Decoder(list[int | str | None]).decode


def hello(user: str, seq: int) -> bytes:
    """The first event: everything after that sequence number will be told."""
    return _event("hello", {"user": user}, seq)


def happened(row: str) -> tuple[int, bytes]:
    """A fire or an expiry from its row (query `accounts`): its sequence number, and its event."""
    fields: list[Any] = _decode(row)
    seq, kind, command, symbol, price, shares, added, at_ms, number = fields
    told = {"symbol": symbol, "side": "buy" if command in _BUYS else "sell"}
    if kind == _FIRE:
        told["price"] = format_cents(price)
    told |= {"shares": shares, "cash_added": format_cents(added or 0), "at": at_ms, "number": number}
    return seq, _event("fire" if kind == _FIRE else "expiry", told, seq)


def quote(symbol: str, price_cents: int, time_ms: int) -> bytes:
    """The newest recorded price of a stock."""
    return _event("quote", {"symbol": symbol, "price": format_cents(price_cents), "quoted_at": time_ms})


def _event(name: str, data: dict[str, object], seq: int | None = None) -> bytes:
    head = f"event: {name}\n" if seq is None else f"event: {name}\nid: {seq}\n"
    return head.encode() + b"data: " + msgspec.json.encode(data) + b"\n\n"
