"""What trading requests bring: amounts, prices and symbols, as they stand in JSON and as the commands want them. Values only.

Their patterns are published, not enforced by the JSON decoder: what does not fit is BAD_AMOUNT or BAD_SYMBOL, as in commands.md.
"""

from typing import Annotated, Final

from msgspec import Meta

from core.errors import BAD_AMOUNT, BAD_SYMBOL
from core.ids import parse_symbol
from webclient.commands import parse_amount
from webclient.problems import Problem
from webclient.schemas import Taken

AMOUNT_PATTERN: Final = r"^(?!0+(\.0+)?$)(0{0,4}[0-9]{1,11}(\.[0-9]{1,2})?|0{0,3}100000000000(\.0{1,2})?)$"
"""A well-formed decimal over 0 and at most 10^13 cents (commands.md, Accounts), to the last case."""
_BAD_AMOUNT: Final = "An amount is over 0, at most 100000000000.00, with at most two decimals."
_BAD_SYMBOL: Final = "A stock symbol has 1 to 3 letters."

Amount = Annotated[
    str,
    Meta(
        description="US dollars as a decimal string, over 0, with at most two decimals",
        examples=["250.00"],
        extra_json_schema={"pattern": AMOUNT_PATTERN, "maxLength": 18},
    ),
]
OrderSymbol = Annotated[
    str,
    Meta(
        description="1 to 3 letters",
        examples=["ABC"],
        extra_json_schema={"pattern": "^[A-Za-z]{1,3}$", "maxLength": 3},
    ),
]


class Deposit(Taken, frozen=True):
    """Cash to be added."""

    amount: Amount


class Order(Taken, frozen=True):
    """How much of a stock to buy or sell, in dollars; it becomes whole shares at the quote."""

    symbol: OrderSymbol
    amount: Amount


class TriggerAmount(Taken, frozen=True):
    """How much a trigger is to buy or sell for."""

    amount: Amount


class TriggerPrice(Taken, frozen=True):
    """At which price a trigger fires."""

    price: Amount


def cents_of(text: str, field: str = "amount") -> int:
    """The amount in cents. Raises Problem, BAD_AMOUNT, that names the field."""
    cents = parse_amount(text)
    if cents is None:
        raise Problem(BAD_AMOUNT, _BAD_AMOUNT, errors={field: [_BAD_AMOUNT]})
    return cents


def symbol_of(text: str) -> str:
    """The symbol in upper case. Raises Problem, BAD_SYMBOL."""
    symbol = parse_symbol(text)
    if symbol is None:
        raise Problem(BAD_SYMBOL, _BAD_SYMBOL, errors={"symbol": [_BAD_SYMBOL]})
    return symbol
