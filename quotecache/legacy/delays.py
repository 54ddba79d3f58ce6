"""How long the quote server thinks: `none`, `measured` or `fixed:MS`."""

from collections.abc import Callable
from itertools import accumulate
from typing import Final

from quotecache.legacy.chance import uniform

Delay = Callable[[str, int], int]
"""Milliseconds for a symbol's k-th request, counted from 1."""

_MEASURED_PERCENT: Final = (65.75, 15.75, 8.33, 5.92, 4.25)
"""Of 1,200 requests, how many took 0, 1, 2, 3 and 4 whole seconds (quote-server.md)."""
_REACHED: Final = tuple(accumulate(_MEASURED_PERCENT))
_REST_MS: Final = (7, 26)
"""What came on top of the whole seconds: from, to."""
_MAX_FIXED_MS: Final = 60_000


def parse_delay(text: str, seed: int) -> Delay:
    """The delay profile that `text` names. Raises ValueError for anything else."""
    kind, _, rest = text.partition(":")
    if text == "none":
        return lambda symbol, k: 0
    if text == "measured":
        return lambda symbol, k: _measured_ms(seed, symbol, k)
    if kind == "fixed" and rest.isdecimal() and int(rest) <= _MAX_FIXED_MS:
        fixed_ms = int(rest)
        return lambda symbol, k: fixed_ms
    raise ValueError(f"delay {text!r} is not none, measured or fixed:MS with at most {_MAX_FIXED_MS} ms")


def _measured_ms(seed: int, symbol: str, k: int) -> int:
    drawn = uniform("delay", seed, symbol, k) * _REACHED[-1]
    seconds = next(second for second, reached in enumerate(_REACHED) if drawn < reached)
    low, high = _REST_MS
    return seconds * 1000 + low + int(uniform("rest", seed, symbol, k) * (high - low + 1))
