"""Workload files in the course's format and command mix, from a seed: the same file on every machine and Python version.

Measured on the five course files, of which the 100-user one is the clearest (commands.md has the format): each line's
user is drawn evenly; a user's first command is ADD; each later one depends on the one before it, in whole percent
(_AFTER). ADD amounts lie around 70,000.00 with a deviation of 15,000, other amounts evenly up to 750.00, and a trigger
price is an even share of its amount. Two things differ, so that more succeeds: a SELL names a stock that the user has
bought, where there is one, and a trigger the stock whose amount was just set. The one negative ADD of a course file is
not imitated either.
"""

from bisect import bisect
from collections.abc import Iterator
from itertools import accumulate
from random import Random
from string import ascii_letters, ascii_uppercase, digits
from typing import Final

from core.commands import (
    ADD,
    BUY,
    CANCEL_BUY,
    CANCEL_SELL,
    CANCEL_SET_BUY,
    CANCEL_SET_SELL,
    COMMIT_BUY,
    COMMIT_SELL,
    DISPLAY_SUMMARY,
    QUOTE,
    SELL,
    SET_BUY_AMOUNT,
    SET_BUY_TRIGGER,
    SET_SELL_AMOUNT,
    SET_SELL_TRIGGER,
)
from core.money import format_cents

SYMBOLS_PER_USER: Final = 10
MAX_DEFAULT_SYMBOLS: Final = 1_000
MAX_SYMBOLS: Final = 26**3
MAX_AMOUNT_CENTS: Final = 750_00
LINES_PER_CHUNK: Final = 1_000
_NAME_LENGTH: Final = 10
_NAME_LETTERS: Final = ascii_letters + digits
_MAX_HELD: Final = 32

_NEXT: Final = (
    ADD, QUOTE, BUY, COMMIT_BUY, CANCEL_BUY, SELL, COMMIT_SELL, CANCEL_SELL,
    SET_BUY_AMOUNT, CANCEL_SET_BUY, SET_BUY_TRIGGER, SET_SELL_AMOUNT, SET_SELL_TRIGGER, CANCEL_SET_SELL, DISPLAY_SUMMARY,
)  # fmt: skip
_OTHERWISE: Final = (20, 10, 10, 1, 1, 10, 1, 1, 7, 1, 7, 7, 7, 2, 15)
_AFTER: Final = {
    ADD: (1, 40, 40, 2, 1, 2, 1, 2, 1, 1, 2, 2, 1, 2, 2),
    QUOTE: (10, 20, 30, 2, 2, 3, 2, 2, 7, 2, 7, 3, 2, 2, 6),
    BUY: (2, 5, 3, 50, 10, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3),
    SELL: (2, 5, 3, 3, 3, 3, 50, 10, 3, 3, 3, 3, 3, 3, 3),
    SET_BUY_AMOUNT: (0, 5, 5, 0, 0, 5, 0, 0, 0, 10, 70, 0, 0, 0, 5),
    SET_SELL_AMOUNT: (0, 5, 5, 0, 0, 5, 0, 0, 0, 0, 0, 0, 70, 10, 5),
}
"""Command -> chance of each command of _NEXT after it, in percent; _OTHERWISE after every command not named here."""

_CUMULATED: Final = {command: tuple(accumulate(_AFTER.get(command, _OTHERWISE))) for command in _NEXT}


def generate(users: int, commands: int, seed: int, symbols: int | None = None) -> Iterator[bytes]:
    """A workload file in chunks of whole lines: `commands` lines with the closing DUMPLOG, every user with one at least.

    symbols: how many stocks there are; 10 a user and at most 1,000 unless told. Raises ValueError when `commands` is not
    over `users`, or a number is out of range.
    """
    symbols = min(SYMBOLS_PER_USER * users, MAX_DEFAULT_SYMBOLS) if symbols is None else symbols
    if users < 1 or commands <= users or not 1 <= symbols <= MAX_SYMBOLS:
        raise ValueError(
            f"at least 1 user, more commands than users, 1 to {MAX_SYMBOLS} symbols: "
            f"not {users}, {commands}, {symbols}"
        )
    return _chunks(users, commands, symbols, _Draw(seed))


class _Draw:
    """Chance. Of Random only random() is promised to stay as it is (Python's documentation), so all else is made of it."""

    def __init__(self, seed: int) -> None:
        self.share = Random(seed).random

    def below(self, bound: int) -> int:
        """0 to bound - 1, evenly."""
        return int(self.share() * bound)

    def names(self, count: int, letters: str, length: int) -> list[str]:
        """So many different names."""
        names: dict[str, None] = {}
        while len(names) < count:
            names["".join([letters[self.below(len(letters))] for _ in range(length)])] = None
        return list(names)

    def deposit_cents(self) -> int:
        """Around 70,000.00, deviation 15,000.00: a sum of four even draws, so never below 18,000.00."""
        share = self.share
        return 18_038_48 + int((share() + share() + share() + share()) * 25_980_76)

    def amount_cents(self) -> int:
        """0.01 to 750.00, evenly."""
        return 1 + self.below(MAX_AMOUNT_CENTS)


class _User:
    """One user and what he did last."""

    __slots__ = ("bought", "draw", "held", "last", "name", "set_buy", "set_sell", "symbols")

    def __init__(self, name: str, symbols: list[str], draw: _Draw) -> None:
        self.name = name
        self.symbols = symbols
        self.draw = draw
        self.last = ""
        self.bought = ""
        """Symbol of a BUY that is not committed yet."""
        self.held: list[str] = []
        """Symbols of committed BUYs."""
        self.set_buy: tuple[str, int] | None = None
        self.set_sell: tuple[str, int] | None = None
        """Symbol and cents of the last amount set."""

    def next(self) -> str:
        """His next command, without its number."""
        self.last = self._choose()
        arguments = _ARGUMENTS.get(self.last)
        return f"{self.last},{self.name}{arguments(self) if arguments else ''}"

    def _choose(self) -> str:
        return _NEXT[bisect(_CUMULATED[self.last], self.draw.below(100))] if self.last else ADD

    def _any_symbol(self) -> str:
        return self.symbols[self.draw.below(len(self.symbols))]

    def _own_symbol(self) -> str:
        return self.held[self.draw.below(len(self.held))] if self.held else self._any_symbol()

    def add(self) -> str:
        return f",{format_cents(self.draw.deposit_cents())}"

    def quote(self) -> str:
        return f",{self._any_symbol()}"

    def buy(self) -> str:
        self.bought = self._any_symbol()
        return f",{self.bought},{format_cents(self.draw.amount_cents())}"

    def commit_buy(self) -> str:
        if self.bought and len(self.held) < _MAX_HELD:
            self.held.append(self.bought)
        self.bought = ""
        return ""

    def cancel_buy(self) -> str:
        self.bought = ""
        return ""

    def sell(self) -> str:
        return f",{self._own_symbol()},{format_cents(self.draw.amount_cents())}"

    def set_buy_amount(self) -> str:
        self.set_buy = (self._any_symbol(), self.draw.amount_cents())
        return f",{self.set_buy[0]},{format_cents(self.set_buy[1])}"

    def set_sell_amount(self) -> str:
        self.set_sell = (self._own_symbol(), self.draw.amount_cents())
        return f",{self.set_sell[0]},{format_cents(self.set_sell[1])}"

    def set_buy_trigger(self) -> str:
        return self._trigger(self.set_buy)

    def set_sell_trigger(self) -> str:
        return self._trigger(self.set_sell)

    def cancel_set_buy(self) -> str:
        return f",{self.set_buy[0] if self.set_buy else self._any_symbol()}"

    def cancel_set_sell(self) -> str:
        return f",{self.set_sell[0] if self.set_sell else self._any_symbol()}"

    def _trigger(self, amount: tuple[str, int] | None) -> str:
        symbol, cents = amount or (self._any_symbol(), self.draw.amount_cents())
        return f",{symbol},{format_cents(1 + self.draw.below(cents))}"


_ARGUMENTS: Final = {
    ADD: _User.add,
    QUOTE: _User.quote,
    BUY: _User.buy,
    COMMIT_BUY: _User.commit_buy,
    CANCEL_BUY: _User.cancel_buy,
    SELL: _User.sell,
    SET_BUY_AMOUNT: _User.set_buy_amount,
    SET_SELL_AMOUNT: _User.set_sell_amount,
    SET_BUY_TRIGGER: _User.set_buy_trigger,
    SET_SELL_TRIGGER: _User.set_sell_trigger,
    CANCEL_SET_BUY: _User.cancel_set_buy,
    CANCEL_SET_SELL: _User.cancel_set_sell,
}
"""What follows the user's name, for the commands that have more arguments or change what is remembered."""


def _chunks(users: int, commands: int, symbols: int, draw: _Draw) -> Iterator[bytes]:
    stocks = draw.names(symbols, ascii_uppercase, 3)
    crowd = [_User(name, stocks, draw) for name in draw.names(users, _NAME_LETTERS, _NAME_LENGTH)]
    unseen = users
    lines: list[str] = []
    for number in range(1, commands):
        user = crowd[draw.below(users)]
        if unseen and (not user.last or commands - number <= unseen):
            user = next(each for each in crowd if not each.last) if user.last else user
            unseen -= 1
        lines.append(f"[{number}] {user.next()} \n")
        if len(lines) == LINES_PER_CHUNK:
            yield "".join(lines).encode()
            lines.clear()
    lines.append(f"[{commands}] DUMPLOG,./testLOG\n")
    yield "".join(lines).encode()
