"""Grades an audit log: reads it once, front to back, and reports (`check_log`)."""

from collections.abc import Iterable
from pathlib import Path

from core.commands import ARGUMENTS
from core.ids import is_user
from core.limits import PENDING_LIFE_MS, QUOTE_LIFE_MS
from core.money import format_cents
from grader.casebook import Casebook
from grader.commands import judge_command
from grader.conventions import demote_seconds, demote_underivable, demote_users_dump
from grader.events import QUOTE_SERVER, USER_COMMAND, Event, RawEvent
from grader.findings import Findings
from grader.happenings import judge_end, judge_expiry, judge_fire
from grader.hits import Hit
from grader.lines import read_lines
from grader.reader import BrokenXml, chunks, open_log
from grader.report import HIT_COST_CENTS, MAX_SHOWN, Figures, Report, view
from grader.scanner import scan
from grader.schema import parse
from grader.units import COMMAND, EXPIRY, Assembler
from grader.workload import Workload

MIN_OTHER_LINES = 10
"""A log of one user alone is taken for that user's dump when the workload has at least so many lines of others."""


def check_log(
    log: Path,
    workload: Path | None = None,
    quote_life_ms: int = QUOTE_LIFE_MS,
    pending_life_ms: int = PENDING_LIFE_MS,
    shown: int = MAX_SHOWN,
) -> Report:
    """Grades the log file (plain or gzip), against the workload file when there is one; keeps `shown` violations of a rule.

    Whatever the log holds is graded; raises OSError when one of the files cannot be read.
    """
    held = Workload(read_lines(workload)) if workload is not None else None
    grading = Grading(held, quote_life_ms, pending_life_ms, shown)
    with open_log(log) as file:
        try:
            for batch in scan(chunks(file)):
                grading.take(batch)
        except BrokenXml as broken:
            grading.findings.violation("xml", broken.text, broken.line)
    return grading.finish()


class Grading:
    """One log being graded: give it everything with `take`, then `finish`."""

    def __init__(
        self,
        workload: Workload | None = None,
        quote_life_ms: int = QUOTE_LIFE_MS,
        pending_life_ms: int = PENDING_LIFE_MS,
        shown: int = MAX_SHOWN,
    ) -> None:
        self.findings = Findings(shown)
        self._book = Casebook(self.findings, quote_life_ms, pending_life_ms, workload)
        self._assembler = Assembler(self.findings)
        self._hits: list[Hit] = []
        self._events = 0
        self._first_ms = self._now_ms = -1

    def take(self, items: Iterable[Event | RawEvent]) -> None:
        """The log's next events."""
        assembler, names = self._assembler, self._book.names
        for item in items:
            self._events += 1
            event = item if isinstance(item, Event) else self._parse(item)
            if event is None:
                continue
            if event.timestamp_ms != self._now_ms or assembler.full:
                self._turn(event)
            if event.kind == QUOTE_SERVER:
                self._hit(event)
            else:
                if event.kind == USER_COMMAND:
                    names.add(event.user)
                assembler.add(event)

    def finish(self) -> Report:
        """Judges what is left and what never came."""
        book, findings = self._book, self.findings
        self._judge()
        judge_end(book)
        if not self._events:
            findings.violation("empty", "there is no event in this log: nothing could be checked")
        demote_underivable(book, self._assembler.effects, self._assembler.loose)
        demote_seconds(findings, book.clock_ms)
        only_user = self._only_user()
        if only_user is not None:
            demote_users_dump(findings)
        comparable = True
        if book.workload is not None:
            comparable = book.workload.finish(findings, only_user)
        else:
            what = "completeness, order of each user, and for whom hits were made"
            findings.undecided(what, "no workload file was given", book.commands.total())
        violations, counts = findings.violations()
        warnings, warning_counts = findings.warnings()
        return Report(
            violations=violations,
            counts=counts,
            warnings=warnings,
            warning_counts=warning_counts,
            undecided=findings.undecided_list(),
            figures=self._figures(),
            accounts={
                user: view(case.account) for user, case in sorted(book.users.items()) if case.account.known
            },
            comparable=comparable,
        )

    def _parse(self, raw: RawEvent) -> Event | None:
        event, problems = parse(raw)
        user = raw.fields.get("username", "")
        for problem in problems:
            self.findings.violation("schema", problem, raw.line, user, event.number if event else 0)
        return event

    def _turn(self, event: Event) -> None:
        """The timestamp changes: nothing more belongs to the units of the last one."""
        self._judge()
        self._now_ms = event.timestamp_ms
        book = self._book
        if self._first_ms < 0:
            self._first_ms = event.timestamp_ms
        if event.timestamp_ms < book.clock_ms:
            text = f"timestamp {event.timestamp_ms} after {book.clock_ms}"
            self.findings.violation("time-order", text, event.line, event.user, event.number)
        else:
            book.clock_ms = event.timestamp_ms

    def _hit(self, event: Event) -> None:
        book = self._book
        book.names.add(event.user)
        hit = book.quotes.record(event)
        if hit is None:
            return
        book.watch.quote(hit)
        self._hits.append(hit)
        if book.workload is not None and not book.workload.may_hit(event):
            text = f"a hit of {hit.symbol}, which no line of this number and user asks for"
            self.findings.violation("hit-attribution", text, hit.line, hit.user, hit.number)

    def _judge(self) -> None:
        for unit in self._assembler.take():
            if unit.cause == COMMAND:
                judge_command(self._book, unit)
            elif unit.cause == EXPIRY:
                judge_expiry(self._book, unit)
            else:
                judge_fire(self._book, unit)
        for hit in self._hits:
            case = self._book.users.get(hit.user)
            if case is not None and case.watches(hit.number, hit.symbol):
                self._book.trigger_hits += 1
                self._book.quotes.claim(hit)
        self._hits.clear()

    def _only_user(self) -> str | None:
        """The user whose dump this is, when the log is a single user's; a full dump shows nameless DUMPLOGs or others."""
        names = self._book.names
        if len(names) != 1 or "" in names:
            return None
        (user,) = names
        workload = self._book.workload
        return user if workload is None or workload.lines_of_others(user) >= MIN_OTHER_LINES else None

    def _figures(self) -> Figures:
        book = self._book
        commands = book.commands.total()
        span_ms = book.clock_ms - self._first_ms if self._events else 0
        hits = book.quotes.hits
        return Figures(
            events=self._events,
            users=sum(map(is_user, book.names)),
            commands=commands,
            by_command={name: book.commands[name] for name in ARGUMENTS if book.commands[name]},
            outcomes=dict(book.outcomes.most_common()),
            quote_hits=hits,
            quote_cost_usd=format_cents(hits * HIT_COST_CENTS),
            hits_floor=book.quotes.needed,
            hits_per_floor=hits / book.quotes.needed if book.quotes.needed else None,
            trigger_hits=book.trigger_hits,
            fires=book.fires,
            expiries=book.expiries,
            seconds=span_ms / 1000,
            per_second=commands * 1000 / span_ms if span_ms > 0 else None,
        )
