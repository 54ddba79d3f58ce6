"""Collects what is found while a log is read: everything is counted, the first of each rule are kept with their place."""

from typing import Final

from grader.report import MAX_SHOWN, Undecided, Violation
from grader.rules import RULES, WARNINGS

MAX_USER_CHARS: Final = 80
"""So much of a user's name is shown; a well-formed one has at most 64."""


class Findings:
    """Violations, warnings and undecided things so far."""

    def __init__(self, shown: int = MAX_SHOWN) -> None:
        """`shown`: how many of each rule are kept."""
        self._shown = shown
        self._kept: dict[str, list[Violation]] = {}
        self.counts: dict[str, int] = {}
        self._first_line: dict[str, int] = {}
        self._undecided: dict[tuple[str, str], int] = {}

    def violation(self, rule: str, text: str, line: int = 0, user: str = "", number: int = 0) -> None:
        """A broken rule. A later one of the same user is marked as what may follow from the first."""
        assert rule in RULES
        follows = self._first_line.setdefault(user, line) if user and line else 0
        self._keep(
            Violation(rule, line, user[:MAX_USER_CHARS], number, text, 0 if follows == line else follows)
        )

    def warning(self, rule: str, text: str, line: int = 0, user: str = "", number: int = 0) -> None:
        """Something that breaks no rule."""
        assert rule in WARNINGS
        self._keep(Violation(rule, line, user[:MAX_USER_CHARS], number, text))

    def undecided(self, what: str, because: str, count: int = 1) -> None:
        """Something the log does not let one decide; equal ones are counted together."""
        self._undecided[what, because] = self._undecided.get((what, because), 0) + count

    def demote(self, rules: tuple[str, ...], what: str, because: str) -> int:
        """Makes violations of these rules undecided; how many there were."""
        count = 0
        for rule in rules:
            self._kept.pop(rule, None)
            count += self.counts.pop(rule, 0)
        if count:
            self.undecided(what, because, count)
        return count

    def violations(self) -> tuple[list[Violation], dict[str, int]]:
        """Those kept and the count of each rule, in the order of rules.py."""
        return self._of(list(RULES))

    def warnings(self) -> tuple[list[Violation], dict[str, int]]:
        """The same for warnings."""
        return self._of(list(WARNINGS))

    def undecided_list(self) -> list[Undecided]:
        """Everything undecided, in the order in which it was met."""
        return [Undecided(what, count, because) for (what, because), count in self._undecided.items()]

    def _keep(self, violation: Violation) -> None:
        rule = violation.rule
        self.counts[rule] = self.counts.get(rule, 0) + 1
        kept = self._kept.setdefault(rule, [])
        if len(kept) < self._shown:
            kept.append(violation)

    def _of(self, rules: list[str]) -> tuple[list[Violation], dict[str, int]]:
        found = [rule for rule in rules if rule in self._kept]
        return [one for rule in found for one in self._kept[rule]], {
            rule: self.counts[rule] for rule in found
        }
