"""The fewest quote hits that a run could have done with. Pure; times in milliseconds.

A price is needed at the moment a command uses it, and all the time while a trigger is armed on the symbol. A hit serves
its symbol for one life from the quote server's stamp. The floor of a symbol is how many lives cover its needs, each life begun
at the first need that the ones before do not cover: with a run shorter than a life, one for each symbol that is needed at all.
"""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct


class Need(Struct, frozen=True):
    """A price of the symbol was needed from then until then, both included; the same for a single use."""

    symbol: str
    from_ms: int
    to_ms: int


def floor(needs: Iterable[Need], life_ms: int) -> int:
    """The least number of hits for all these needs."""
    by_symbol: defaultdict[str, list[Need]] = defaultdict(list)
    for need in needs:
        by_symbol[need.symbol].append(need)
    return sum(_lives(sorted(each, key=lambda need: need.from_ms), life_ms) for each in by_symbol.values())


def _lives(needs: list[Need], life_ms: int) -> int:
    """Of one symbol, sorted by their beginning. A quote may be used at an age of 0 to life_ms."""
    lives, covered_ms = 0, -1
    for need in needs:
        if need.from_ms > covered_ms:
            lives += 1
            covered_ms = need.from_ms + life_ms
        if need.to_ms > covered_ms:
            more = -(-(need.to_ms - covered_ms) // (life_ms + 1))
            lives += more
            covered_ms += more * (life_ms + 1)
    return lives


def early(stamps: Iterable[tuple[str, int]], life_ms: int) -> int:
    """How many hits were made while an earlier one of the symbol could still be used; (symbol, quoteServerTime) of each."""
    newest: dict[str, int] = {}
    count = 0
    for symbol, time_ms in sorted(stamps, key=lambda stamp: stamp[1]):
        if symbol in newest and time_ms - newest[symbol] <= life_ms:
            count += 1
        newest[symbol] = time_ms
    return count
