"""Who arms what in the trigger benchmark, as lines of the wire; and which accounts a changed price fires. Pure."""

from collections.abc import Iterator
from itertools import product
from string import ascii_uppercase
from typing import Final

FIRING_CENTS: Final = 1
"""The price that fires them all: no quote server's walk goes there."""
_DEPOSIT: Final = "10000000.00"
_AMOUNT: Final = "1.00"
_TRIGGER: Final = "0.01"


def two_letters() -> list[str]:
    """Symbols that no generated workload names: those have three letters."""
    return ["".join(pair) for pair in product(ascii_uppercase, repeat=2)]


def three_letters(count: int) -> list[str]:
    """The first so many."""
    return [
        "".join(letters) for letters, _ in zip(product(ascii_uppercase, repeat=3), range(count), strict=False)
    ]


def spread(users: list[str], symbols: list[str], each: int) -> dict[str, list[str]]:
    """Which users arm each symbol: every user the next `each` symbols, going round."""
    armed: dict[str, list[str]] = {symbol: [] for symbol in symbols}
    for place, user in enumerate(users):
        for step in range(each):
            armed[symbols[(place * each + step) % len(symbols)]].append(user)
    return armed


def rounds(users: list[str], symbols: list[str], size: int) -> dict[str, list[str]]:
    """Which users arm each symbol: `size` users a symbol, everybody in turn."""
    assert len(users) % size == 0, "groups of one size"
    groups = [users[start : start + size] for start in range(0, len(users), size)]
    return {symbol: groups[place % len(groups)] for place, symbol in enumerate(symbols)}


def distinct(armed: dict[str, list[str]], count: int) -> list[list[str]]:
    """Lists of symbols that together fire one trigger of each of `count` different users, as many lists as there are."""
    found: list[list[str]] = []
    left = list(armed)
    while True:
        chosen: list[str] = []
        seen: set[str] = set()
        for symbol in left:
            if seen.isdisjoint(armed[symbol]) and len(seen) + len(armed[symbol]) <= count:
                chosen.append(symbol)
                seen.update(armed[symbol])
        if len(seen) < count:
            return found
        found.append(chosen)
        left = [symbol for symbol in left if symbol not in set(chosen)]


def lines(armed: dict[str, list[str]]) -> Iterator[bytes]:
    """Numbered lines: everybody pays in, then sets amounts and triggers that FIRING_CENTS reaches."""
    users = dict.fromkeys(user for group in armed.values() for user in group)
    commands = [f"ADD,{user},{_DEPOSIT}" for user in users]
    for symbol, group in armed.items():
        for user in group:
            commands += [
                f"SET_BUY_AMOUNT,{user},{symbol},{_AMOUNT}",
                f"SET_BUY_TRIGGER,{user},{symbol},{_TRIGGER}",
            ]
    for number, command in enumerate(commands, start=1):
        yield f"[{number}] {command}\n".encode()
