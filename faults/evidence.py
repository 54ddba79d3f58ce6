"""Gathers what is left when all faults are over: the database, the audit log and the quote server's record, beside the ledger."""

import random
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
import psycopg
from msgspec import Struct

from db.check import check
from faults import client
from faults.accounts import still
from faults.arena import QUOTE_LIFE_MS, Arena, pause
from faults.kills import send_all
from faults.ledger import Ledger
from faults.model import Stage
from faults.verdict import Evidence, LostHit, MissedFire
from grader.check import check_log
from grader.report import AccountView, Violation

REPEATS: Final = 2_000
"""Requests, drawn by chance, that are sent once more in the end: each must get the reply it had."""
_DURABLE_MS: Final = 1_000
"""A hit is in the database by then, when nothing is in its way."""
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


def gather(arena: Arena, stage: Stage, replay_exit: int) -> tuple[Evidence, Files]:
    """Asks again what is not answered, repeats some of the rest, takes the dump and looks at everything.

    Raises faults.client.NoAnswer.
    """
    _insist_on_all(arena)
    _repeat_some(arena)
    files = _dump(arena)
    stored = _stored(arena.state.audit_url, arena.session)
    # Hits go on all the while: those before, which are durable by now, and those after, of which all events must be.
    recorded = _recorded_hits(arena.record)
    pause(_DURABLE_MS)
    events = _events(arena.state.audit_url)
    invented = events - _recorded_hits(arena.record).keys()
    report = check_log(files.audit_log, files.workload, quote_life_ms=QUOTE_LIFE_MS, shown=_SHOWN)
    judged = [one for one in report.violations if one.rule not in stage.unjudged]
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
        events=len(events & recorded.keys()),
        unanswered=sorted(ledger.unanswered),
        contradictions=ledger.contradictions,
        contradiction_count=ledger.contradiction_count,
        lost=sorted(ledger.replies.keys() - stored.keys()),
        differing=_differing(ledger, stored),
        doubled=_doubled(arena.state.audit_url, arena.session),
        unasked=sorted(stored.keys() - ledger.replies.keys() - ledger.unanswered),
        violations=_violations(arena, files, stage, judged, report.comparable),
        missed_fires=[_missed(one) for one in judged if one.rule == _MISSED],
        unjudged={rule: report.counts[rule] for rule in stage.unjudged if rule in report.counts},
        lost_hits=[hit for key, hit in recorded.items() if key not in events],
        invented_hits=len(invented),
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


def _violations(
    arena: Arena, files: Files, stage: Stage, judged: list[Violation], comparable: bool
) -> list[str]:
    """What the invariant check and the grader say, and accounts that the oracle does not derive.

    Of fires that did not happen faults.verdict has to judge: they are left out.
    """
    url = arena.state.audit_url
    found = [
        f"{violation.check}: {violation.sentence}"
        for violation in check(url, quote_life_ms=QUOTE_LIFE_MS, clock_step_ms=stage.clock_step_ms)
    ]
    found += [f"log, {one.rule}: {one}" for one in judged if one.rule != _MISSED]
    if not comparable:
        found.append("the log cannot be held against the workload: it shows commands of nobody's")
    return found if stage.unjudged else [*found, *_strange_accounts(url, arena, files)]


def _strange_accounts(url: str, arena: Arena, files: Files) -> Iterator[str]:
    later = arena.folder / "later.xml"
    with _nobody_writes(arena):
        accounts = still(url, later)
    oracle = check_log(later, files.workload, quote_life_ms=QUOTE_LIFE_MS).accounts
    later.unlink()
    for user in sorted(accounts.keys() | oracle.keys()):
        if accounts.get(user, _EMPTY) != oracle.get(user, _EMPTY):
            yield f"the account of {user} is not what the oracle derives"


@contextmanager
def _nobody_writes(arena: Arena) -> Iterator[None]:
    """All who write accounts stand still: triggers fire, and pendings expire, at any time."""
    pids = [
        process.pid
        for name in arena.names("transaction", "trigger")
        if (process := arena.part(name).process) is not None
    ]
    send_all(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        send_all(pids, signal.SIGCONT)


def _missed(violation: Violation) -> MissedFire:
    span = _SPAN.search(violation.text)
    assert span is not None, violation.text
    return MissedFire(int(span[1]), int(span[2]), f"log, {_MISSED}: {violation}")
