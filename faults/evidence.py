"""Gathers what is left when all faults are over: the database, the audit log and the quote server's record, beside the ledger."""

import random
import re
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from msgspec import Struct

from db.check import check
from faults import client
from faults.accounts import still
from faults.arena import QUOTE_LIFE_MS, Arena
from faults.ledger import Ledger
from faults.verdict import Evidence, LostHit, MissedFire
from grader.check import check_log
from grader.report import AccountView, Violation

REPEATS: Final = 2_000
"""Requests, drawn by chance, that are sent once more in the end: each must get the reply it had."""
_LINES_AT_ONCE: Final = 500
_DUMP_S: Final = 600.0
_REPEAT_S: Final = 120.0
_SHOWN: Final = 100_000
"""Violations of one rule that the grader tells: all of them, for fires that were missed are looked at one by one."""
_MISSED: Final = "fire-missing"
_SPAN: Final = re.compile(r" from ([0-9]+) to ([0-9]+), and did not fire")
_EMPTY: Final = AccountView(0, 0, {}, [], [], {}, {})


class Files(Struct, frozen=True):
    """What a run leaves behind."""

    workload: Path
    """All that was asked, as one workload file that ends with the DUMPLOG of `audit_log`."""
    audit_log: Path


def gather(arena: Arena, replay_exit: int, clock_step_ms: int = 0) -> tuple[Evidence, Files]:
    """Asks again what is not answered, repeats some of the rest, takes the dump and looks at everything.

    `clock_step_ms` is how far the clock was stepped back. Raises faults.client.NoAnswer.
    """
    _insist_on_all(arena)
    _repeat_some(arena)
    files = _dump(arena)
    stored = _stored(arena.state.audit_url, arena.session)
    recorded = _recorded_hits(arena.record)
    events = _events(arena.state.audit_url)
    violations, missed_fires = _violations(arena, files, clock_step_ms)
    ledger = arena.ledger
    evidence = Evidence(
        requests=ledger.sent_count,
        acknowledged=ledger.acknowledged,
        refused=ledger.refused,
        was_unknown=ledger.ever_unknown,
        resent=ledger.resent,
        busy=ledger.busy,
        stored=len(stored),
        hits=len(recorded),
        events=len(events),
        unanswered=sorted(ledger.unanswered),
        contradictions=ledger.contradictions,
        contradiction_count=ledger.contradiction_count,
        lost=sorted(ledger.replies.keys() - stored.keys()),
        differing=_differing(ledger, stored),
        doubled=_doubled(arena.state.audit_url, arena.session),
        unasked=sorted(stored.keys() - ledger.replies.keys() - ledger.unanswered),
        violations=violations,
        missed_fires=missed_fires,
        lost_hits=[hit for key, hit in recorded.items() if key not in events],
        invented_hits=len(events - recorded.keys()),
        replay_exit=replay_exit,
    )
    return evidence, files


def _insist_on_all(arena: Arena) -> None:
    """What is still unknown is asked again; of the replay's own lines nothing is, unless it failed."""
    missing = arena.ledger.unanswered
    lines = [line for line in arena.extra if int(line[1 : line.index("]")]) in missing]
    for start in range(0, len(lines), _LINES_AT_ONCE):
        arena.insist(lines[start : start + _LINES_AT_ONCE])


def _repeat_some(arena: Arena) -> None:
    chance = random.Random(arena.load.seed)
    lines = [*arena.generated.read_text().splitlines(), *arena.extra]
    answered = [line for line in lines if int(line[1 : line.index("]")]) in arena.ledger.replies]
    some = chance.sample(answered, min(REPEATS, len(answered)))
    for start in range(0, len(some), _LINES_AT_ONCE):
        part = some[start : start + _LINES_AT_ONCE]
        client.ask_again(arena.state.balancer_address, arena.session, part, arena.ledger, _REPEAT_S)


def _dump(arena: Arena) -> Files:
    """The workload as one file, and the log that its last line asks for."""
    (reply,) = arena.ask("DUMPLOG,./audit.xml", seconds=_DUMP_S)
    *before, last = arena.extra
    workload = arena.folder / "workload.txt"
    with workload.open("w") as file:
        file.write(arena.generated.read_text())
        file.writelines(f"{line}\n" for line in (*before, last))
    said = msgspec.json.decode(reply.removeprefix("OK "))
    return Files(workload, Path(said["path"]))


def _stored(url: str, session: str) -> dict[int, str | None]:
    """Number to stored reply (None: done again when repeated) of every request of the session."""
    with psycopg.connect(url) as connection, connection.cursor("stored") as cursor:
        cursor.itersize = 20_000
        cursor.execute(
            "SELECT number, reply FROM command JOIN session USING (session_id) WHERE name = %s", (session,)
        )
        return dict(cursor)


def _doubled(url: str, session: str) -> list[int]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT number FROM audit JOIN session USING (session_id) WHERE name = %s AND kind = 1"
            " GROUP BY number HAVING count(*) > 1 ORDER BY 1",
            (session,),
        ).fetchall()
    return [row[0] for row in rows]


def _differing(ledger: Ledger, stored: dict[int, str | None]) -> list[int]:
    """Requests whose stored reply is not the one that was given. None is stored only for what is done again."""
    return sorted(
        number for number in ledger.replies.keys() & stored.keys() if _differs(ledger, number, stored[number])
    )


def _differs(ledger: Ledger, number: int, reply: str | None) -> bool:
    if reply is None:
        return not ledger.done_again(number)
    return ledger.replies[number].decode() != reply


def _events(url: str) -> set[str]:
    """The keys of all quoteServer events."""
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute("SELECT cryptokey FROM audit WHERE kind = 2").fetchall()}


def _recorded_hits(record: Path) -> dict[str, LostHit]:
    """Key to hit, by the quote server's own record. The last line may be cut by a kill."""
    found = {}
    for line in record.read_text().splitlines():
        fields = line.split(" ")
        if fields[0] == "hit" and len(fields) == 5:
            found[fields[4]] = LostHit(int(fields[1]), fields[2], fields[3])
    return found


def _violations(arena: Arena, files: Files, clock_step_ms: int) -> tuple[list[str], list[MissedFire]]:
    """What the invariant check and the grader say; of fires that did not happen faults.verdict has to judge."""
    url = arena.state.audit_url
    found = [
        f"{violation.check}: {violation.sentence}"
        for violation in check(url, quote_life_ms=QUOTE_LIFE_MS, clock_step_ms=clock_step_ms)
    ]
    report = check_log(files.audit_log, files.workload, quote_life_ms=QUOTE_LIFE_MS, shown=_SHOWN)
    found += [f"log, {one.rule}: {one}" for one in report.violations if one.rule != _MISSED]
    missed = [_missed(violation) for violation in report.of(_MISSED)]
    if not report.comparable:
        found.append("the log cannot be held against the workload: it shows commands of nobody's")
    later = arena.folder / "later.xml"
    accounts = still(url, later)
    oracle = check_log(later, files.workload, quote_life_ms=QUOTE_LIFE_MS).accounts
    later.unlink()
    shown = {user: view for user, view in oracle.items() if view != _EMPTY}
    found += [
        f"the account of {user} is not what the oracle derives"
        for user in sorted(accounts.keys() | shown.keys())
        if accounts.get(user, _EMPTY) != shown.get(user, _EMPTY)
    ]
    return found, missed


def _missed(violation: Violation) -> MissedFire:
    span = _SPAN.search(violation.text)
    assert span is not None, violation.text
    return MissedFire(int(span[1]), int(span[2]), f"log, {_MISSED}: {violation}")
