"""The workload file: which commands a log must show, under which numbers and in which order of each user.

A million lines are held in arrays, about 80 bytes each with their text.
"""

from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from core.commands import DUMPLOG, SET_BUY_TRIGGER, SET_SELL_TRIGGER
from core.ids import is_user, parse_filename
from grader.events import Event
from grader.findings import Findings
from grader.lines import Line, parse_line
from grader.oracle import PRICED

MAX_STRANGERS: Final = 10_000
"""Commands of the log that are not the file's and are looked into; all are counted."""
_is_user: Final = lru_cache(maxsize=65_536)(is_user)
_MAY_HIT: Final = PRICED | {SET_BUY_TRIGGER, SET_SELL_TRIGGER}


class Workload:
    """The file, and what of it the log has shown so far. Of a number that occurs twice the first counts."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._sparse: dict[int, int] | None = None
        """Number to place; None while the numbers are consecutive."""
        self._texts = bytearray()
        self._ends = array("Q")
        self._numbers = array("Q")
        self._contents = array("q")
        self._count_ok = bytearray()
        self._user_of = array("l")
        self._users: dict[str, int] = {"": 0}
        self._dumps: list[int] = []
        """Places of the DUMPLOGs that write a file."""
        for line in lines:
            self._append(line)
        self._seen = array("q", [-1]) * len(self._contents)
        self._last = array("l", [-1]) * len(self._users)
        self._strangers: list[Event] = []
        self._stranger_count = 0

    def see(self, event: Event, findings: Findings) -> bool | None:
        """Takes a userCommand in. Whether its line had the right number of arguments; None when it is not the file's."""
        place = self._place(event.number)
        if place is None or (_content(event) != self._contents[place] and not event.damaged):
            self._keep_stranger(event)
            return None
        if self._seen[place] >= 0:
            if self._seen[place] == event.timestamp_ms:
                findings.violation(
                    "doubled-command", f"{event.command} stands twice", event.line, event.user, event.number
                )
            else:
                self._keep_stranger(event)
            return None
        self._seen[place] = event.timestamp_ms
        user = self._user_of[place]
        if place >= self._last[user]:
            self._last[user] = place
        elif user:
            text = f"{event.command} stands after a later command of {event.user}"
            findings.violation("user-order", text, event.line, event.user, event.number)
        return bool(self._count_ok[place])

    def may_hit(self, hit: Event) -> bool:
        """True when a hit under this number and user may have been made for that line."""
        place = self._place(hit.number)
        if place is None or not hit.user or not hit.symbol:
            return False
        line = self._line(place)
        return (
            line.count_ok and line.command in _MAY_HIT and (line.user, line.symbol) == (hit.user, hit.symbol)
        )

    def lines_of_others(self, user: str) -> int:
        """How many lines name another well-formed user."""
        return len(self._user_of) - self._user_of.count(0) - self._user_of.count(self._users.get(user, -1))

    def finish(self, findings: Findings, only_user: str | None) -> bool:
        """Reports what is missing or does not belong. False when the log cannot be held against this file.

        `only_user`: the log is that user's dump.
        """
        if only_user is not None:
            because = f"the log names {only_user} alone, so it is taken for that user's dump"
            findings.undecided(
                "whether the commands of other users are there", because, self.lines_of_others(only_user)
            )
        missing = self._missing(only_user)
        strangers = self._explain(missing, findings)
        if strangers:
            first = strangers[0]
            count = self._stranger_count - (len(self._strangers) - len(strangers))
            findings.undecided(
                "completeness and per-user order against the workload",
                "the database held another session: numbers are unique within a session only, and this log has commands that "
                f"are not the file's (line {first.line}: [{first.number}] {first.command} {first.user})",
                count,
            )
            findings.demote(
                ("user-order", "doubled-command", "renumbered-command", "wrong-command", "hit-attribution"),
                "commands that seem to be wrong ones of the workload",
                "the database held another session",
            )
            return False
        for place in missing:
            line = self._line(place)
            findings.violation("missing-command", line.text, 0, line.user, line.number)
        return True

    def _append(self, line: Line) -> None:
        number = line.number
        place = len(self._contents)
        if place and (self._sparse is not None or number != self._numbers[-1] + 1):
            if self._place(number) is not None:
                return
            if self._sparse is None:
                self._sparse = {number: index for index, number in enumerate(self._numbers)}
            self._sparse[number] = place
        self._contents.append(hash((line.command, line.user, line.symbol, line.cents, line.filename)))
        self._count_ok.append(line.count_ok)
        self._user_of.append(self._users.setdefault(line.user, len(self._users)))
        self._texts += line.text.encode("utf-8", "replace")
        self._ends.append(len(self._texts))
        self._numbers.append(number)
        if line.command == DUMPLOG and line.filename and (line.user or line.text.count(",") == 1):
            self._dumps.append(place)

    def _place(self, number: int) -> int | None:
        """The line's place among the file's requests, from 0; None when there is no such number."""
        if self._sparse is not None:
            return self._sparse.get(number)
        place = number - self._numbers[0] if self._numbers else -1
        return place if 0 <= place < len(self._numbers) else None

    def _line(self, place: int) -> Line:
        start = self._ends[place - 1] if place else 0
        line = parse_line(self._texts[start : self._ends[place]].decode(), self._numbers[place])
        assert line is not None  # it was one before
        return line

    def _keep_stranger(self, event: Event) -> None:
        self._stranger_count += 1
        if len(self._strangers) < MAX_STRANGERS:
            self._strangers.append(event)

    def _missing(self, only_user: str | None) -> list[int]:
        """The places without a userCommand, up to the DUMPLOG that wrote this log: the first after the last place seen."""
        user = self._users.get(only_user or "", -1)
        places = [
            place for place in range(len(self._seen)) if only_user is None or self._user_of[place] == user
        ]
        last = max((place for place in places if self._seen[place] >= 0), default=-1)
        dumps = (place for place in self._dumps if place >= last and self._user_of[place] == user)
        end = next(dumps, len(self._seen))
        return [place for place in places if place < end and self._seen[place] < 0]

    def _explain(self, missing: list[int], findings: Findings) -> list[Event]:
        """Reports the strangers that are this file's commands gone wrong, takes their lines from `missing`, gives the rest.

        A command that stands twice at different times is either a second session's or was applied twice. Sessions begin
        at the beginning: where the file's first line does not stand twice too, there is no second session.
        """
        lacking = set(missing)
        by_content: dict[int, list[int]] = {}
        for lost in reversed(missing):
            by_content.setdefault(self._contents[lost], []).append(lost)
        rest: list[Event] = []
        doubled: list[Event] = []
        for event in self._strangers:
            place = self._place(event.number)
            same = by_content.get(_content(event), [])
            while same and same[-1] not in lacking:
                same.pop()
            if same:
                lacking.discard(same[-1])
                text = f"{event.command} has the number of no such line; the file has it as [{self._numbers[same[-1]]}]"
                findings.violation("renumbered-command", text, event.line, event.user, event.number)
            elif place is not None and place in lacking:
                lacking.discard(place)
                text = f"{event.command} with these arguments, but the file says {self._line(place).text!r}"
                findings.violation("wrong-command", text, event.line, event.user, event.number)
            elif place and self._contents[place] == _content(event):
                doubled.append(event)
            else:
                rest.append(event)
        missing[:] = sorted(lacking)
        if rest:
            return rest + doubled
        for event in doubled:
            text = f"{event.command} stands twice, at different times"
            findings.violation("doubled-command", text, event.line, event.user, event.number)
        return []


def _content(event: Event) -> int:
    """The number that a line of the same command and arguments has; what is not well-formed is left out, as it is there."""
    user = event.user
    filename = event.filename
    return hash(
        (
            event.command,
            user if _is_user(user) else "",
            event.symbol,
            event.cents,
            (parse_filename(filename) or "") if filename else "",
        )
    )
