"""A batch at its edges: what a repeat and an unknown command are told, and what an expiry leaves beside its audit row."""

import json

import pytest

from core.commands import CODES
from tests.unit.transaction.desk import LIFE_MS, START_MS, entry, pending
from transaction.account import Account, Holding
from transaction.batch import Batch, Entry
from transaction.pendings import Pendings


def test_a_number_that_came_before_with_another_body_is_told_so() -> None:
    batch = Batch({"ann": Account("ann")}, lambda symbol, at_ms: None, START_MS)
    first, again = entry("ADD,ann,1.00", 1), entry("ADD,ann,2.00", 1)
    assert batch.decide(first) is batch.decide(again) is None
    assert json.loads(again.reply.removeprefix("ERR ")) == {
        "code": "REUSED_NUMBER",
        "message": "this number was used for another request of this session",
    }


def test_a_command_that_does_not_exist_is_told_so() -> None:
    batch = Batch({"ann": Account("ann")}, lambda symbol, at_ms: None, START_MS)
    shout = entry("SHOUT,ann", 1)
    assert batch.decide(shout) is None
    assert json.loads(shout.reply.removeprefix("ERR ")) == {
        "code": "UNKNOWN_COMMAND",
        "message": "the line names none of the 16 commands",
    }


def test_an_expiry_has_no_request_and_no_reply() -> None:
    account = Account("ann")
    account.exists, account.buys, account.reserved_cents = True, Pendings([pending()]), 3_000
    account.timestamp_ms = START_MS
    batch = Batch({"ann": account}, lambda symbol, at_ms: None, START_MS + LIFE_MS + 1)
    last = entry("COMMIT_BUY,ann", 2)
    assert batch.decide(last) is None
    [(expiry, *rest), (command, body, stored)] = batch.rows
    assert (expiry.number, rest) == (1, ["", ""])
    assert (command.number, body, stored) == (2, "COMMIT_BUY,ann", last.reply)


@pytest.mark.parametrize(
    ("buy_ms", "sell_ms", "commands"),
    [(1, 0, ["CANCEL_SELL"]), (0, 1, ["CANCEL_BUY"]), (0, 0, ["CANCEL_BUY", "CANCEL_SELL"]), (1, 1, [])],
)
def test_each_side_expires_by_its_own_age(buy_ms: int, sell_ms: int, commands: list[str]) -> None:
    """At a moment when what is from START_MS has just become too old, and what is a millisecond younger has not."""
    account = Account("ann")
    account.exists, account.timestamp_ms = True, START_MS + 1
    account.buys, account.reserved_cents = Pendings([pending(at_ms=START_MS + buy_ms)]), 3_000
    account.sells, account.holdings = Pendings([pending(at_ms=START_MS + sell_ms)]), {"ABC": Holding(0, 3)}
    batch = Batch({"ann": account}, lambda symbol, at_ms: None, START_MS + LIFE_MS + 1)
    assert batch.decide(Entry(None, None, "ann")) is None
    assert [row.command for row, _, _ in batch.rows] == [CODES[name] for name in commands]
    assert bool(batch.changed) == bool(commands)
