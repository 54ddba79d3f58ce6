"""A trader's own books: what every answer of the system must say, given those before it. Values only.

Each method takes what was asked and the reply's JSON object, and returns a complaint, or "" when the reply is right. The books
know nothing of fires and expiries, so whoever keeps them confirms in time and arms triggers far from any price.
"""

from collections import defaultdict
from typing import Any, Final

from core.money import parse_decimal

Reply = dict[str, Any]
_MIN_CENTS: Final = 1


class Books:
    """One account that nobody else trades on."""

    def __init__(self) -> None:
        self.cash = 0
        """Cents that are free."""
        self.reserved = 0
        """Cents of buys that wait and of buy triggers."""
        self.shares: defaultdict[str, int] = defaultdict(int)
        """That are free or wait to be sold."""
        self._buys: list[Reply] = []
        self._sells: list[Reply] = []
        self._aside: dict[str, int] = {}
        """Cents of each buy trigger."""

    def deposited(self, cents: int, reply: Reply) -> str:
        """ADD."""
        self.cash += cents
        return self._cash_is(reply)

    def quoted(self, symbol: str, reply: Reply) -> str:
        """QUOTE."""
        if _cents(reply, "price") < _MIN_CENTS or not isinstance(reply.get("quoted_at"), int):
            return f"no price: {reply}"
        return _same(reply, symbol=symbol)

    def bought(self, symbol: str, cents: int, reply: Reply) -> str:
        """BUY: as many whole shares as the amount pays."""
        price, cost, shares = _cents(reply, "price"), _cents(reply, "cost"), reply.get("shares")
        if price < _MIN_CENTS or shares != cents // price or cost != price * shares:
            return f"{cents} cents buy no such shares: {reply}"
        self.cash -= cost
        self.reserved += cost
        self._buys.append(reply)
        return _same(reply, symbol=symbol) or self._cash_is(reply)

    def buy_committed(self, reply: Reply) -> str:
        """COMMIT_BUY: the newest."""
        buy = self._buys.pop()
        self.reserved -= _cents(buy, "cost")
        self.shares[buy["symbol"]] += buy["shares"]
        return _equal(reply, buy, "symbol", "shares", "price", "cost") or self._cash_is(reply)

    def buy_cancelled(self, reply: Reply) -> str:
        """CANCEL_BUY: the newest."""
        buy = self._buys.pop()
        self.reserved -= _cents(buy, "cost")
        self.cash += _cents(buy, "cost")
        return (
            _equal(reply, buy, "symbol", "shares", "price")
            or _same(reply, returned=buy["cost"])
            or self._cash_is(reply)
        )

    def sold(self, symbol: str, cents: int, reply: Reply) -> str:
        """SELL: as many whole shares as make up the amount, of those that are there."""
        price, shares = _cents(reply, "price"), reply.get("shares")
        if price < _MIN_CENTS or shares != cents // price or not 0 < shares <= self.shares[symbol]:
            return f"of {self.shares[symbol]} shares {cents} cents sell no such: {reply}"
        self._sells.append(reply)
        wrong = "" if _cents(reply, "proceeds") == price * shares else f"the proceeds are wrong: {reply}"
        return wrong or _same(reply, symbol=symbol)

    def sell_committed(self, reply: Reply) -> str:
        """COMMIT_SELL: the newest."""
        sell = self._sells.pop()
        self.cash += _cents(sell, "proceeds")
        self.shares[sell["symbol"]] -= sell["shares"]
        return _equal(reply, sell, "symbol", "shares", "price", "proceeds") or self._cash_is(reply)

    def sell_cancelled(self, reply: Reply) -> str:
        """CANCEL_SELL: the newest."""
        return _equal(reply, self._sells.pop(), "symbol", "shares")

    def put_aside(self, symbol: str, cents: int, reply: Reply) -> str:
        """SET_BUY_AMOUNT."""
        more = cents - self._aside.get(symbol, 0)
        self.cash -= more
        self.reserved += more
        self._aside[symbol] = cents
        if _cents(reply, "amount") != cents:
            return f"not the amount {cents}: {reply}"
        return _same(reply, symbol=symbol) or self._cash_is(reply)

    def armed(self, symbol: str, price: int, reply: Reply) -> str:
        """SET_BUY_TRIGGER."""
        if _cents(reply, "price") != price or _cents(reply, "amount") != self._aside.get(symbol):
            return f"not the price {price} and the amount {self._aside.get(symbol)}: {reply}"
        return _same(reply, symbol=symbol)

    def disarmed(self, symbol: str, reply: Reply) -> str:
        """CANCEL_SET_BUY."""
        cents = self._aside.pop(symbol)
        self.cash += cents
        self.reserved -= cents
        if _cents(reply, "returned") != cents:
            return f"not {cents} cents returned: {reply}"
        return _same(reply, symbol=symbol) or self._cash_is(reply)

    def shown(self, reply: Reply) -> str:
        """DISPLAY_SUMMARY, at any time."""
        found = {
            "cash": _cents(reply, "cash"),
            "reserved": _cents(reply, "reserved"),
            "shares": {
                symbol: held["shares"] + held["reserved"]
                for symbol, held in reply["holdings"].items()
                if held["shares"] + held["reserved"]
            },
            "buys": len(reply["pending_buys"]),
            "sells": len(reply["pending_sells"]),
            "triggers": {each["symbol"]: _cents(each, "amount") for each in reply["triggers"]},
        }
        wanted = {
            "cash": self.cash,
            "reserved": self.reserved,
            "shares": {symbol: count for symbol, count in self.shares.items() if count},
            "buys": len(self._buys),
            "sells": len(self._sells),
            "triggers": self._aside,
        }
        return "" if found == wanted else f"the account is {found}, not {wanted}"

    def _cash_is(self, reply: Reply) -> str:
        """The books are as the system says from here on, so that one mistake is told once."""
        said, self.cash, wanted = _cents(reply, "cash"), _cents(reply, "cash"), self.cash
        return "" if said == wanted else f"the cash is {said} cents, not {wanted}"


def _cents(reply: Reply, field: str) -> int:
    """-1 for what is no amount of money."""
    text = reply.get(field)
    cents = parse_decimal(text) if isinstance(text, str) else None
    return -1 if cents is None else cents


def _same(reply: Reply, **wanted: Any) -> str:
    wrong = {field: reply.get(field) for field, value in wanted.items() if reply.get(field) != value}
    return f"{wrong} instead of {wanted}" if wrong else ""


def _equal(reply: Reply, other: Reply, *fields: str) -> str:
    return _same(reply, **{field: other[field] for field in fields})
