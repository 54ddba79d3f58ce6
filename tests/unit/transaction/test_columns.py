"""Columns of the statement that writes a batch: as many elements in each, absent ones empty, nothing that shifts another.

What Postgres makes of them is in test_store.
"""

from hypothesis import given
from hypothesis import strategies as st
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.numeric import Int8

from tests.simulation.batches import parts
from tests.unit.transaction.desk import START_MS, pending
from transaction.account import BUY_SIDE, SELL_SIDE, Account, Holding, TriggerOrder
from transaction.columns import (
    SEPARATOR,
    account_columns,
    holding_columns,
    number_column,
    optional_column,
    row_columns,
    text_column,
    trigger_columns,
)
from transaction.decide import AuditRow
from transaction.pendings import Pendings

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@given(st.lists(PRINTABLE, min_size=1))
def test_a_text_column_splits_into_what_went_in(values: list[str]) -> None:
    assert text_column(values).split(SEPARATOR) == values


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_number_column_holds_what_went_in(values: list[int]) -> None:
    assert parts(number_column(values)) == values
    assert not values or number_column(values) == as_psycopg_has_it(values)


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_an_optional_column_holds_what_went_in(values: list[int | None]) -> None:
    assert parts(optional_column(values)) == values


def as_psycopg_has_it(values: list[int]) -> bytes:
    """The same list as a client library of its own sends it."""
    dumper = Transformer().get_dumper([Int8(value) for value in values], PyFormat.BINARY)
    return bytes(dumper.dump([Int8(value) for value in values]) or b"")


def some_account(user: str) -> Account:
    account = Account(user)
    account.buys, account.sells = Pendings([pending()], expired=True), Pendings(expired=True)
    account.holdings = {"ABC": Holding(1, 2, 70), "XYZ": Holding(3, 4, 80), "QQQ": Holding(5, 6, 90)}
    account.triggers = {("ABC", BUY_SIDE): TriggerOrder(700, None, 0, 8, 9, None)}
    return account


def test_accounts_stand_in_the_order_in_which_every_writer_locks_them() -> None:
    columns = account_columns(some_account(user) for user in ("bob", "Zoe", "ann", "_", "ann.2", "ann-1"))
    assert parts(columns["account_user"]) == ["Zoe", "_", "ann", "ann-1", "ann.2", "bob"]
    assert parts(columns["account_expired"]) == [3] * 6
    assert {len(parts(column)) for column in columns.values()} == {6}


def test_which_side_expired_is_one_bit_each() -> None:
    """db/migrations: 1 for the buys, 2 for the sells."""
    accounts = [Account(user) for user in "abcd"]
    for number, account in enumerate(accounts):
        account.buys.expired, account.sells.expired = number in {1, 3}, number in {2, 3}
    assert parts(account_columns(accounts)["account_expired"]) == [0, 1, 2, 3]


def test_only_what_changed_is_written() -> None:
    account = some_account("ann")
    account.changed_holdings = {"XYZ"}
    assert {name: parts(column) for name, column in holding_columns([account]).items()} == {
        "holding_user": ["ann"],
        "holding_symbol": ["XYZ"],
        "holding_free": [3],
        "holding_reserved": [4],
        "holding_cost": [80],
    }
    assert [parts(column) for column in trigger_columns([account]).values()] == [[]] * 9


def test_a_trigger_that_is_gone_has_no_amount() -> None:
    account = some_account("ann")
    account.changed_triggers = {("ABC", SELL_SIDE)}
    columns = trigger_columns([account])
    assert [parts(columns[f"trigger_{name}"]) for name in ("user", "side", "amount")] == [
        ["ann"],
        [2],
        [None],
    ]
    account.changed_triggers = {("ABC", BUY_SIDE)}
    found = [parts(column) for column in trigger_columns([account]).values()]
    assert found == [["ann"], ["ABC"], [1], [700], [None], [0], [8], [9], [None]]


def test_rows_have_an_element_in_every_column() -> None:
    rows = [
        (AuditRow(START_MS, "ann", 1, 1, 2, 3, 4, error="TOO_SMALL: no"), "BUY,ann", "ERR {}"),
        (AuditRow(START_MS, "", 2, 1, 2, 4, 15, filename="log", funds_cents=-5), "DUMPLOG,log", ""),
        (AuditRow(START_MS, "bob", 3, 3, 2, 5, 5, "ABC", added_cents=70, shares=6), "", ""),
    ]
    columns = row_columns(rows)
    assert {len(parts(column)) for column in columns.values()} == {3}
    assert parts(columns["row_user"]) == ["ann", "", "bob"]
    assert parts(columns["row_funds"]) == [None, -5, None]
    assert parts(columns["row_added"]) == [0, 0, 70]
    assert parts(columns["row_shares"]) == [0, 0, 6]
    assert parts(row_columns(rows[:2])["row_shares"]) == []
    assert parts(columns["row_reply"]) == ["ERR {}", "", ""]


def test_no_rows_are_empty_columns() -> None:
    assert not any(parts(column) for column in row_columns([]).values())
    assert row_columns([]).keys() == row_columns([(AuditRow(1, "", 1, 1, 1, 1, 1), "", "")]).keys()
