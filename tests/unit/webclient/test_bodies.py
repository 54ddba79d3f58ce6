"""Amounts, prices and symbols of request bodies: the published patterns are the rule, and what does not fit is named."""

import re
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BAD_AMOUNT, BAD_SYMBOL
from core.limits import MAX_AMOUNT_CENTS
from core.money import format_cents
from webclient.bodies import AMOUNT_PATTERN, Deposit, Order, TriggerAmount, TriggerPrice, cents_of, symbol_of
from webclient.commands import parse_amount
from webclient.problems import Problem

EDGES: Final = ["0", "0.00", "0.01", "00.10", "-1", "1.", "1.001", "1e3", "", " 1", "1\n", "NaN", "٣", "1,000", "000000000000001",
                "0000000000000001", "100000000000", "100000000000.00", "100000000000.01", "000100000000000.0", "0000100000000000",
                "99999999999.99", "000099999999999.9", "0000099999999999"]  # fmt: skip


@pytest.mark.parametrize("text", EDGES)
def test_the_published_pattern_is_the_rule(text: str) -> None:
    published = re.search(AMOUNT_PATTERN.replace("$", r"\Z"), text) is not None
    assert published == (parse_amount(text) is not None)


@given(st.one_of(st.from_regex(r"0{0,15}[0-9]{0,13}(\.[0-9]{0,3})?", fullmatch=True), st.text(max_size=20)))
def test_the_published_pattern_is_the_rule_for_anything(text: str) -> None:
    published = re.search(AMOUNT_PATTERN.replace("$", r"\Z"), text) is not None
    assert published == (parse_amount(text) is not None)


@given(st.integers(1, MAX_AMOUNT_CENTS))
def test_every_amount_can_be_written(cents: int) -> None:
    assert cents_of(format_cents(cents)) == cents


@pytest.mark.parametrize("field", ["amount", "price"])
def test_a_bad_amount_names_its_field(field: str) -> None:
    with pytest.raises(Problem) as raised:
        cents_of("0", field)
    assert raised.value.code == BAD_AMOUNT
    assert raised.value.errors == {field: [raised.value.detail]}


def test_without_another_name_it_is_the_amount() -> None:
    with pytest.raises(Problem) as raised:
        cents_of("-1")
    assert raised.value.errors == {"amount": [raised.value.detail]}


def test_symbols_get_their_upper_case() -> None:
    assert symbol_of("aBc") == "ABC"


@pytest.mark.parametrize("text", ["", "ABCD", "A1", "A\n", "Ä"])
def test_a_bad_symbol_is_named(text: str) -> None:
    with pytest.raises(Problem) as raised:
        symbol_of(text)
    assert raised.value.code == BAD_SYMBOL
    assert raised.value.errors == {"symbol": [raised.value.detail]}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (Deposit, '{"amount":"1"}'),
        (Order, '{"symbol":"A","amount":"1"}'),
        (TriggerAmount, '{"amount":"1"}'),
        (TriggerPrice, '{"price":"1"}'),
    ],
)
def test_bodies_have_just_these_fields(kind: type, body: str) -> None:
    assert msgspec.json.decode(body, type=kind)
    for wrong in (body.replace("}", ',"more":1}'), body.replace('"1"', "1"), "{}"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=kind)
