"""The oracle against the sentences of commands.md, one by one, with numbers worked out by hand."""

import pytest

from grader.oracle import BUYING, SELLING, Account, Command, Outcome, apply, due, expire, fire

LIFE = 60_000


class Teller:
    """An account that takes commands in text: `BUY S 10.00` at a price."""

    def __init__(self, *commands: str, price: int | None = 10_00) -> None:
        self.account = Account()
        self.number = 0
        for command in commands:
            assert self(command, price).code is None, command

    def __call__(self, text: str, price: int | None = 10_00, now_ms: int = 0) -> Outcome:
        name, *words = text.split()
        self.number += 1
        symbol = next((word for word in words if word.isalpha()), "")
        cents = next((int(word.replace(".", "")) for word in words if not word.isalpha()), None)
        return apply(self.account, Command(name, self.number, now_ms, "user", symbol, cents), price)

    @property
    def state(self) -> tuple[int, int, dict[str, int], dict[str, int]]:
        account = self.account
        return account.cash, account.reserved_cash, dict(account.shares), dict(account.reserved)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (Command("BUY", 1, 0, "", "S", 1), "BAD_USER"),
        (Command("BUY", 1, 0, "a b", "", None), "BAD_USER"),
        (Command("BUY", 1, 0, "u", "", None), "BAD_SYMBOL"),
        (Command("BUY", 1, 0, "u", "S", None), "BAD_AMOUNT"),
        (Command("BUY", 1, 0, "u", "S", 0), "BAD_AMOUNT"),
        (Command("BUY", 1, 0, "u", "S", -5), "BAD_AMOUNT"),
        (Command("BUY", 1, 0, "u", "S", 10**13 + 1), "BAD_AMOUNT"),
        (Command("BUY", 1, 0, "u", "S", 10**13), "UNKNOWN_USER"),
        (Command("BUY", 1, 0, "u", "S", 1, count_ok=False), "BAD_REQUEST"),
        (Command("ADD", 1, 0, "u", "", -1), "BAD_AMOUNT"),
        (Command("COMMIT_SELL", 1, 0, "u"), "UNKNOWN_USER"),
        (Command("DUMPLOG", 1, 0, "u", filename="f"), "UNKNOWN_USER"),
        (Command("DUMPLOG", 1, 0, "u"), "BAD_FILENAME"),
        (Command("DUMPLOG", 1, 0, "a b"), "BAD_USER"),
        (Command("DUMPLOG", 1, 0), "BAD_FILENAME"),
        (Command("DUMPLOG", 1, 0, filename="f"), None),
        (Command("DISPLAY_SUMMARY", 1, 0, "u"), None),
        (Command("QUOTE", 1, 0, "u", "S"), None),
        (Command("QUOTE", 1, 0, "u", ""), "BAD_SYMBOL"),
    ],
)
def test_checks_before_the_account(command: Command, code: str | None) -> None:
    account = Account()
    assert apply(account, command, 100).code == code
    assert not account.known


def test_buy_reserves_whole_shares_and_leaves_the_rest() -> None:
    teller = Teller("ADD 100.00")
    assert teller("BUY S 35.00") == Outcome(moves=(("remove", 30_00),), priced=True)
    assert teller.state == (70_00, 30_00, {}, {})
    assert teller("COMMIT_BUY").moves == ()
    assert teller.state == (70_00, 0, {"S": 3}, {})


def test_buy_codes_in_order() -> None:
    teller = Teller("ADD 100.00")
    assert teller("BUY S 100.01", None) == Outcome("INSUFFICIENT_FUNDS")
    assert teller("BUY S 9.99") == Outcome("TOO_SMALL", priced=True)
    assert teller("BUY S 9.99", None) == Outcome("QUOTE_UNAVAILABLE", priced=True)
    assert teller("BUY S 100.00").code is None
    assert teller.state == (0, 100_00, {}, {})


def test_sell_codes_in_order() -> None:
    teller = Teller("ADD 100.00", "BUY S 20.00", "COMMIT_BUY")
    assert teller("SELL T 1.00", None) == Outcome("INSUFFICIENT_SHARES")
    assert teller("SELL S 9.99") == Outcome("TOO_SMALL", priced=True)
    assert teller("SELL S 30.00") == Outcome("INSUFFICIENT_SHARES", priced=True)
    assert teller("SELL S 29.99") == Outcome(priced=True)
    assert teller.state == (80_00, 0, {"S": 0}, {"S": 2})
    assert teller("SELL S 10.00", None) == Outcome("INSUFFICIENT_SHARES")
    assert teller("COMMIT_SELL").moves == (("add", 20_00),)
    assert teller.state == (100_00, 0, {"S": 0}, {"S": 0})


def test_newest_pending_first_and_it_holds_its_price() -> None:
    teller = Teller("ADD 100.00", "BUY S 10.00", "BUY T 20.00")
    assert teller("CANCEL_BUY", 99_00).moves == (("add", 20_00),)
    assert teller("COMMIT_BUY", 99_00).code is None
    assert teller.state == (90_00, 0, {"S": 1}, {})
    assert teller("COMMIT_BUY").code == "NOTHING_PENDING"
    assert teller("CANCEL_SELL").code == "NOTHING_PENDING"


def test_cancel_sell_returns_the_shares() -> None:
    teller = Teller("ADD 100.00", "BUY S 20.00", "COMMIT_BUY", "SELL S 10.00", "CANCEL_SELL")
    assert teller.state == (80_00, 0, {"S": 2}, {"S": 0})


def test_pending_is_valid_at_sixty_seconds_and_not_a_millisecond_later() -> None:
    teller = Teller("ADD 100.00", "BUY S 20.00")
    assert due(teller.account, LIFE) == []
    ((side, pending),) = due(teller.account, LIFE + 1)
    assert side == BUYING
    assert expire(teller.account, side, pending) == (("add", 20_00),)
    assert teller.state == (100_00, 0, {}, {})


def test_expired_or_nothing_pending() -> None:
    """EXPIRED when nothing is pending and the last pending of that kind to leave did so by expiry."""
    teller = Teller("ADD 100.00", "BUY S 10.00", "COMMIT_BUY", "BUY S 10.00", "SELL S 10.00")
    for side, pending in due(teller.account, LIFE + 1):
        expire(teller.account, side, pending)
    assert teller("COMMIT_BUY").code == "EXPIRED"
    assert teller("CANCEL_BUY").code == "EXPIRED"
    assert teller("COMMIT_SELL").code == "EXPIRED"
    assert teller("BUY S 10.00", 10_00, LIFE).code is None
    assert teller("CANCEL_BUY").code is None
    assert teller("COMMIT_BUY").code == "NOTHING_PENDING"
    assert teller("COMMIT_SELL").code == "EXPIRED"


def test_set_buy_amount_replaces_and_keeps_the_price() -> None:
    teller = Teller("ADD 100.00")
    assert teller("SET_BUY_TRIGGER S 5.00").code == "NO_AMOUNT_SET"
    assert teller("CANCEL_SET_BUY S").code == "NOT_SET"
    assert teller("SET_BUY_AMOUNT S 60.00").moves == (("remove", 60_00),)
    assert teller("SET_BUY_TRIGGER S 5.00") == Outcome()
    assert teller("SET_BUY_AMOUNT S 100.01").code == "INSUFFICIENT_FUNDS"
    assert teller("SET_BUY_AMOUNT S 100.00").moves == (("add", 60_00), ("remove", 100_00))
    assert teller.account.orders[BUYING]["S"].price_cents == 5_00
    assert teller("CANCEL_SET_BUY S").moves == (("add", 100_00),)
    assert teller.state == (100_00, 0, {}, {})


def test_buy_trigger_fires_and_the_rest_returns() -> None:
    teller = Teller("ADD 100.00", "SET_BUY_AMOUNT S 60.00")
    assert not teller.account.orders[BUYING]["S"].fires_at(BUYING, 1)
    teller("SET_BUY_TRIGGER S 25.00")
    order = teller.account.orders[BUYING]["S"]
    assert [order.fires_at(BUYING, price) for price in (24_99, 25_00, 25_01)] == [True, True, False]
    assert fire(teller.account, BUYING, "S", 25_00) == (("add", 10_00),)
    assert teller.state == (50_00, 0, {"S": 2}, {})
    assert teller("CANCEL_SET_BUY S").code == "NOT_SET"


def test_buy_trigger_without_rest_moves_no_cash_and_needs_a_whole_share() -> None:
    teller = Teller("ADD 100.00", "SET_BUY_AMOUNT S 60.00", "SET_BUY_TRIGGER S 90.00")
    order = teller.account.orders[BUYING]["S"]
    assert [order.fires_at(BUYING, price) for price in (60_00, 60_01)] == [True, False]
    assert fire(teller.account, BUYING, "S", 20_00) == ()
    assert teller.state == (40_00, 0, {"S": 3}, {})


def test_set_sell_codes_in_order() -> None:
    teller = Teller("ADD 100.00")
    assert teller("SET_SELL_AMOUNT S 10.00").code == "INSUFFICIENT_SHARES"
    assert teller("SET_SELL_TRIGGER S 10.00").code == "NO_AMOUNT_SET"
    teller("BUY S 30.00")
    teller("COMMIT_BUY")
    assert teller("SET_SELL_AMOUNT S 40.00") == Outcome()
    assert teller("SET_SELL_TRIGGER S 40.01").code == "TOO_SMALL"
    assert teller("SET_SELL_TRIGGER S 10.00").code == "INSUFFICIENT_SHARES"
    assert teller("SET_SELL_TRIGGER S 13.33") == Outcome()
    assert teller.state == (70_00, 0, {"S": 0}, {"S": 3})


def test_sell_trigger_counts_what_it_already_reserves() -> None:
    teller = Teller(
        "ADD 100.00", "BUY S 30.00", "COMMIT_BUY", "SET_SELL_AMOUNT S 30.00", "SET_SELL_TRIGGER S 10.00"
    )
    assert teller.state[2:] == ({"S": 0}, {"S": 3})
    assert teller("SET_SELL_TRIGGER S 15.00").code is None
    assert teller.state[2:] == ({"S": 1}, {"S": 2})
    assert teller("SET_SELL_TRIGGER S 7.00").code == "INSUFFICIENT_SHARES"
    assert teller.account.orders[SELLING]["S"].price_cents == 15_00


def test_set_sell_amount_again_disarms_and_releases() -> None:
    teller = Teller(
        "ADD 100.00", "BUY S 20.00", "COMMIT_BUY", "SET_SELL_AMOUNT S 20.00", "SET_SELL_TRIGGER S 10.00"
    )
    assert teller("SET_SELL_AMOUNT S 50.00").code is None
    assert teller.account.orders[SELLING]["S"].price_cents is None
    assert teller.state[2:] == ({"S": 2}, {"S": 0})
    teller("SET_SELL_TRIGGER S 50.00")
    assert teller("CANCEL_SET_SELL S") == Outcome()
    assert teller.state[2:] == ({"S": 2}, {"S": 0})
    assert teller("CANCEL_SET_SELL S").code == "NOT_SET"


def test_sell_trigger_fires_at_the_quote() -> None:
    teller = Teller(
        "ADD 100.00", "BUY S 30.00", "COMMIT_BUY", "SET_SELL_AMOUNT S 30.00", "SET_SELL_TRIGGER S 15.00"
    )
    order = teller.account.orders[SELLING]["S"]
    assert [order.fires_at(SELLING, price) for price in (14_99, 15_00, 15_01)] == [False, True, True]
    assert fire(teller.account, SELLING, "S", 40_00) == (("add", 80_00),)
    assert teller.state == (150_00, 0, {"S": 1}, {"S": 0})


def test_refusal_changes_nothing() -> None:
    teller = Teller(
        "ADD 100.00", "BUY S 30.00", "COMMIT_BUY", "SET_SELL_AMOUNT S 30.00", "SET_SELL_TRIGGER S 15.00"
    )
    before = teller.state, dict(teller.account.orders[SELLING])
    for refused in (
        "BUY S 999.00",
        "SELL S 99.00",
        "SET_BUY_AMOUNT S 999.00",
        "SET_SELL_TRIGGER S 1.00",
        "COMMIT_SELL",
    ):
        assert teller(refused).code is not None
        assert (teller.state, dict(teller.account.orders[SELLING])) == before
