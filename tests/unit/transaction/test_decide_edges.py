"""Deciding at its edges: an expiry is an event with a time of its own; words of refusals come through whole."""

import json

import pytest

from core.codec import Request
from tests.unit.transaction.desk import LIFE_MS, START_MS, Desk, pending
from transaction.account import Account
from transaction.decide import decide, expire, refusal_of, refusal_reply
from transaction.pendings import Pendings
from transaction.rules import Context
from transaction.summary import summary


def test_an_expiry_moves_the_accounts_own_time() -> None:
    """Also when no command follows it: what comes next may not be earlier."""
    account = Account("ann")
    account.buys, account.reserved_cents = Pendings([pending()]), 3_000
    now_ms = START_MS + LIFE_MS + 1
    assert len(expire(account, now_ms, LIFE_MS)) == 1
    assert account.timestamp_ms == now_ms


@pytest.mark.parametrize("message", ["no", "a: b: c", ""])
def test_a_refusal_is_its_code_and_all_that_follows(message: str) -> None:
    request = Request(1, "s", 1, "ADD", "ann", "", None, "", f"BAD_AMOUNT: {message}", "ADD,ann,x")
    refused = refusal_of(request)
    assert (refused.code, refused.message) == ("BAD_AMOUNT", message)
    outcome = decide(Account("ann"), Context(request, 7, START_MS, LIFE_MS, None))
    assert outcome.reply == refusal_reply("BAD_AMOUNT", message)
    assert outcome.audit.error == f"BAD_AMOUNT: {message}"


def test_the_history_and_the_summary_name_the_symbol_and_the_amount() -> None:
    desk = Desk()
    desk.do("ADD,ann,50.00")
    desk.do("QUOTE,ann,abc", 700)
    desk.do("BUY,ann,xyz,20.00", 700)
    assert [(one.number, one.symbol, one.cents) for one in desk.account.history.newest()] == [
        (3, "XYZ", 2_000),
        (2, "ABC", None),
        (1, "", 5_000),
    ]
    newest = json.loads("{" + summary(desk.account) + "}")["history"]["newest"]
    assert [(one["symbol"], one["amount"]) for one in newest] == [
        ("XYZ", "20.00"),
        ("ABC", None),
        (None, "50.00"),
    ]
