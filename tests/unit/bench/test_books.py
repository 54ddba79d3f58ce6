"""A trader's own books: what is right passes, and any cent, share or name that is not is told."""

from collections.abc import Callable
from typing import Any

import pytest

from bench._books import Books, Reply

BUY = {"symbol": "ABC", "shares": 3, "price": "33.00", "cost": "99.00", "expires_at": 1, "cash": "901.00"}
SELL = {"symbol": "ABC", "shares": 2, "price": "40.00", "proceeds": "80.00", "expires_at": 1}
EMPTY = {
    "cash": "1000.00", "reserved": "0.00", "holdings": {}, "pending_buys": [], "pending_sells": [], "triggers": [],
}  # fmt: skip
Step = tuple[Callable[[Books, Reply], str], Reply]

ROUND: dict[str, Step] = {
    "deposit": (lambda books, reply: books.deposited(100_000, reply), {"cash": "1000.00"}),
    "quote": (lambda books, reply: books.quoted("ABC", reply), {"symbol": "ABC", "price": "33.00", "quoted_at": 5}),
    "empty": (Books.shown, EMPTY),
    "buy": (lambda books, reply: books.bought("ABC", 10_000, reply), BUY),
    "pending": (Books.shown, EMPTY | {"cash": "901.00", "reserved": "99.00", "pending_buys": [{}]}),
    "cancel": (
        Books.buy_cancelled, {"symbol": "ABC", "shares": 3, "price": "33.00", "returned": "99.00", "cash": "1000.00"},
    ),
    "again": (lambda books, reply: books.bought("ABC", 10_000, reply), BUY),
    "commit": (Books.buy_committed, {key: value for key, value in BUY.items() if key != "expires_at"}),
    "held": (Books.shown, EMPTY | {"cash": "901.00", "holdings": {"ABC": {"shares": 3, "reserved": 0}}}),
    "sell": (lambda books, reply: books.sold("ABC", 8_100, reply), SELL),
    "not sold": (Books.sell_cancelled, {"symbol": "ABC", "shares": 2}),
    "sell again": (lambda books, reply: books.sold("ABC", 8_100, reply), SELL),
    "reserved": (
        Books.shown,
        EMPTY | {"cash": "901.00", "holdings": {"ABC": {"shares": 1, "reserved": 2}}, "pending_sells": [{}]},
    ),
    "sold": (
        Books.sell_committed,
        {"symbol": "ABC", "shares": 2, "price": "40.00", "proceeds": "80.00", "cash": "981.00"},
    ),
    "aside": (
        lambda books, reply: books.put_aside("XYZ", 10_000, reply),
        {"symbol": "XYZ", "amount": "100.00", "cash": "881.00"},
    ),
    "more aside": (
        lambda books, reply: books.put_aside("XYZ", 20_000, reply),
        {"symbol": "XYZ", "amount": "200.00", "cash": "781.00"},
    ),
    "armed": (
        lambda books, reply: books.armed("XYZ", 1, reply), {"symbol": "XYZ", "amount": "200.00", "price": "0.01"},
    ),
    "all": (
        Books.shown,
        EMPTY | {
            "cash": "781.00", "reserved": "200.00", "holdings": {"ABC": {"shares": 1, "reserved": 0}},
            "triggers": [{"symbol": "XYZ", "amount": "200.00"}],
        },
    ),
    "disarmed": (
        lambda books, reply: books.disarmed("XYZ", reply),
        {"symbol": "XYZ", "returned": "200.00", "cash": "981.00"},
    ),
}  # fmt: skip
_FREE = {"expires_at"}
"""Fields that the books do not know."""


def wrong(value: Any) -> Any:
    """Something else of the same kind."""
    match value:
        case str() if value[:1].isdigit():
            return (
                f"{int(value.replace('.', '')) + 1:03d}"[:-2]
                + "."
                + f"{int(value.replace('.', '')) + 1:03d}"[-2:]
            )
        case str():
            return value + "X"
        case int():
            return value + 1 if value > 5 else -value - 1
        case list():
            return [*value, {"symbol": "QQQ", "amount": "1.00"}]
        case _:
            return value | {"QQQ": {"shares": 1, "reserved": 0}}


def played(until: str) -> Books:
    """Books after all steps before that one."""
    books = Books()
    for name, (check, reply) in ROUND.items():
        if name == until:
            break
        assert check(books, reply) == "", name
    return books


def test_a_right_round_has_no_complaint() -> None:
    books = played("nothing")
    assert (books.cash, books.reserved, dict(books.shares)) == (98_100, 0, {"ABC": 1})


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name, (_, reply) in ROUND.items()
        for field in reply
        if field not in _FREE and (name, field) not in {("quote", "price"), ("quote", "quoted_at")}
    ],
)
def test_whatever_is_wrong_is_told(name: str, field: str) -> None:
    check, reply = ROUND[name]
    assert check(played(name), reply | {field: wrong(reply[field])}) != ""


@pytest.mark.parametrize(
    "reply", [{}, {"cash": 5}, {"cash": "x"}, {"price": "0.00", "symbol": "ABC", "quoted_at": 1}]
)
def test_what_is_no_answer_is_told(reply: Reply) -> None:
    assert Books().deposited(1, reply) != ""
    assert Books().quoted("ABC", reply) != ""
    assert Books().bought("ABC", 100, reply) != ""


def test_one_mistake_is_told_once() -> None:
    books = played("nothing")
    assert books.deposited(100, {"cash": "982.01"}) != ""
    assert books.deposited(100, {"cash": "983.01"}) == ""


def test_nobody_sells_what_is_not_there() -> None:
    assert "of 3 shares" in played("sell").sold("ABC", 16_000, SELL | {"shares": 4, "proceeds": "160.00"})
