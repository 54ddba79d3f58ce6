"""Watches armed triggers against the cached quotes that the log shows: which one should have fired and did not.

A quote is cached from its event's timestamp until a newer one comes or its life ends. A trigger that such quotes reach
without a gap for over 2 s must have fired (invariant 5). The log shows every hit, so it shows every cached quote; what
stays unknown is how long the news takes, and the 2 s are for that.
"""

from typing import Final

from core.money import format_cents
from grader.findings import Findings
from grader.hits import Hit
from grader.oracle import BUYING, TriggerOrder

FIRE_MS: Final = 2_000
"""A trigger reached for longer must have fired."""
DARK_MS: Final = 30_000
"""A symbol with an armed trigger and no live quote for longer is not watched: a quote takes 20 s at the very most."""
SIDES: Final = ("buy", "sell")


class _Armed:
    """One armed trigger."""

    __slots__ = ("line", "order", "reached_ms", "reported", "side", "user")

    def __init__(self, user: str, side: int, order: TriggerOrder, line: int) -> None:
        self.user = user
        self.side = side
        self.order = order
        self.line = line
        self.reached_ms: int | None = None
        """Since when cached quotes reach its price without a gap."""
        self.reported = False


class _Symbol:
    """The newest quote of one symbol and its armed triggers."""

    __slots__ = ("armed", "dark_ms", "live_until_ms", "price_cents", "quote_time_ms")

    def __init__(self) -> None:
        self.price_cents = 0
        self.quote_time_ms = -1
        self.live_until_ms = -1
        self.armed: dict[tuple[str, int], _Armed] = {}
        self.dark_ms = 0
        """Since when the symbol could be without a live quote while a trigger is armed."""


class Watch:
    """All armed triggers. Times must not go back; the caller gives the larger of a timestamp and the one before."""

    def __init__(self, life_ms: int, findings: Findings) -> None:
        self._life_ms = life_ms
        self._findings = findings
        self._symbols: dict[str, _Symbol] = {}
        self.missed = 0
        self.dark_symbols: set[str] = set()

    def quote(self, hit: Hit) -> None:
        """A quote becomes usable."""
        symbol = self._symbols.setdefault(hit.symbol, _Symbol())
        if hit.quote_time_ms < symbol.quote_time_ms:
            return
        self._light(hit.symbol, symbol, hit.known_ms)
        gap = hit.known_ms > symbol.live_until_ms
        until_ms = min(hit.known_ms, symbol.live_until_ms)
        symbol.price_cents, symbol.quote_time_ms = hit.price_cents, hit.quote_time_ms
        symbol.live_until_ms = symbol.dark_ms = hit.quote_time_ms + self._life_ms
        for armed in symbol.armed.values():
            reaches = armed.order.fires_at(armed.side, hit.price_cents)
            if armed.reached_ms is not None and (gap or not reaches):
                self._settle(hit.symbol, armed, until_ms)
            if reaches and armed.reached_ms is None:
                armed.reached_ms = hit.known_ms

    def update(
        self, user: str, side: int, name: str, order: TriggerOrder | None, now_ms: int, line: int
    ) -> int | None:
        """The user's trigger on this symbol is now `order` (None: not armed). The number of the one armed before, if any."""
        symbol = self._symbols.setdefault(name, _Symbol())
        old = self._disarm(name, symbol, user, side, now_ms)
        number = old.order.number if old else None
        if order is None:
            return number
        armed = _Armed(user, side, order, old.line if old and old.order.number == order.number else line)
        armed.reported = old is not None and old.reported
        if not symbol.armed:
            symbol.dark_ms = max(now_ms, symbol.live_until_ms)
        if now_ms <= symbol.live_until_ms and order.fires_at(side, symbol.price_cents):
            armed.reached_ms = now_ms
        symbol.armed[user, side] = armed
        return number

    def fired(self, user: str, side: int, name: str, now_ms: int, line: int) -> None:
        """The trigger fired; it may be late."""
        symbol = self._symbols.setdefault(name, _Symbol())
        armed = symbol.armed.get((user, side))
        if armed is None:
            return
        if armed.reached_ms is not None and now_ms - armed.reached_ms > FIRE_MS:
            late_ms = now_ms - armed.reached_ms
            text = f"the {SIDES[side]} trigger on {name} fired {late_ms} ms after its price was reached"
            self._findings.warning("fire-late", text, line, user, armed.order.number)
            armed.reached_ms = None
        self._disarm(name, symbol, user, side, now_ms)

    def finish(self, now_ms: int) -> None:
        """The log ends."""
        for name, symbol in self._symbols.items():
            for user, side in list(symbol.armed):
                self._disarm(name, symbol, user, side, now_ms)

    def _disarm(self, name: str, symbol: _Symbol, user: str, side: int, now_ms: int) -> _Armed | None:
        armed = symbol.armed.get((user, side))
        if armed is None:
            return None
        self._light(name, symbol, now_ms)
        self._settle(name, armed, min(now_ms, symbol.live_until_ms))
        del symbol.armed[user, side]
        return armed

    def _light(self, name: str, symbol: _Symbol, now_ms: int) -> None:
        """Looks at how long the symbol has been without a live quote while a trigger was armed."""
        if symbol.armed and now_ms - symbol.dark_ms > DARK_MS and name not in self.dark_symbols:
            self.dark_symbols.add(name)
            armed = next(iter(symbol.armed.values()))
            text = f"{name} had no live quote for {now_ms - symbol.dark_ms} ms while a trigger was armed"
            self._findings.warning("unwatched", text, armed.line, armed.user, armed.order.number)

    def _settle(self, name: str, armed: _Armed, until_ms: int) -> None:
        """Ends the time in which quotes reached the trigger: over 2 s of it are a missing fire."""
        since_ms, armed.reached_ms = armed.reached_ms, None
        if since_ms is None or until_ms - since_ms <= FIRE_MS or armed.reported:
            return
        armed.reported = True
        self.missed += 1
        price = armed.order.price_cents
        assert price is not None
        verb = "under" if armed.side == BUYING else "over"
        self._findings.violation(
            "fire-missing",
            f"the {SIDES[armed.side]} trigger on {name} at {format_cents(price)} was armed while a cached quote stood {verb} "
            f"or at its price from {since_ms} to {until_ms}, and did not fire",
            armed.line, armed.user, armed.order.number,
        )  # fmt: skip
