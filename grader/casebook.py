"""What the judges share: the users' accounts as the oracle has them, the quotes, the triggers, and counts for the report."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from core.ids import is_user
from core.money import format_cents
from grader.events import Event
from grader.findings import Findings
from grader.hits import QuoteBook
from grader.oracle import Account, Moves
from grader.units import Unit
from grader.watch import Watch
from grader.workload import Workload

MAX_REMEMBERED: Final = 64
"""Pendings and triggers of one user that are remembered after they have gone."""

LOST: Final = "what users did after a command of theirs that cannot be followed"
LOST_BECAUSE: Final = "its values cannot be read, or the price it used is not in the log"

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Keeps the newest MAX_REMEMBERED entries."""
    memory.pop(key, None)
    memory[key] = value
    if len(memory) > MAX_REMEMBERED:
        del memory[next(iter(memory))]


class UserCase:
    """One user's account and what has gone from it lately."""

    __slots__ = ("account", "fired", "forced", "gone", "lost", "taken")

    def __init__(self) -> None:
        self.account = Account()
        self.lost = False
        """A command cannot be followed: what comes after it is not judged."""
        self.taken: dict[tuple[int, int], int] = {}
        """(side, number) of pendings committed or cancelled: their cents."""
        self.forced: dict[tuple[int, int], Moves] = {}
        """(side, number) of pendings that had to expire and did not: the changes of cash that belong to it."""
        self.fired: dict[tuple[int, str], tuple[int, int]] = {}
        """(side, symbol) of the last trigger that fired: its number and the line."""
        self.gone: dict[int, str] = {}
        """Numbers of triggers that are armed no more, and their symbol."""

    def watches(self, number: int, symbol: str) -> bool:
        """True when a trigger on the symbol is or was armed under this number."""
        orders = (side.get(symbol) for side in self.account.orders)
        return self.gone.get(number) == symbol or any(
            order is not None and order.price_cents is not None and order.number == number for order in orders
        )


class Casebook:
    """The state of the grading."""

    def __init__(
        self, findings: Findings, quote_life_ms: int, pending_life_ms: int, workload: Workload | None
    ) -> None:
        self.findings = findings
        self.quotes = QuoteBook(quote_life_ms, findings)
        self.watch = Watch(quote_life_ms, findings)
        self.quote_life_ms = quote_life_ms
        self.pending_life_ms = pending_life_ms
        self.workload = workload
        self.users: dict[str, UserCase] = {}
        self.clock_ms = 0
        """The largest timestamp so far."""
        self.names: set[str] = set()
        """Every user that a userCommand or a hit names; empty for a command without one."""
        self.commands: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.fires = 0
        self.expiries = 0
        self.trigger_hits = 0
        self.priced = 0
        """Commands and fires that named the price they used, or should have."""
        self.unpriced = 0
        """Those that did not."""
        self.unquoted = 0
        """Those whose price was never quoted."""
        self.bought = 0
        self.bought_free = 0
        """Accepted BUYs, and those that moved no cash."""
        self.errors = 0
        self.codeless = 0
        """errorEvents, and those whose message begins with no code."""

    def case(self, user: str) -> UserCase:
        """The user's case; a new one for a user not met before, and one that is not kept for what is no user's name."""
        found = self.users.get(user)
        if found is None:
            found = UserCase()
            if is_user(user):
                self.users[user] = found
        return found

    def report(self, rule: str, text: str, event: Event) -> None:
        """A violation at an event."""
        self.findings.violation(rule, text, event.line, event.user, event.number)


def _no_pendings() -> dict[int, int]:
    return {}


def compare_moves(
    book: Casebook, unit: Unit, expected: Moves, older: Callable[[], dict[int, int]] = _no_pendings
) -> None:
    """Reports where the unit's accountTransactions differ from the oracle's.

    `older` gives cents of pendings that were not the newest, and their number: a sum found there names the mistake.
    """
    if len(unit.moves) == len(expected) and all(map(_is_move, unit.moves, expected)):
        return
    missing, extra = _unmatched(unit.moves, expected)
    for action, cents in missing:
        twin = next((move for move in extra if move.text == action), None)
        if twin is None:
            book.report("move-missing", f"no accountTransaction {action} {format_cents(cents)}", unit.head)
            continue
        extra.remove(twin)
        number = older().get(twin.cents or 0)
        text = f"{action} {format_cents(twin.cents or 0)}, but it must be {format_cents(cents)}"
        if number is None:
            book.report("move-wrong", text, twin)
        else:
            book.report(
                "commit-older", f"{text}: the sum is that of [{number}], which is not the newest", twin
            )
    for move in extra:
        book.report("move-extra", f"accountTransaction {move.text} {format_cents(move.cents or 0)}", move)
    in_order = [move.text for move in unit.moves] == [action for action, _ in expected]
    if not missing and not extra and len(unit.moves) == len(expected) and not in_order:
        book.report("move-wrong", "the accountTransactions stand in the wrong order", unit.head)


def _is_move(event: Event, move: tuple[str, int]) -> bool:
    return (event.text, event.cents) == move and not event.damaged


def _unmatched(logged: Sequence[Event], expected: Moves) -> tuple[list[tuple[str, int]], list[Event]]:
    """What was expected and is not there, and what is there and was not expected; an unreadable event may be any of them."""
    missing = list(expected)
    extra: list[Event] = []
    unread = 0
    for move in logged:
        same = (move.text, move.cents or 0)
        if move.damaged:
            unread += 1
        elif same in missing:
            missing.remove(same)
        else:
            extra.append(move)
    return missing[unread:], extra
