"""What a user's holdings cost, added up from the trades alone. It shares no code with the transaction tier, nor its formula:
there a sale takes a part that is rounded down, here what stays is rounded up.
"""

from fractions import Fraction
from math import ceil


class Costs:
    """One user's shares (free and reserved) and their cost, by symbol; nothing of a symbol that is sold out."""

    def __init__(self) -> None:
        self.shares: dict[str, int] = {}
        self.cents: dict[str, int] = {}

    def buy(self, symbol: str, shares: int, price_cents: int) -> None:
        """Shares arrive, paid for at that price."""
        self.shares[symbol] = self.shares.get(symbol, 0) + shares
        self.cents[symbol] = self.cents.get(symbol, 0) + shares * price_cents

    def sell(self, symbol: str, shares: int) -> None:
        """Shares leave; those that stay keep what they cost on the average."""
        average = Fraction(self.cents.pop(symbol), held := self.shares.pop(symbol))
        if held > shares:
            self.shares[symbol], self.cents[symbol] = held - shares, ceil(average * (held - shares))
