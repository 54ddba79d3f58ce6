"""While which triggers were armed."""

from bench._floor import Need
from bench._used import armed
from core.commands import CANCEL_SET_BUY, CODES, SET_BUY_TRIGGER, SET_SELL_AMOUNT, SET_SELL_TRIGGER

BUY, SELL = CODES[SET_BUY_TRIGGER], CODES[SET_SELL_TRIGGER]


def test_from_arming_to_the_fire_or_the_cancel_or_the_end() -> None:
    rows = [
        (1, BUY, "u", "A", 10),
        (4, BUY, "u", "A", 15),
        (1, BUY, "u", "B", 20),
        (1, CODES[CANCEL_SET_BUY], "u", "B", 30),
        (1, SELL, "u", "C", 40),
    ]
    assert armed(rows, 99) == [Need("A", 10, 15), Need("B", 20, 30), Need("C", 40, 99)]


def test_a_new_amount_disarms_a_sell_and_sides_are_apart() -> None:
    rows = [(1, SELL, "u", "A", 1), (1, BUY, "u", "A", 2), (1, CODES[SET_SELL_AMOUNT], "u", "A", 3)]
    assert armed(rows, 9) == [Need("A", 1, 3), Need("A", 2, 9)]


def test_arming_again_goes_on_and_cancelling_what_was_not_armed_is_nothing() -> None:
    rows = [(1, CODES[CANCEL_SET_BUY], "u", "A", 1), (1, BUY, "u", "A", 2), (1, BUY, "u", "A", 5)]
    assert armed(rows, 9) == [Need("A", 2, 9)]
