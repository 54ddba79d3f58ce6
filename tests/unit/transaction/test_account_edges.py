"""The account at its edges: how it begins, whose pending is the oldest, and what its check lets pass."""

import pytest

from core.limits import MAX_CASH_CENTS
from tests.unit.transaction.desk import START_MS, Desk, pending
from transaction.account import SELL_SIDE, Account, Holding, TriggerOrder
from transaction.batch import Entry
from transaction.pendings import Pendings


def test_a_new_account_has_nothing() -> None:
    account = Account("ann")
    assert (account.user, account.exists, account.version, account.seq) == ("ann", False, 0, 0)
    assert (account.cash_cents, account.reserved_cents, account.timestamp_ms) == (0, 0, 0)
    assert (account.buys.items, account.sells.items, account.holdings, account.triggers) == ([], [], {}, {})
    assert (account.buys.expired, account.sells.expired) == (False, False)
    assert (account.changed_holdings, account.changed_triggers) == (set(), set())
    assert account.oldest_pending_ms() is None
    account.check()


@pytest.mark.parametrize(
    ("buys", "sells", "oldest"), [([5, 6], [4], 4), ([3], [4, 9], 3), ([], [8, 9], 8), ([7], [], 7)]
)
def test_the_oldest_pending_of_both_sides(buys: list[int], sells: list[int], oldest: int) -> None:
    account = Account("ann")
    account.buys, account.sells = (
        Pendings(pending(at_ms=START_MS + ms) for ms in side) for side in (buys, sells)
    )
    assert account.oldest_pending_ms() == START_MS + oldest
    assert not account.has_pending_before(START_MS + oldest)
    assert account.has_pending_before(START_MS + oldest + 1)


def test_the_check_knows_what_reserves_and_what_does_not() -> None:
    """An order that is not armed holds no share, so there need be none."""
    account = Account("ann")
    account.triggers["ABC", SELL_SIDE] = TriggerOrder(500, None, 0, 7, 1, None)
    account.check()
    account.triggers["ABC", SELL_SIDE] = TriggerOrder(500, 100, 5, 7, 1, START_MS)
    with pytest.raises(AssertionError, match="ABC 0 reserved, 5 held"):
        account.check()
    account.holdings["ABC"] = Holding(0, 5)
    account.check()
    account.holdings["XYZ"] = Holding(0, 1)
    with pytest.raises(AssertionError, match="XYZ 1 reserved, 0 held"):
        account.check()


def test_cash_without_room_is_refused_with_its_reason() -> None:
    desk = Desk()
    desk.account.exists, desk.account.cash_cents = True, MAX_CASH_CENTS
    assert desk.do("ADD,ann,0.01").audit.error == "BAD_AMOUNT: the account cannot hold so much cash"


def test_an_entry_remembers_where_its_reply_goes() -> None:
    link = object()
    entry = Entry(None, link, "ann")
    assert (entry.link, entry.user, entry.session, entry.reply) == (link, "ann", None, "")
    assert not any((entry.doubtful, entry.answered, entry.repeat, entry.unpriced))
