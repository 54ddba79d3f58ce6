"""Puts the events of one command, one expiry or one fire together again.

A unit begins with its userCommand or, for an expiry or a fire, with its systemEvent, and holds what follows under the same
user, number and timestamp. Units of one timestamp are judged together and in the order of the file, once the timestamp
changes: only then is every quote known that they may have used.
"""

from collections.abc import Sequence
from typing import Final

from core.commands import CANCEL_BUY, CANCEL_SELL, SET_BUY_TRIGGER, SET_SELL_TRIGGER
from grader.events import ACCOUNT_TRANSACTION, DEBUG_EVENT, ERROR_EVENT, SYSTEM_EVENT, USER_COMMAND, Event
from grader.findings import Findings
from grader.oracle import PRICED

COMMAND: Final = "command"
EXPIRY: Final = "expiry"
FIRE: Final = "fire"
_OWN_CAUSE: Final = {
    CANCEL_BUY: EXPIRY,
    CANCEL_SELL: EXPIRY,
    SET_BUY_TRIGGER: FIRE,
    SET_SELL_TRIGGER: FIRE,
}
"""Commands whose systemEvent is something that happens by itself."""
MAX_UNITS_TOGETHER: Final = 100_000
"""Units of one timestamp that are held; a log with more (one that counts time in days) is judged in pieces."""


class Unit:
    """One command, expiry or fire with its effects."""

    __slots__ = ("cause", "errors", "head", "moves", "prices")

    def __init__(self, cause: str, head: Event) -> None:
        self.cause = cause
        self.head = head
        """The userCommand, or the systemEvent of an expiry or a fire."""
        self.moves: Sequence[Event] = ()
        self.prices: Sequence[Event] = ()
        """systemEvents that name a price used."""
        self.errors: Sequence[Event] = ()


def _with(events: Sequence[Event], event: Event) -> Sequence[Event]:
    """The events and one more. Most units have none, and so no list."""
    if not isinstance(events, list):
        return [event]
    events.append(event)
    return events


class Assembler:
    """Takes events and gives units."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._open: dict[str, Unit] = {}
        self._units: list[Unit] = []
        self._last: dict[str, int] = {}
        """Number of each user's last unit."""
        self.effects = 0
        self.loose = 0
        """Effects that stand under no unit: many of them show a log of another convention."""

    def add(self, event: Event) -> None:
        """Takes any event but a hit. The caller has taken the units of an earlier timestamp."""
        kind = event.kind
        if kind == USER_COMMAND:
            self._begin(COMMAND, event)
        elif kind == SYSTEM_EVENT and event.command in _OWN_CAUSE:
            self._begin(_OWN_CAUSE[event.command], event)
        elif kind != DEBUG_EVENT:
            self.effects += 1
            unit = self._open.get(event.user)
            if unit is None or unit.head.number != event.number or not self._attach(unit, event):
                self._stray(event)

    @property
    def full(self) -> bool:
        """So many units that they must be taken."""
        return len(self._units) >= MAX_UNITS_TOGETHER

    def take(self) -> list[Unit]:
        """The units since the last call, in the order of the file; nothing more can belong to them."""
        units, self._units = self._units, []
        self._open = {}
        return units

    def _begin(self, cause: str, head: Event) -> None:
        unit = Unit(cause, head)
        self._units.append(unit)
        self._open[head.user] = unit
        self._last[head.user] = head.number

    def _attach(self, unit: Unit, event: Event) -> bool:
        if event.kind == ACCOUNT_TRANSACTION:
            unit.moves = _with(unit.moves, event)
            return True
        if unit.cause != COMMAND or event.command != unit.head.command:
            return False
        if event.kind == ERROR_EVENT:
            unit.errors = _with(unit.errors, event)
        elif event.command in PRICED:
            unit.prices = _with(unit.prices, event)
        else:
            self._report("event-extra", f"a systemEvent {event.command} that nothing asks for", event)
        return True

    def _stray(self, event: Event) -> None:
        self.loose += 1
        what = f"{event.kind} {event.command or event.text}".rstrip()
        if self._last.get(event.user) == event.number:
            self._report("one-time", f"{what} has another timestamp than its cause", event)
        else:
            self._report("stray-event", f"{what} without its cause before it", event)

    def _report(self, rule: str, text: str, event: Event) -> None:
        self._findings.violation(rule, text, event.line, event.user, event.number)
