"""Accounts and audit rows as the columns of the statement `commit_batch` (db/queries/transaction.sql).

A column is one text that Postgres splits: many times cheaper to send than arrays of long elements, and joined in C.
"""

from collections.abc import Callable, Iterable
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


def number_column(values: Iterable[int]) -> str:
    """Integers for `string_to_array(..., ',')::bigint[]`."""
    return ",".join(map(str, values))


def optional_column(values: Iterable[int | None]) -> str:
    """Integers for `string_to_array(..., ',', '')::bigint[]`: None becomes NULL."""
    return ",".join(["" if value is None else str(value) for value in values])


def account_columns(accounts: Iterable[Account]) -> dict[str, str]:
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


def holding_columns(accounts: Iterable[Account]) -> dict[str, str]:
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
    }


def trigger_columns(accounts: Iterable[Account]) -> dict[str, str]:
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


_AUDIT_COLUMNS: Final[dict[str, Callable[[Iterable[Any]], str]]] = {
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
}
"""One for each field of AuditRow, in its order."""


def row_columns(rows: list[StoredRow]) -> dict[str, str]:
    """Audit rows with the request's body and the stored reply beside them."""
    if not rows:
        return dict.fromkeys((*_AUDIT_COLUMNS, "row_body", "row_reply"), "")
    audit, bodies, replies = zip(*rows, strict=True)
    fields = zip(*map(msgspec.structs.astuple, audit), strict=True)
    columns = {
        name: join(values) for (name, join), values in zip(_AUDIT_COLUMNS.items(), fields, strict=True)
    }
    columns["row_body"] = text_column(bodies)
    columns["row_reply"] = text_column(replies)
    return columns
