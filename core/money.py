"""Money is integer cents. Decimals are parsed by digits and written with two places; no float anywhere."""

import re
from typing import Final

from core.limits import MAX_AMOUNT_CENTS

_DECIMAL = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,2}))?\Z")
_HUNDREDTHS: Final = tuple([f"{cents:02d}" for cents in range(100)])


def parse_decimal(text: str) -> int | None:
    """Cents of a well-formed decimal (`-?[0-9]{1,15}(\\.[0-9]{1,2})?`, commands.md); None for anything else."""
    whole, _, fraction = text.partition(".")
    if len(fraction) == 2 and 0 < len(whole) < 16 and text.isascii() and (whole + fraction).isdecimal():
        return int(whole + fraction)  # the usual case, in half the time
    match = _DECIMAL.match(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups()
    cents = int(whole) * 100 + (int(fraction.ljust(2, "0")) if fraction else 0)
    return -cents if sign else cents


def is_amount(cents: int) -> bool:
    """True for an amount or trigger price that a command may name: over zero and at most 10^13 cents."""
    return 0 < cents <= MAX_AMOUNT_CENTS


def format_cents(cents: int) -> str:
    """`63511.53` for 6351153 cents; always two places, never an exponent."""
    if cents < 0:
        return "-" + format_cents(-cents)
    return f"{cents // 100}.{_HUNDREDTHS[cents % 100]}"


def format_known(cents: int | None) -> str | None:
    """The same of an amount that may not be there: None for None."""
    return None if cents is None else format_cents(cents)
