"""Which symbols have a trigger that a price fires (commands.md, Triggers), as far as one can tell from memory.

What is armed may be 100,000 triggers; whether a price fires any of them is told by two numbers a symbol. A trigger's
*reach* is the price that fires it: a buy fires at its reach or below (the lower of its trigger price and its reserve,
which must buy a whole share), a sell at its reach or above (its trigger price). So a price fires something exactly when
it is at most the highest reach of the buys or at least the lowest reach of the sells.

The picture may show more than is armed (somebody cancelled), never less: a look too much finds nothing in the database.
"""

from collections.abc import Iterable

from msgspec import Struct


class Reach(Struct, frozen=True):
    """The extremes of what is armed on one symbol, in cents; None: no trigger of that side is."""

    buy_cents: int | None
    sell_cents: int | None

    def is_reached(self, price_cents: int) -> bool:
        """True when the price fires a trigger."""
        buy, sell = self.buy_cents, self.sell_cents
        return (buy is not None and price_cents <= buy) or (sell is not None and price_cents >= sell)


class Picture:
    """The reach of every symbol on which a trigger is armed."""

    def __init__(self) -> None:
        self._reaches: dict[str, Reach] = {}

    def __len__(self) -> int:
        """On how many symbols something is armed."""
        return len(self._reaches)

    def add(self, armed: Iterable[tuple[str, int | None, int | None]]) -> None:
        """These (symbol, buy, sell) are armed too: the picture only grows."""
        for symbol, buy, sell in armed:
            if (old := self._reaches.get(symbol)) is not None:
                buy = max((cents for cents in (old.buy_cents, buy) if cents is not None), default=None)
                sell = min((cents for cents in (old.sell_cents, sell) if cents is not None), default=None)
            self._reaches[symbol] = Reach(buy, sell)

    def replace(self, armed: Iterable[tuple[str, int | None, int | None]]) -> None:
        """Of these symbols this is all that is armed; one without either side is forgotten."""
        for symbol, buy, sell in armed:
            if buy is None and sell is None:
                self._reaches.pop(symbol, None)
            else:
                self._reaches[symbol] = Reach(buy, sell)

    def symbols(self) -> list[str]:
        """The symbols on which something is armed."""
        return list(self._reaches)

    def is_reached(self, symbol: str, price_cents: int) -> bool:
        """True when the price fires a trigger on the symbol."""
        reach = self._reaches.get(symbol)
        return reach is not None and reach.is_reached(price_cents)
