"""The format of what a shard commits and reads, taken apart: the one place that knows the columns of `commit_batch`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from transaction.account import Account
from transaction.columns import SEPARATOR
from transaction.store import _account


class StoredAccount(Struct):
    """An account row with its holdings and trigger orders, as the database has them."""

    user: str
    version: int
    cash_cents: int
    reserved_cents: int
    timestamp_ms: int
    seq: int
    buys: str
    sells: str
    expired: int
    history: bytes
    holdings: dict[str, tuple[int, int]] = {}
    """Symbol -> free and reserved shares."""
    orders: dict[tuple[str, int], "StoredOrder"] = {}
    """(symbol, side) -> trigger order."""


class StoredOrder(NamedTuple):
    """A row of trigger_order."""

    amount_cents: int
    price_cents: int | None
    shares: int
    session_id: int
    number: int
    armed_ms: int | None

    def reach_cents(self, side: int) -> int | None:
        """The price that fires it (migration 0002); None while it is not armed."""
        if self.price_cents is None or side == 2:
            return self.price_cents
        return min(self.price_cents, self.amount_cents)


class StoredRow(NamedTuple):
    """A row of audit, and for a command its body and the reply that repeats get."""

    timestamp_ms: int
    user: str
    seq: int
    kind: int
    session_id: int
    number: int
    command: int
    symbol: str
    filename: str
    funds_cents: int | None
    price_cents: int | None
    added_cents: int
    removed_cents: int
    error: str
    body: str = ""
    reply: str | None = None


class Written(NamedTuple):
    """What one `commit_batch` asks for."""

    accounts: list[StoredAccount]
    """As they shall be, but with the version that they were read with."""
    strangers: list[str]
    """Users who had no account when they were decided."""
    holdings: list[tuple[str, str, int, int]]
    orders: list[tuple[str, str, int, StoredOrder | None]]
    """User, symbol, side, and the order; None: to be deleted."""
    rows: list[StoredRow]


def decode(columns: dict[str, str]) -> Written:
    """The columns as `Batch.columns` makes them."""

    def table(*names: tuple[str, Callable[[str], Any]]) -> list[Any]:
        texts = [columns[name] for name, _ in names]
        if not texts[0]:
            return []
        split = [
            [read(one) for one in text.split(SEPARATOR if read in (_text, _maybe_text, _hex) else ",")]
            for text, (_, read) in zip(texts, names, strict=True)
        ]
        assert len({len(column) for column in split}) == 1, "columns of different lengths"
        return list(zip(*split, strict=True))

    rows = table(
        ("row_timestamp", int), ("row_user", _text), ("row_seq", int), ("row_kind", int), ("row_session", int),
        ("row_number", int), ("row_command", int), ("row_symbol", _text), ("row_filename", _text), ("row_funds", _maybe),
        ("row_price", _maybe), ("row_added", _zero), ("row_removed", _zero), ("row_error", _text), ("row_body", _text),
        ("row_reply", _maybe_text),
    )  # fmt: skip
    accounts = table(
        ("account_user", _text), ("account_version", int), ("account_cash", int), ("account_reserved", int),
        ("account_timestamp", int), ("account_seq", int), ("account_buys", _text), ("account_sells", _text),
        ("account_expired", int), ("account_history", _hex),
    )  # fmt: skip
    orders = table(
        ("trigger_user", _text), ("trigger_symbol", _text), ("trigger_side", int), ("trigger_amount", _maybe),
        ("trigger_price", _maybe), ("trigger_shares", _maybe), ("trigger_session", _maybe), ("trigger_number", _maybe),
        ("trigger_armed", _maybe),
    )  # fmt: skip
    holdings = table(
        ("holding_user", _text), ("holding_symbol", _text), ("holding_free", int), ("holding_reserved", int)
    )
    return Written(
        [StoredAccount(*row) for row in accounts],
        columns["stranger_user"].split(SEPARATOR) if columns["stranger_user"] else [],
        holdings,
        [(*row[:3], None if row[3] is None else StoredOrder(*row[3:])) for row in orders],
        [StoredRow(*row) for row in rows],
    )


def as_account(stored: StoredAccount) -> Account:
    """What `Store.load` makes of the rows of one account."""
    holdings = [[symbol, free, reserved] for symbol, (free, reserved) in stored.holdings.items()]
    orders = [[symbol, side, *order] for (symbol, side), order in stored.orders.items()]
    return _account(
        (
            stored.user, stored.version, stored.cash_cents, stored.reserved_cents, stored.timestamp_ms, stored.seq,
            stored.buys, stored.sells, stored.expired, stored.history,
            msgspec.json.encode(holdings) if holdings else None, msgspec.json.encode(orders) if orders else None,
        )
    )  # fmt: skip


def _text(value: str) -> str:
    return value


def _hex(value: str) -> bytes:
    return bytes.fromhex(value)


def _maybe_text(value: str) -> str | None:
    return value or None


def _maybe(value: str) -> int | None:
    return int(value) if value else None


def _zero(value: str) -> int:
    return int(value) if value else 0
