"""Accounts and audit rows as the columns of the statement `commit_batch` (db/queries/transaction.sql).

Texts go as one text that Postgres splits: many times cheaper to send than an array of long elements, and joined in C.
Numbers go as arrays in the form in which Postgres has them: splitting and reading digits was a sixth of its work.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import chain, repeat
from struct import Struct
from typing import Any, Final

import msgspec

from transaction.account import Account, encode_history
from transaction.decide import AuditRow

StoredRow = tuple[AuditRow, str, str]
"""An audit row, and for a command its request's body and the reply to be stored (empty: none)."""

SEPARATOR: Final = "\x1f"
"""Between the elements of a text column: no value can hold it, since all are printable (webserver.validate). One that did
would make a row too many, which the database refuses."""


def text_column(values: Iterable[str]) -> str:
    """Values for `string_to_array(..., E'\\x1f', '')`: an empty one becomes NULL."""
    return SEPARATOR.join(values)


class Numbers(bytes):
    """A bigint[] as Postgres sends and takes it (array_recv): dimensions, has nulls, type; length, first index; elements."""


Column = str | Numbers

_BIGINT: Final = 20
"""The type's number in pg_type, the same in every Postgres."""
_HEADER: Final = Struct(">5i")
_ELEMENT: Final = Struct(">iq")
_NULL: Final = b"\xff\xff\xff\xff"
_EMPTY: Final = Numbers(Struct(">3i").pack(0, 0, _BIGINT))


def number_column(values: Sequence[int]) -> Numbers:
    """Integers as a bigint[]."""
    if not values:
        return _EMPTY
    count = len(values)
    elements = chain.from_iterable(zip(repeat(_ELEMENT.size - 4), values, strict=False))
    return Numbers(_layout(count).pack(1, 0, _BIGINT, count, 1, *elements))


@lru_cache(maxsize=256)
def _layout(count: int) -> Struct:
    return Struct(_HEADER.format + _ELEMENT.format[1:] * count)


def optional_column(values: Sequence[int | None]) -> Numbers:
    """Integers as a bigint[] in which None is NULL."""
    if not values:
        return _EMPTY
    pack, size = _ELEMENT.pack, _ELEMENT.size - 4
    elements = [_NULL if value is None else pack(size, value) for value in values]
    return Numbers(_HEADER.pack(1, 1, _BIGINT, len(values), 1) + b"".join(elements))


def rare_column(values: Sequence[int]) -> Numbers:
    """Integers as a bigint[]; no element at all where all are 0, as they nearly always are.

    Unnested beside longer columns, one that has ended is NULL.
    """
    return number_column(values) if any(values) else _EMPTY


def account_columns(accounts: Iterable[Account]) -> dict[str, Column]:
    changed = sorted(accounts, key=lambda account: account.user)
    return {
        "account_user": text_column([account.user for account in changed]),
        "account_version": number_column([account.version for account in changed]),
        "account_cash": number_column([account.cash_cents for account in changed]),
        "account_reserved": number_column([account.reserved_cents for account in changed]),
        "account_timestamp": number_column([account.timestamp_ms for account in changed]),
        "account_seq": number_column([account.seq for account in changed]),
        "account_buys": text_column([account.buys.stored() for account in changed]),
        "account_sells": text_column([account.sells.stored() for account in changed]),
        "account_expired": number_column(
            [account.buys.expired + 2 * account.sells.expired for account in changed]
        ),
        "account_history": text_column([encode_history(account.history).hex() for account in changed]),
    }


def holding_columns(accounts: Iterable[Account]) -> dict[str, Column]:
    rows = [
        (account.user, symbol, account.holdings[symbol])
        for account in accounts
        for symbol in account.changed_holdings
    ]
    return {
        "holding_user": text_column([user for user, _, _ in rows]),
        "holding_symbol": text_column([symbol for _, symbol, _ in rows]),
        "holding_free": number_column([holding.free for _, _, holding in rows]),
        "holding_reserved": number_column([holding.reserved for _, _, holding in rows]),
        "holding_cost": number_column([holding.cost_cents for _, _, holding in rows]),
    }


def trigger_columns(accounts: Iterable[Account]) -> dict[str, Column]:
    """Trigger orders to write; one without an amount is to be deleted."""
    rows = [
        (account.user, symbol, side, account.triggers.get((symbol, side)))
        for account in accounts
        for symbol, side in account.changed_triggers
    ]
    return {
        "trigger_user": text_column([user for user, _, _, _ in rows]),
        "trigger_symbol": text_column([symbol for _, symbol, _, _ in rows]),
        "trigger_side": number_column([side for _, _, side, _ in rows]),
        "trigger_amount": optional_column([order.amount_cents if order else None for _, _, _, order in rows]),
        "trigger_price": optional_column([order.price_cents if order else None for _, _, _, order in rows]),
        "trigger_shares": optional_column([order.shares if order else None for _, _, _, order in rows]),
        "trigger_session": optional_column([order.session_id if order else None for _, _, _, order in rows]),
        "trigger_number": optional_column([order.number if order else None for _, _, _, order in rows]),
        "trigger_armed": optional_column([order.armed_ms if order else None for _, _, _, order in rows]),
    }


_ROW_COLUMNS: Final[dict[str, Callable[[Sequence[Any]], Column]]] = {
    "row_timestamp": number_column,
    "row_user": text_column,
    "row_seq": number_column,
    "row_kind": number_column,
    "row_session": number_column,
    "row_number": number_column,
    "row_command": number_column,
    "row_symbol": text_column,
    "row_filename": text_column,
    "row_funds": optional_column,
    "row_price": optional_column,
    "row_added": number_column,
    "row_removed": number_column,
    "row_error": text_column,
    "row_shares": rare_column,
    "row_body": text_column,
    "row_reply": text_column,
}
"""One for each field of AuditRow, in its order, and what StoredRow has beside it."""


def row_columns(rows: list[StoredRow]) -> dict[str, Column]:
    """Audit rows with the request's body and the stored reply beside them."""
    if not rows:
        return {name: join(()) for name, join in _ROW_COLUMNS.items()}
    audit, bodies, replies = zip(*rows, strict=True)
    values = (*zip(*map(msgspec.structs.astuple, audit), strict=True), bodies, replies)
    return {name: join(column) for (name, join), column in zip(_ROW_COLUMNS.items(), values, strict=True)}
