"""The account as a value: what it refuses to become, and how its history is written down."""

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import commands, errors
from core.limits import HISTORY_LENGTH
from tests.unit.transaction.desk import START_MS, pending
from transaction.account import (
    BUY_SIDE,
    COMMAND_NAMES,
    OUTCOMES,
    SELL_SIDE,
    Account,
    History,
    Holding,
    TriggerOrder,
    count_names,
    decode_history,
    encode_history,
)
from transaction.pendings import Pendings

NUMBERS = st.integers(1, 2**53)


@given(
    st.lists(
        st.tuples(
            NUMBERS,
            st.sampled_from(list(commands.CODES)),
            st.sampled_from(["", "A", "ABC"]),
            st.none() | st.integers(-(10**17), 10**17),
            st.sampled_from(["", *sorted(errors.CODES)]),
            st.integers(0, 2**50),
        ),
        max_size=30,
    )
)
def test_a_history_counts_everything_and_keeps_the_newest(
    done: list[tuple[int, str, str, int | None, str, int]],
) -> None:
    history = History()
    for number, command, symbol, cents, code, at_ms in done:
        history.record(number, commands.CODES[command], symbol, cents, code, at_ms)
    back = decode_history(encode_history(history))
    assert back == history
    wanted = Counter((command, code or "OK") for _, command, _, _, code, _ in done)
    assert {count_names(key): count for key, count in back.counts.items()} == wanted
    newest = [
        (
            one.number,
            COMMAND_NAMES[one.command],
            one.symbol,
            one.cents,
            OUTCOMES[one.outcome],
            one.timestamp_ms,
        )
        for one in back.newest()
    ]
    assert (
        newest == [(n, c, s, a, code or "OK", t) for n, c, s, a, code, t in reversed(done)][:HISTORY_LENGTH]
    )


def test_a_stored_history_is_counts_and_commands() -> None:
    """What stands in account rows, whoever wrote them."""
    history = History()
    history.record(7, commands.CODES["BUY"], "ABC", 500, "", START_MS)
    history.record(8, commands.CODES["ADD"], "", None, errors.BAD_AMOUNT, START_MS + 1)
    stored = [{33: 1, 96: 1}, [[7, 3, "ABC", 500, 0, START_MS], [8, 1, "", None, 1, START_MS + 1]]]
    assert msgspec.msgpack.decode(encode_history(history), strict=False) == stored
    assert decode_history(msgspec.msgpack.encode(stored)) == history


def test_outcomes_in_stored_histories_keep_their_numbers() -> None:
    """A code that is added goes to the end: histories written before would be read wrongly else."""
    assert set(OUTCOMES) == {"OK", *errors.CODES}
    assert OUTCOMES[:19] == (
        "OK", "BAD_AMOUNT", "BAD_FILENAME", "BAD_REQUEST", "BAD_SYMBOL", "BAD_USER", "BUSY", "EXPIRED", "FORBIDDEN",
        "INSUFFICIENT_FUNDS", "INSUFFICIENT_SHARES", "NOTHING_PENDING", "NOT_SET", "NO_AMOUNT_SET",
        "QUOTE_UNAVAILABLE", "REUSED_NUMBER", "TOO_SMALL", "UNKNOWN_COMMAND", "UNKNOWN_USER",
    )  # fmt: skip
    assert len(OUTCOMES) <= 32


def test_a_full_history_stays_small() -> None:
    """With everything else an account's row stays under 2 kB, where the database would store it out of line."""
    history = History()
    for command in commands.CODES:
        for code in ("", *sorted(errors.CODES)):
            for _ in range(300):
                history.record(2**53, commands.CODES[command], "ABC", 10**13, code, START_MS)
    assert len(encode_history(history)) < 2000


@pytest.mark.parametrize(("cash", "reserved"), [(-101, 0), (0, -1), (-101, 101)])
def test_money_is_never_negative(cash: int, reserved: int) -> None:
    account = Account("ann")
    account.move_cash(100, 0)
    with pytest.raises(AssertionError, match="ann"):
        account.move_cash(cash, reserved)


@pytest.mark.parametrize(("free", "reserved"), [(-6, 0), (0, -1), (-6, 6)])
def test_shares_are_never_negative(free: int, reserved: int) -> None:
    account = Account("ann")
    account.move_shares("ABC", 5, 0)
    with pytest.raises(AssertionError, match="ABC"):
        account.move_shares("ABC", free, reserved)


def sound() -> Account:
    """An account that holds one of everything."""
    account = Account("ann")
    account.buys = Pendings([pending(shares=2, price=500)])
    account.sells = Pendings([pending(shares=4)])
    account.reserved_cents = 1000 + 700
    account.holdings = {"ABC": Holding(1, 4), "XYZ": Holding(0, 9)}
    account.triggers = {
        ("ABC", BUY_SIDE): TriggerOrder(700, None, 0, 1, 1, None),
        ("XYZ", SELL_SIDE): TriggerOrder(5000, 500, 9, 1, 2, START_MS),
        ("ABC", SELL_SIDE): TriggerOrder(5000, None, 0, 1, 3, None),
    }
    return account


def test_reserves_that_are_held_pass() -> None:
    sound().check()


def test_reserves_that_nothing_holds_are_found() -> None:
    for break_it in (
        lambda a: a.buys.take(),
        lambda a: a.sells.take(),
        lambda a: a.sells.push(pending(shares=1)),
        lambda a: setattr(a, "reserved_cents", 1699),
        lambda a: setattr(a.holdings["ABC"], "reserved", 3),
        lambda a: a.triggers.pop(("XYZ", SELL_SIDE)),
        lambda a: a.triggers.pop(("ABC", BUY_SIDE)),
    ):
        account = sound()
        break_it(account)
        with pytest.raises(AssertionError, match="ann"):
            account.check()


def test_shares_held_of_a_symbol_without_a_holding_are_found() -> None:
    account = sound()
    account.sells.push(pending(symbol="QQQ", shares=1))
    with pytest.raises(AssertionError, match="QQQ"):
        account.check()


def test_the_oldest_pending_of_either_side_expires_first() -> None:
    account = Account("ann")
    assert account.oldest_pending_ms() is None
    account.sells = Pendings([pending(at_ms=START_MS + 5), pending(at_ms=START_MS + 9)])
    assert account.oldest_pending_ms() == START_MS + 5
    account.buys = Pendings([pending(at_ms=START_MS + 2)])
    assert account.oldest_pending_ms() == START_MS + 2


def test_what_changed_is_noted() -> None:
    account = Account("ann")
    account.move_shares("ABC", 5, 0)
    account.set_trigger("XYZ", BUY_SIDE, TriggerOrder(700, None, 0, 1, 1, None))
    account.set_trigger("XYZ", BUY_SIDE, None)
    assert account.changed_holdings == {"ABC"}
    assert account.changed_triggers == {("XYZ", BUY_SIDE)}
    assert account.triggers == {}
    assert account.free_shares("ABC") == 5
    assert account.free_shares("XYZ") == 0
