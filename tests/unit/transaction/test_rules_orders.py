"""What a trigger order is known by, and the room that a holding needs for what is reserved."""

import pytest

from core.limits import MAX_SHARES
from tests.unit.transaction.desk import SESSION_ID, START_MS, Desk, pending
from transaction.account import BUY_SIDE, SELL_SIDE, Holding, TriggerOrder
from transaction.pendings import Pendings


def owner() -> Desk:
    desk = Desk()
    desk.do("ADD,ann,1000.00")
    desk.account.holdings["ABC"] = Holding(10, 0)
    return desk


@pytest.mark.parametrize(("kind", "side"), [("BUY", BUY_SIDE), ("SELL", SELL_SIDE)])
def test_an_order_names_the_request_that_made_it_and_then_the_one_that_armed_it(kind: str, side: int) -> None:
    """By session and number: what the audit log says of its firing."""
    desk = owner()
    desk.do(f"SET_{kind}_AMOUNT,ann,ABC,50.00")
    assert desk.account.triggers["ABC", side] == TriggerOrder(5_000, None, 0, SESSION_ID, 2, None)
    desk.do(f"SET_{kind}_AMOUNT,ann,ABC,60.00")
    assert desk.account.triggers["ABC", side] == TriggerOrder(6_000, None, 0, SESSION_ID, 3, None)
    desk.now_ms += 7
    desk.do(f"SET_{kind}_TRIGGER,ann,ABC,20.00")
    shares = 3 if side == SELL_SIDE else 0
    armed = TriggerOrder(6_000, 2_000, shares, SESSION_ID, 4, START_MS + 7)
    assert desk.account.triggers["ABC", side] == armed


def test_reserved_shares_need_their_room_too() -> None:
    """They may return, so free and reserved together stay within the column."""
    desk = owner()
    desk.do("BUY,ann,ABC,100.00", 1_000)
    desk.account.holdings["ABC"], desk.account.sells = (
        Holding(MAX_SHARES - 15, 6),
        Pendings([pending(shares=6)]),
    )
    refused = desk.do("COMMIT_BUY,ann")
    assert refused.audit.error == "BAD_AMOUNT: the account cannot hold so many shares of ABC"
    desk.account.holdings["ABC"], desk.account.sells = (
        Holding(MAX_SHARES - 15, 5),
        Pendings([pending(shares=5)]),
    )
    assert desk.do("COMMIT_BUY,ann").audit.error == ""
    assert desk.account.holdings["ABC"].free == MAX_SHARES - 5
