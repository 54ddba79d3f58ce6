"""What a share costs at a hit: `walk` or `fixed:CENTS`; what a file lists (`file:F` is quotecache.legacy.changing's)."""

from collections.abc import Callable
from itertools import pairwise
from math import exp, log
from typing import Final

from msgspec import Struct

from core.ids import parse_symbol
from core.money import is_amount, parse_decimal
from quotecache.legacy.chance import normal, uniform


class Last(Struct, frozen=True):
    """A symbol's previous hit."""

    price_cents: int
    age_ms: int
    """How long ago it was."""


Price = Callable[[str, int, Last | None], int]
"""Cents of a symbol's k-th hit, counted from 1, given the hit before it."""

UNNAMED_CENTS: Final = 1_000
"""Price of a symbol that a price file does not name (quote-server.md)."""

_LOWEST_CENTS: Final = 100
_HIGHEST_CENTS: Final = 499_900

_FIRST: Final = ((0.0, 100), (0.5, 3_600), (0.9, 240_000), (1.0, 499_900))
"""First prices: share of the symbols that start at or below these cents; the logarithm is linear in between.
Measured: median 26 to 48 dollars, 90 % below 1,600 to 3,400."""

_SPREAD: Final = ((1_000, 0.193), (10_000, 0.25), (30_000, 0.31), (None, 0.37))
"""Standard deviation of the logarithm of a move by the age of the hit before: below 1 s, 10 s, 30 s, above. Its median size
is 0.6745 times that: 0.13 below a second, 0.25 after a minute, as measured. In steps, so that a few milliseconds more or
less do not change a price: with the same seed, two runs that hit once in a minute see the same prices."""

_DRIFT: Final = 0.01
"""Mean of the logarithm of a move: slightly upward."""
_RESET_SHARE: Final = 0.002
"""Of all moves, how many start again at a new first price: rare."""


def parse_price(text: str, seed: int) -> Price:
    """The price profile that `text` names. Raises ValueError for anything else."""
    kind, _, rest = text.partition(":")
    if text == "walk":
        return lambda symbol, k, last: _walk(seed, symbol, k, last)
    if kind == "fixed" and rest.isdecimal() and is_amount(int(rest)):
        fixed_cents = int(rest)
        return lambda symbol, k, last: fixed_cents
    raise ValueError(f"price {text!r} is not walk, fixed:CENTS or file:F")


def parse_file(text: str) -> dict[str, list[int]]:
    """Cents by symbol from lines `SYM,price,price,...`; blank lines are skipped. Raises ValueError with the line."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        name, *prices = (field.strip() for field in line.split(","))
        symbol = parse_symbol(name)
        cents = [parse_decimal(price) or 0 for price in prices]
        if symbol is None or symbol in found or not cents or not all(map(is_amount, cents)):
            raise ValueError(
                f"line {number} of the price file is not SYM,price,price,... of a new symbol: {line}"
            )
        found[symbol] = cents
    return found


def listed(prices: dict[str, list[int]], symbol: str, k: int) -> int:
    """Cents of a symbol's k-th hit by that list; its last price goes on."""
    cents = prices.get(symbol, [UNNAMED_CENTS])
    return cents[min(k, len(cents)) - 1]


def _walk(seed: int, symbol: str, k: int, last: Last | None) -> int:
    if last is None or uniform("reset", seed, symbol, k) < _RESET_SHARE:
        return _first(uniform("first", seed, symbol, k))
    spread = next(spread for below_ms, spread in _SPREAD if below_ms is None or last.age_ms < below_ms)
    move = _DRIFT + spread * normal("move", seed, symbol, k)
    cents = round(last.price_cents * exp(move))
    if not _LOWEST_CENTS <= cents <= _HIGHEST_CENTS:
        cents = round(last.price_cents * exp(-move))
    # It moves at every hit, however cheap the share is.
    if cents == last.price_cents:
        cents += 1 if cents < _HIGHEST_CENTS else -1
    return min(max(cents, _LOWEST_CENTS), _HIGHEST_CENTS)


def _first(share: float) -> int:
    for (low_share, low_cents), (high_share, high_cents) in pairwise(_FIRST):
        if share <= high_share:
            part = (share - low_share) / (high_share - low_share)
            return round(exp(log(low_cents) + part * (log(high_cents) - log(low_cents))))
    raise AssertionError("a share is at most 1")
