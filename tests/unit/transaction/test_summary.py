"""DISPLAY_SUMMARY shows all that an account has, newest first, and no more than fits into a reply."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from core.limits import MAX_PENDINGS_SHOWN
from tests.unit.transaction.desk import START_MS, Desk, pending
from transaction.account import BUY_SIDE, SELL_SIDE, Account
from transaction.pendings import Pendings
from transaction.summary import summary


def shown(account: Account) -> dict[str, Any]:
    fields = json.loads("{" + summary(account) + "}")
    assert isinstance(fields, dict)
    return fields


def test_everything_an_account_has() -> None:
    desk = Desk()
    for line in (
        "ADD,ann,1000.00",
        "BUY,ann,ABC,100.00",
        "COMMIT_BUY,ann",
        "BUY,ann,XYZ,20.00",
        "BUY,ann,XYZ,30.00",
    ):
        desk.do(line, 1000)
    desk.now_ms += 5
    for line in ("SELL,ann,ABC,10.00", "SET_BUY_AMOUNT,ann,XYZ,7.00", "SET_SELL_AMOUNT,ann,ABC,50.00"):
        desk.do(line, 1000)
    for line in (
        "SET_SELL_TRIGGER,ann,ABC,25.00",
        "COMMIT_SELL,ann",
        "SET_BUY_TRIGGER,ann,XYZ,3.00",
        "ADD,ann,-1.00",
    ):
        desk.do(line, 1000)
    fields = shown(desk.account)
    counts, newest = fields["history"]["counts"], fields["history"]["newest"]
    del fields["history"]
    assert fields == {
        "user": "ann",
        "cash": "853.00",
        "reserved": "57.00",
        "holdings": {"ABC": {"shares": 7, "reserved": 2, "cost": "90.00"}},
        "pending_buys": [
            {"symbol": "XYZ", "shares": 3, "price": "10.00", "timestamp": START_MS},
            {"symbol": "XYZ", "shares": 2, "price": "10.00", "timestamp": START_MS},
        ],
        "pending_sells": [],
        "pendings_not_shown": 0,
        "triggers": [
            {"side": "sell", "symbol": "ABC", "amount": "50.00", "price": "25.00", "shares": 2},
            {"side": "buy", "symbol": "XYZ", "amount": "7.00", "price": "3.00", "shares": 0},
        ],
    }
    assert counts["ADD"] == {"OK": 1, "BAD_AMOUNT": 1}
    assert counts["BUY"] == {"OK": 3}
    assert sum(sum(of_command.values()) for of_command in counts.values()) == desk.number
    assert [one["number"] for one in newest] == list(range(desk.number, desk.number - 10, -1))
    assert newest[0] == {
        "number": 12, "command": "ADD", "symbol": None, "amount": "-1.00", "outcome": "BAD_AMOUNT",
        "timestamp": START_MS + 5,
    }  # fmt: skip


def test_pendings_without_end_are_not_all_shown() -> None:
    account = Account("ann")
    account.buys = Pendings(pending(shares=n) for n in range(1, MAX_PENDINGS_SHOWN + 8))
    account.sells = Pendings(pending(shares=n) for n in range(1, 4))
    fields = shown(account)
    assert [one["shares"] for one in fields["pending_buys"]] == list(range(MAX_PENDINGS_SHOWN + 7, 7, -1))
    assert [one["shares"] for one in fields["pending_sells"]] == [3, 2, 1]
    assert fields["pendings_not_shown"] == 7
    account.sells = Pendings(pending(shares=n) for n in range(1, MAX_PENDINGS_SHOWN + 6))
    assert shown(account)["pendings_not_shown"] == 12


def test_what_is_sold_out_is_not_shown() -> None:
    desk = Desk()
    for line in ("ADD,ann,90.00", "BUY,ann,ABC,10.00", "COMMIT_BUY,ann", "SELL,ann,ABC,10.00"):
        desk.do(line, 1000)
    assert shown(desk.account)["holdings"] == {"ABC": {"shares": 0, "reserved": 1, "cost": "10.00"}}
    desk.do("COMMIT_SELL,ann")
    assert shown(desk.account)["holdings"] == {}


def test_a_stranger_has_nothing() -> None:
    fields = shown(Account("ann"))
    assert (fields["cash"], fields["holdings"], fields["history"]) == (
        "0.00",
        {},
        {"counts": {}, "newest": []},
    )


FORMS = (
    "ADD,ann,90.00", "BUY,ann,{s},{a}", "BUY,ann,{s},{a}", "COMMIT_BUY,ann", "COMMIT_BUY,ann",
    "SELL,ann,{s},{a}", "COMMIT_SELL,ann",
    "SET_BUY_AMOUNT,ann,{s},{a}", "SET_BUY_TRIGGER,ann,{s},1.00", "CANCEL_SET_BUY,ann,{s}", "SET_SELL_AMOUNT,ann,{s},{a}",
    "SET_SELL_TRIGGER,ann,{s},1.00", "CANCEL_SET_SELL,ann,{s}", "DISPLAY_SUMMARY,ann", "DISPLAY_SUMMARY,ann",
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(FORMS), st.sampled_from("CAB"), st.integers(1, 20))))
def test_what_was_shown_before_does_not_linger(done: list[tuple[str, str, int]]) -> None:
    """However many summaries came before, one shows what the first summary of the same account would; keys are sorted."""
    desk = Desk()
    for form, symbol, dollars in [("ADD,ann,900.00", "A", 1), *done]:
        desk.do(form.format(s=symbol, a=f"{dollars}.00"), 100)
    again = summary(desk.account)
    desk.account.shown = None
    assert again == summary(desk.account)
    fields = shown(desk.account)
    assert list(fields["holdings"]) == sorted(
        symbol for symbol, held in desk.account.holdings.items() if held.free or held.reserved
    )
    sides = {"buy": BUY_SIDE, "sell": SELL_SIDE}
    keys = [(one["symbol"], sides[one["side"]]) for one in fields["triggers"]]
    assert keys == sorted(desk.account.triggers)
