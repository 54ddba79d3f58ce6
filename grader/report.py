"""What grading found: violations with their places, what the log left undecided, figures and final accounts."""

from typing import Any, Final

import msgspec
from msgspec import Struct

from core.ids import is_user
from grader.oracle import BUYING, SELLING, Account
from grader.rules import RULES, WARNINGS

MAX_SHOWN: Final = 20
"""Violations of one rule that are kept with their place; all are counted."""
HIT_COST_CENTS: Final = 5
"""USD 0.05 a hit (quote-server.md)."""


class Violation(Struct, frozen=True):
    """One broken rule and where."""

    rule: str
    line: int
    """In the log (decompressed), from 1; 0 when it stands nowhere, as something missing does."""
    user: str
    number: int
    """Transaction number; 0 when there is none."""
    text: str
    follows: int = 0
    """Line of this user's first violation, of which this one may be a mere consequence; 0 when this is the first."""

    def __str__(self) -> str:
        place = [f"line {self.line}"] if self.line else []
        if self.number:
            place.append(f"[{self.number}]")
        if self.user:
            place.append(self.user if is_user(self.user) else repr(self.user))
        after = f" (may follow from line {self.follows})" if self.follows else ""
        return f"{', '.join(place) or 'log'}: {self.text}{after}"


class Undecided(Struct, frozen=True):
    """What the log does not let the grader decide, and why."""

    what: str
    count: int
    because: str


class Figures(Struct):
    """What graders compute from a log."""

    events: int = 0
    users: int = 0
    commands: int = 0
    by_command: dict[str, int] = {}
    outcomes: dict[str, int] = {}
    """`OK` and refusal codes, as the log shows them."""
    quote_hits: int = 0
    quote_cost_usd: str = "0.00"
    hits_floor: int = 0
    """Hits that remain when none is made while an earlier one of its symbol is alive."""
    hits_per_floor: float | None = None
    trigger_hits: int = 0
    fires: int = 0
    expiries: int = 0
    seconds: float = 0.0
    """Last minus first timestamp."""
    per_second: float | None = None


class AccountView(Struct, frozen=True):
    """A user's account at the end, as the oracle has it. Pendings: symbol, shares, price, time, number; newest last."""

    cash_cents: int
    reserved_cents: int
    holdings: dict[str, tuple[int, int]]
    """Symbol to free and reserved shares."""
    buys: list[tuple[str, int, int, int, int]]
    sells: list[tuple[str, int, int, int, int]]
    buy_triggers: dict[str, tuple[int, int | None, int]]
    """Symbol to amount, price (None: not armed) and the number that armed it."""
    sell_triggers: dict[str, tuple[int, int | None, int]]


def view(account: Account) -> AccountView:
    """The account as plain values."""
    symbols = sorted(account.shares.keys() | account.reserved.keys())
    pairs = {symbol: (account.shares.get(symbol, 0), account.reserved.get(symbol, 0)) for symbol in symbols}
    pendings = [
        [(one.symbol, one.shares, one.price_cents, one.time_ms, one.number) for one in account.pendings[side]]
        for side in (BUYING, SELLING)
    ]
    orders = [
        {symbol: (order.amount_cents, order.price_cents, order.number) for symbol, order in side.items()}
        for side in account.orders
    ]
    return AccountView(
        cash_cents=account.cash,
        reserved_cents=account.reserved_cash,
        holdings={symbol: pair for symbol, pair in pairs.items() if pair != (0, 0)},
        buys=pendings[BUYING],
        sells=pendings[SELLING],
        buy_triggers=orders[BUYING],
        sell_triggers=orders[SELLING],
    )


class Report(Struct):
    """All of it. `exit_code`: 1 on any violation, else 2 when the log cannot be held against the workload, else 0."""

    violations: list[Violation]
    """The first MAX_SHOWN of each rule, in the order of the rules' ids in rules.py."""
    counts: dict[str, int]
    """Rule id to how often it is broken."""
    warnings: list[Violation]
    warning_counts: dict[str, int]
    undecided: list[Undecided]
    figures: Figures
    accounts: dict[str, AccountView]
    comparable: bool = True
    """False when a workload was given and the log holds more than its session."""

    @property
    def ok(self) -> bool:
        """True when no rule is broken."""
        return not self.counts

    @property
    def exit_code(self) -> int:
        return 1 if self.counts else (0 if self.comparable else 2)

    def of(self, rule: str) -> list[Violation]:
        """The violations of one rule that are kept."""
        return [violation for violation in self.violations if violation.rule == rule]

    def to_json(self) -> bytes:
        """One JSON object: everything but the accounts, with `ok` and `exit_code`."""
        fields: dict[str, Any] = {"ok": self.ok, "exit_code": self.exit_code}
        fields |= {name: getattr(self, name) for name in self.__struct_fields__ if name != "accounts"}
        return msgspec.json.format(msgspec.json.encode(fields), indent=2)

    def to_text(self) -> str:
        """The report for people."""
        lines = list(_figures(self.figures))
        for title, counts, found, rules in (
            ("VIOLATION", self.counts, self.violations, RULES),
            ("warning", self.warning_counts, self.warnings, WARNINGS),
        ):
            for rule, count in counts.items():
                lines.append(f"{title} {rule} ({count}): {rules[rule]}")
                shown = [violation for violation in found if violation.rule == rule]
                lines += [f"  {violation}" for violation in shown]
                if count > len(shown):
                    lines.append(f"  and {count - len(shown)} more")
        lines += [f"undecided: {one.what} ({one.count}): {one.because}" for one in self.undecided]
        return "\n".join([*lines, self._verdict()])

    def _verdict(self) -> str:
        if self.counts:
            return f"WRONG: {sum(self.counts.values())} violations of {len(self.counts)} rules"
        if not self.comparable:
            return (
                "NOT COMPARABLE: nothing wrong in the log itself, but it cannot be held against this workload"
            )
        return "RIGHT: no violation" + (", but not everything could be decided" if self.undecided else "")


def _figures(figures: Figures) -> list[str]:
    rate = "-" if figures.per_second is None else f"{figures.per_second:,.1f}"
    ratio = "-" if figures.hits_per_floor is None else f"{figures.hits_per_floor:.3f}"
    return [
        f"{figures.events:,} events, {figures.commands:,} commands of {figures.users:,} users in {figures.seconds:,.3f} s: "
        f"{rate} commands/s",
        f"{figures.quote_hits:,} quote hits ({figures.trigger_hits:,} of them for triggers) cost USD "
        f"{figures.quote_cost_usd}; hits / floor {ratio}",
        f"{figures.fires:,} fires, {figures.expiries:,} expiries",
        "commands: " + ", ".join(f"{name} {count:,}" for name, count in figures.by_command.items()),
        "outcomes: " + ", ".join(f"{name} {count:,}" for name, count in figures.outcomes.items()),
    ]
