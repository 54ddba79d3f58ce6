"""What must hold when a schedule has ended, whatever struck it (commands.md, audit-log.md, the invariants)."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from grader import events
from grader.check import Grading
from grader.events import Event
from tests.simulation.batches import StoredRow
from tests.simulation.client import SESSION
from tests.simulation.model import NAMES, Model
from tests.simulation.tables import COMMAND, FIRE
from tests.simulation.visitors import PERSON
from tests.simulation.world import Broken

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

_UNHURRIED: Final = frozenset({"fire-missing", "no-trigger-server"})
"""Rules about how soon something happens: not where the one who does it, or what it needs, was away."""
_COST_A_HIT: Final = (
    "kill shard", "kill twin", "kill trigger", "kill everything", "stop shard", "stop twin", "stop trigger", "cut", "clock",
)  # fmt: skip
_RECORDED_WITHIN_MS: Final = 1_000
"""A hit of the last moment may be under way to the database."""
_ONE_CLOCK: Final = frozenset({"price-unquoted", "price-missing", "fire-unquoted"})
"""Rules that read an order of events out of timestamps: not where the clock was set back."""


def check(simulation: "Simulation") -> None:
    """Raises Broken with the first thing that does not hold."""
    _answered(simulation)
    _in_order(simulation)
    _modelled(simulation)
    _settled(simulation)
    _hits(simulation)
    if simulation.person is not None:
        simulation.person.check()
    _graded(simulation)


def _answered(simulation: "Simulation") -> None:
    """Each command is stored once, with the body that was sent first, and answered."""
    tables, sent = simulation.tables, simulation.bodies
    session = tables.sessions[SESSION]
    stored = {number: kept.body for (owner, number), kept in tables.commands.items() if owner == session}
    for number, bodies in sent.items():
        if number not in simulation.client.replies:
            raise Broken(f"[{number}] was never answered")
        if stored.get(number) != bodies[0]:
            raise Broken(f"[{number}] {bodies[0]} is stored as {stored.get(number)}")
    if stored.keys() - sent.keys():
        raise Broken(f"{sorted(stored.keys() - sent.keys())} are stored and were never sent")
    rows = Counter((row.session_id, row.number) for row in tables.audit if row.kind == COMMAND)
    if any(count > 1 for count in rows.values()) or rows.keys() != tables.commands.keys():
        raise Broken("a command is audited twice or not at all")


def _in_order(simulation: "Simulation") -> None:
    """The commands of each user took effect in the order in which they were sent."""
    last: dict[str, int] = {}
    for row in simulation.tables.audit:
        if row.kind == COMMAND and row.user:
            if row.user != PERSON and row.number < last.get(row.user, 0):
                raise Broken(f"{row.user} [{row.number}] took effect after [{last[row.user]}]")
            last[row.user] = row.number


def _modelled(simulation: "Simulation") -> None:
    """Every row, reply and account is what the sequential model says."""
    tables = simulation.tables
    rows: defaultdict[str, list[StoredRow]] = defaultdict(list)
    for row in tables.audit:
        rows[row.user].append(row)
    for user, theirs in rows.items():
        model = Model(user, simulation.plan.pending_life_ms)
        model.follow(theirs, tables.own_prices)
        if user:
            model.compare(tables.accounts.get(user))


def _settled(simulation: "Simulation") -> None:
    """Everything was well for some seconds: nothing that is too old is pending, nothing that is reached is armed."""
    tables, now_ms = simulation.tables, simulation.world.now_ms()
    limit_ms = now_ms - simulation.plan.pending_life_ms - 1_000
    for user, oldest_ms in tables.pendings():
        if oldest_ms < limit_ms:
            raise Broken(f"{user} has a pending that is {now_ms - oldest_ms} ms old")
    quotes = [
        hit.quote
        for hit in tables.hits.values()
        if now_ms - hit.answered_ms > 2_000 and hit.quote == tables.quotes[hit.quote.symbol]
    ]
    for found in tables.candidates(quotes, now_ms, simulation.plan.quote_life_ms):
        order = tables.accounts[found.user].orders[found.symbol, found.side]
        raise Broken(
            f"{found.user}'s trigger on {found.symbol} by [{order.number}] is reached and has not fired"
        )


def _hits(simulation: "Simulation") -> None:
    """Each hit in the log was made, as it stands there; each that somebody read is in the log, unless the reader died."""
    sent, counts = simulation.quotes.hits, simulation.world.counts
    recorded = {hit.quote.key: hit.quote for hit in simulation.tables.hits.values()}
    for key, quote in recorded.items():
        hit = sent.get(key)
        if hit is None or (hit.symbol, hit.user, hit.price_cents, hit.time_ms) != (
            quote.symbol, quote.user, quote.price_cents, quote.time_ms,
        ):  # fmt: skip
            raise Broken(f"the log has a hit of {quote.symbol} that was not made so")
    moment_ms = simulation.world.now_ms() - _RECORDED_WITHIN_MS
    for key, hit in sent.items():
        is_lost = hit.read_by and key not in recorded and hit.time_ms < moment_ms
        if is_lost and not _died(counts, hit.read_by):
            raise Broken(f"a hit of {hit.symbol} by {hit.read_by} is not in the log")
    if not _excuses_hits(counts):
        _flown_once(simulation)


def _died(counts: Counter[str], process: str) -> bool:
    return bool(counts[f"fault: kill {process.rstrip('01')}"] or counts["fault: kill everything"])


def _excuses_hits(counts: Counter[str]) -> bool:
    """Whether something struck that may cost a second hit: an answer that nobody reads, or ages that change."""
    struck = [what.removeprefix("fault: ") for what in counts if what.startswith("fault: ")]
    stood_still = any(what.startswith("stall") for what in struck)
    return any(what.startswith(_COST_A_HIT) or (what.startswith("cache") and stood_still) for what in struck)


def _flown_once(simulation: "Simulation") -> None:
    """No symbol was hit while its last quote was alive, whoever asked for it."""
    newest: dict[str, int] = {}
    for hit in simulation.quotes.hits.values():
        age_ms = hit.time_ms - newest.get(hit.symbol, 0)
        if age_ms <= simulation.plan.quote_life_ms:
            raise Broken(f"{hit.symbol} was hit again after {age_ms} ms")
        newest[hit.symbol] = hit.time_ms


def _graded(simulation: "Simulation") -> None:
    """The grader finds nothing wrong with the audit log that a dump would write.

    Not asked where the clock was set back between two processes that decided for one user: before the user has an account nothing
    keeps the time, and of two hits for one command the later may have the earlier timestamp. The grader reads the order of
    things out of timestamps; the model, which follows the order of commits, is not confused.
    """
    counts = simulation.world.counts
    set_back = counts["fault: clock set back"] > 0
    if set_back and (simulation.plan.twin or any("kill" in what for what in counts)):
        return
    grading = Grading(None, simulation.plan.quote_life_ms, simulation.plan.pending_life_ms)
    grading.take(_log(simulation))
    excused: set[str] = set()
    if set_back:
        excused |= _ONE_CLOCK
    if any(what.startswith(("fault", "quote", "statement", "cache")) for what in counts):
        excused |= _UNHURRIED
    for violation in grading.finish().violations:
        if violation.rule not in excused:
            raise Broken(f"{violation.rule}: {violation}")


def _log(simulation: "Simulation") -> list[Event]:
    """The events of a full dump in its order (db/queries/audit.sql)."""
    rows: list[tuple[int, str, int, StoredRow | None, list[Event]]] = [
        (row.timestamp_ms, row.user, row.seq, row, []) for row in simulation.tables.audit
    ]
    for hit in simulation.tables.hits.values():
        quote = hit.quote
        told = Event(
            events.QUOTE_SERVER, 0, hit.answered_ms, quote.number, "", quote.user, quote.symbol, "", quote.price_cents,
            quote.key, quote.time_ms,
        )  # fmt: skip
        rows.append((hit.answered_ms, quote.user, 0, None, [told]))
    log: list[Event] = []
    for _, _, _, row, told_hits in sorted(rows, key=lambda one: one[:3]):
        log += _spelled(row) if row is not None else told_hits
    return log


def _spelled(row: StoredRow) -> list[Event]:
    """The events of one row."""
    command = NAMES[row.command]

    def event(kind: str, cents: int | None, text: str = "") -> Event:
        return Event(
            kind, 0, row.timestamp_ms, row.number, command if kind != events.ACCOUNT_TRANSACTION else "", row.user,
            row.symbol if kind != events.ACCOUNT_TRANSACTION else "",
            row.filename if kind in (events.USER_COMMAND, events.ERROR_EVENT) else "", cents, text,
        )  # fmt: skip

    told = []
    if row.kind == COMMAND:
        told.append(event(events.USER_COMMAND, row.funds_cents))
        if row.price_cents is not None:
            told.append(event(events.SYSTEM_EVENT, row.price_cents))
    else:
        told.append(event(events.SYSTEM_EVENT, row.price_cents if row.kind == FIRE else None))
    told += [
        event(events.ACCOUNT_TRANSACTION, cents, action)
        for action, cents in (("add", row.added_cents), ("remove", row.removed_cents))
        if cents
    ]
    if row.kind == COMMAND and row.error:
        told.append(event(events.ERROR_EVENT, row.funds_cents, row.error))
    return told
