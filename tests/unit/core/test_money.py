"""Money: decimals by digits, held against the pattern of commands.md."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits import MAX_AMOUNT_CENTS
from core.money import format_cents, format_known, is_amount, parse_decimal

WELL_FORMED = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,2})?", re.ASCII)


@given(
    st.from_regex(WELL_FORMED) | st.text(alphabet="0123456789.-+ _e\n٣²", max_size=20) | st.text(max_size=8)
)
def test_well_formed_decimals_and_nothing_else(text: str) -> None:
    if WELL_FORMED.fullmatch(text):
        assert parse_decimal(text) == Decimal(text) * 100
    else:
        assert parse_decimal(text) is None


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("63511.53", 6351153),
        ("1", 100),
        ("1.5", 150),
        ("000.01", 1),
        ("-0.01", -1),
        ("-0", 0),
        ("999999999999999.99", 99999999999999999),
        ("1000000000000000.00", None),
        (".50", None),
        ("1.", None),
        ("1.234", None),
        ("1.2.", None),
        ("1e2", None),
        ("", None),
        ("١.٢٣", None),
        ("1.5²", None),
        ("1.50\n", None),
    ],
)
def test_decimals(text: str, cents: int | None) -> None:
    assert parse_decimal(text) == cents


@given(st.integers(min_value=-(10**17) + 1, max_value=10**17 - 1))
def test_cents_go_there_and_back(cents: int) -> None:
    text = format_cents(cents)
    assert re.fullmatch(r"-?[0-9]+\.[0-9]{2}", text)
    assert parse_decimal(text) == cents


@pytest.mark.parametrize(
    ("cents", "good"),
    [(-1, False), (0, False), (1, True), (MAX_AMOUNT_CENTS, True), (MAX_AMOUNT_CENTS + 1, False)],
)
def test_an_amount_is_over_zero_and_not_too_large(cents: int, good: bool) -> None:
    assert is_amount(cents) is good


@pytest.mark.parametrize(
    ("cents", "text"),
    [(0, "0.00"), (9, "0.09"), (99, "0.99"), (100, "1.00"), (101, "1.01"), (-1, "-0.01"), (-100, "-1.00")],
)
def test_cents_around_a_dollar(cents: int, text: str) -> None:
    assert format_cents(cents) == text


def test_what_is_not_there_stays_so() -> None:
    assert [format_known(cents) for cents in (None, 0, 1234)] == [None, "0.00", "12.34"]
