"""The format of what a shard commits and reads, taken apart: the one place that knows the columns of `commit_batch`."""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from transaction.account import Account
from transaction.columns import SEPARATOR, Column
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
    holdings: dict[str, tuple[int, int, int]] = {}
    """Symbol -> free and reserved shares, and what they cost (cents)."""
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
    shares: int = 0
    body: str = ""
    reply: str | None = None


class Written(NamedTuple):
    """What one `commit_batch` asks for."""

    accounts: list[StoredAccount]
    """As they shall be, but with the version that they were read with."""
    strangers: list[str]
    """Users who had no account when they were decided."""
    holdings: list[tuple[str, str, int, int, int]]
    """User, symbol, free and reserved shares, cost."""
    orders: list[tuple[str, str, int, StoredOrder | None]]
    """User, symbol, side, and the order; None: to be deleted."""
    rows: list[StoredRow]


def decode(columns: dict[str, Column]) -> Written:
    """The columns as `Batch.columns` makes them."""

    def table(*names: tuple[str, Callable[[Any], Any]]) -> list[Any]:
        given = [parts(columns[name]) for name, _ in names]
        longest = max(map(len, given))
        # A single text may be an empty one; of numbers, row_shares ends early.
        given = [one or [""] * longest for one in given]
        assert len({len(column) for column in given}) == 1, "columns of different lengths"
        return list(
            zip(
                *([read(one) for one in own] for own, (_, read) in zip(given, names, strict=True)),
                strict=True,
            )
        )

    rows = table(
        ("row_timestamp", int), ("row_user", _same), ("row_seq", int), ("row_kind", int), ("row_session", int),
        ("row_number", int), ("row_command", int), ("row_symbol", _same), ("row_filename", _same), ("row_funds", _same),
        ("row_price", _same), ("row_added", int), ("row_removed", int), ("row_error", _same), ("row_shares", _rare),
        ("row_body", _same), ("row_reply", _maybe_text),
    )  # fmt: skip
    accounts = table(
        ("account_user", _same), ("account_version", int), ("account_cash", int), ("account_reserved", int),
        ("account_timestamp", int), ("account_seq", int), ("account_buys", _same), ("account_sells", _same),
        ("account_expired", int), ("account_history", _hex),
    )  # fmt: skip
    orders = table(
        ("trigger_user", _same), ("trigger_symbol", _same), ("trigger_side", int), ("trigger_amount", _same),
        ("trigger_price", _same), ("trigger_shares", _same), ("trigger_session", _same), ("trigger_number", _same),
        ("trigger_armed", _same),
    )  # fmt: skip
    holdings = table(
        ("holding_user", _same), ("holding_symbol", _same), ("holding_free", int), ("holding_reserved", int),
        ("holding_cost", int),
    )  # fmt: skip
    return Written(
        [StoredAccount(*row) for row in accounts],
        parts(columns["stranger_user"]),
        holdings,
        [(*row[:3], None if row[3] is None else StoredOrder(*row[3:])) for row in orders],
        [StoredRow(*row) for row in rows],
    )


def parts(column: Column) -> list[Any]:
    """The elements of a column, as Postgres would see them: texts, or integers and None."""
    if isinstance(column, str):
        return column.split(SEPARATOR) if column else []
    dimensions, _, kind = struct.unpack_from(">3i", column)
    assert kind == 20, "an array of something else"
    if not dimensions:
        assert len(column) == 12
        return []
    count, first = struct.unpack_from(">2i", column, 12)
    assert (dimensions, first) == (1, 1)
    place, found = 20, []
    for _ in range(count):
        (size,) = struct.unpack_from(">i", column, place)
        assert size in (8, -1)
        found.append(struct.unpack_from(">q", column, place + 4)[0] if size == 8 else None)
        place += 4 + max(0, size)
    assert place == len(column), "something behind the last element"
    return found


def as_account(stored: StoredAccount) -> Account:
    """What `Store.load` makes of the rows of one account."""
    holdings = [[symbol, *held] for symbol, held in stored.holdings.items()]
    orders = [[symbol, side, *order] for (symbol, side), order in stored.orders.items()]
    return _account(
        (
            stored.user, stored.version, stored.cash_cents, stored.reserved_cents, stored.timestamp_ms, stored.seq,
            stored.buys, stored.sells, stored.expired, stored.history,
            msgspec.json.encode(holdings) if holdings else None, msgspec.json.encode(orders) if orders else None,
        )
    )  # fmt: skip


def _same(value: Any) -> Any:
    return value


def _rare(value: Any) -> int:
    return value or 0


def _hex(value: str) -> bytes:
    return bytes.fromhex(value)


def _maybe_text(value: str) -> str | None:
    return value or None
