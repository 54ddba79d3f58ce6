"""What shares cost: added to by what is bought, taken from by what is sold, to the cent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits import MAX_COST_CENTS, MAX_SHARES
from tests.simulation.costs import Costs
from tests.unit.transaction.desk import Desk
from transaction.account import Account, Holding

TRADES = st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**7), st.booleans()), max_size=30)
"""Shares, price, and whether they are bought."""


def holder(free: int, reserved: int, cents: int) -> Account:
    account = Account("ann")
    account.holdings["ABC"] = Holding(free, reserved, cents)
    return account


def test_what_is_bought_adds_what_was_paid() -> None:
    account = Account("ann")
    account.buy_shares("ABC", 3, 1_000)
    account.buy_shares("ABC", 1, 7)
    account.buy_shares("XYZ", 1, 5)
    assert account.holdings == {"ABC": Holding(4, 0, 1_007), "XYZ": Holding(1, 0, 5)}
    assert account.changed_holdings == {"ABC", "XYZ"}


@pytest.mark.parametrize(
    ("free", "reserved", "cents", "sold", "left"),
    [
        (0, 3, 100, 1, 67),
        (0, 3, 100, 2, 34),
        (1, 2, 100, 2, 34),
        (2, 1, 3, 1, 2),
        (0, 3, 100, 3, 0),
        (5, 5, 0, 5, 0),
        (MAX_SHARES - 1, 1, MAX_COST_CENTS, 1, MAX_COST_CENTS - 1),
    ],
)
def test_what_is_sold_takes_its_part_rounded_down(
    free: int, reserved: int, cents: int, sold: int, left: int
) -> None:
    account = holder(free, reserved, cents)
    account.sell_shares("ABC", sold)
    assert account.holdings == {"ABC": Holding(free, reserved - sold, left)}
    assert account.changed_holdings == {"ABC"}


@given(TRADES)
def test_any_trades(trades: list[tuple[int, int, bool]]) -> None:
    """As an independent sum says; and no cent remains where no share does."""
    account, costs = Account("ann"), Costs()
    for shares, price, buys in [*trades, (1, 1, True), (10**14, 1, False)]:
        holding = account.holdings.setdefault("ABC", Holding())
        held = holding.free + holding.reserved
        if buys:
            account.buy_shares("ABC", shares, shares * price)
            costs.buy("ABC", shares, price)
        elif held:
            sold = min(shares, held)
            account.move_shares("ABC", -min(sold, holding.free), min(sold, holding.free))
            account.sell_shares("ABC", sold)
            costs.sell("ABC", sold)
        assert holding.free + holding.reserved == costs.shares.get("ABC", 0)
        assert holding.cost_cents == costs.cents.get("ABC", 0)
        assert (holding.cost_cents > 0) == (holding.free + holding.reserved > 0)
    assert holding == Holding(0, 0, 0)


def test_a_cost_grows_no_further_than_its_column_holds() -> None:
    account = holder(5, 0, MAX_COST_CENTS - 10)
    account.buy_shares("ABC", 1, 9)
    assert account.holdings["ABC"].cost_cents == MAX_COST_CENTS - 1
    account.buy_shares("ABC", 1, 2)
    assert account.holdings["ABC"].cost_cents == MAX_COST_CENTS


def test_only_a_commit_moves_the_cost() -> None:
    desk = Desk()
    costs = []
    for line, price in (
        ("ADD,ann,900.00", 0), ("BUY,ann,ABC,10.05", 100), ("COMMIT_BUY,ann", 0), ("BUY,ann,ABC,30.00", 300),
        ("COMMIT_BUY,ann", 0), ("SELL,ann,ABC,21.00", 700), ("CANCEL_SELL,ann", 0), ("SELL,ann,ABC,21.00", 700),
        ("SET_SELL_AMOUNT,ann,ABC,9.00", 0), ("SET_SELL_TRIGGER,ann,ABC,9.00", 0), ("COMMIT_SELL,ann", 0),
        ("CANCEL_SET_SELL,ann,ABC", 0), ("SELL,ann,ABC,17.00", 1),
    ):  # fmt: skip
        refused = desk.do(line, price or None).audit.error
        holding = desk.account.holdings.get("ABC", Holding())
        costs.append((holding.free + holding.reserved, holding.cost_cents, bool(refused)))
    assert costs == [
        (0, 0, False), (0, 0, False), (10, 1_000, False), (10, 1_000, False),
        (20, 4_000, False), (20, 4_000, False), (20, 4_000, False), (20, 4_000, False),
        (20, 4_000, False), (20, 4_000, False), (17, 3_400, False),
        (17, 3_400, False), (17, 3_400, True),
    ]  # fmt: skip


def test_a_cost_without_shares_is_found() -> None:
    holder(0, 0, 0).check()
    holder(1, 0, 5).check()
    with pytest.raises(AssertionError, match="ann: ABC cost 5"):
        holder(0, 0, 5).check()
