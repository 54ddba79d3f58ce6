"""Whether everything held: sentences about what did not. Pure: evidence in, sentences out.

The rules are those of invariants (docs/faults.md): acknowledged means exactly once and the same reply ever after; nothing is
made up; no hit is lost but those in flight at a kill; every fault struck, and what was killed came back in time.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from core.ids import shard_of
from faults.model import Strike
from faults.schedule import FAULTS

MAX_NAMED: Final = 5
"""Of each kind of wrong so many are named; all are counted."""
HIT_BEFORE_MS: Final = 30_000
"""So long before a kill a hit may have been made that was lost by it: its record waited for a database that was away."""
FIRE_MS: Final = 2_000
"""A trigger whose price was reached for longer has fired (invariants, 5)."""
FIRE_SLACK_MS: Final = 500
"""After a trigger server, or what it needs, is back, it looks at all prices anew: two polls."""
HIT_AFTER_MS: Final = 10_000
"""So long after a kill the quote server may have answered a request of the dead, and counted a hit."""


class LostHit(Struct, frozen=True):
    """A hit that the quote server counted and of which the database knows nothing."""

    time_ms: int
    symbol: str
    user: str


class MissedFire(Struct, frozen=True):
    """A trigger that was reached for over 2 s and did not fire, as the grader says."""

    from_ms: int
    until_ms: int
    sentence: str


class Evidence(Struct):
    """What was found when all was over. Requests are known by their numbers."""

    requests: int
    """Different requests that were sent."""
    acknowledged: int
    refused: int
    was_unknown: int
    """Requests whose connection ended before their reply; all of them were asked again."""
    resent: int
    busy: int
    stored: int
    """Rows of requests in the database."""
    hits: int
    """That the quote server counted."""
    events: int
    """quoteServer events of these hits."""
    unanswered: list[int]
    contradictions: list[str]
    contradiction_count: int
    lost: list[int]
    """Answered for good, and not in the database."""
    differing: list[int]
    """Stored with another reply than the one that was given."""
    doubled: list[int]
    """Audited more than once."""
    unasked: list[int]
    """In the database, and never asked."""
    violations: list[str]
    """Of the invariant check and of the grader, and accounts that differ from the oracle's."""
    unjudged: dict[str, int]
    """Rules that the act's log cannot show (faults.model.Stage), and how often it seems to break them."""
    missed_fires: list[MissedFire]
    lost_hits: list[LostHit]
    invented_hits: int
    """quoteServer events that the quote server knows nothing of."""
    replay_exit: int


def judge(evidence: Evidence, strikes: Sequence[Strike], wanted: Iterable[str], shards: int) -> list[str]:
    """What did not hold; empty when everything did. `wanted` are the faults that had to strike."""
    return [
        *_about_requests(evidence),
        *evidence.violations,
        *_about_fires(evidence, strikes),
        *_about_hits(evidence, strikes, shards),
        *_about_strikes(strikes, wanted),
    ]


def late(strikes: Iterable[Strike]) -> list[Strike]:
    """Those whose recovery took longer than invariants allow."""
    return [
        strike
        for strike in strikes
        if strike.recovery_ms is not None
        and strike.bound_ms is not None
        and strike.recovery_ms > strike.bound_ms
    ]


def _about_requests(evidence: Evidence) -> Iterable[str]:
    if not evidence.acknowledged:
        yield "nothing was acknowledged, so nothing was shown"
    if evidence.replay_exit:
        yield f"the replay could not be finished (exit code {evidence.replay_exit})"
    for numbers, what in (
        (evidence.unanswered, "never got a final reply"),
        (evidence.lost, "were answered and are not in the database"),
        (evidence.differing, "are stored with another reply than the one that was given"),
        (evidence.doubled, "were applied twice"),
        (evidence.unasked, "are in the database and were never asked"),
    ):
        if numbers:
            named = ", ".join(f"[{number}]" for number in islice(numbers, MAX_NAMED))
            yield f"{len(numbers)} requests {what}: {named}"
    if evidence.contradiction_count:
        yield f"{evidence.contradiction_count} contradictions: {'; '.join(evidence.contradictions[:MAX_NAMED])}"


def _about_fires(evidence: Evidence, strikes: Sequence[Strike]) -> Iterable[str]:
    """A trigger need not fire while whoever fires it is away: that time does not count."""
    away = merged(
        (strike.span_ms[0], strike.span_ms[1] + FIRE_SLACK_MS)
        for strike in strikes
        if FAULTS[strike.fault].holds_fires
    )
    for missed in evidence.missed_fires:
        held_ms = sum(
            max(0, min(until, missed.until_ms) - max(since, missed.from_ms)) for since, until in away
        )
        if missed.until_ms - missed.from_ms - held_ms > FIRE_MS:
            yield missed.sentence


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same moments as spans that do not overlap, in order."""
    found: list[tuple[int, int]] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1]:
            found[-1] = (found[-1][0], max(until, found[-1][1]))
        else:
            found.append((since, until))
    return found


def _about_hits(evidence: Evidence, strikes: Sequence[Strike], shards: int) -> Iterable[str]:
    if evidence.invented_hits:
        yield f"{evidence.invented_hits} quoteServer events are of no hit that the quote server counted"
    kills = [strike for strike in strikes if strike.killed]
    unexplained = [
        hit for hit in evidence.lost_hits if not any(_explains(kill, hit, shards) for kill in kills)
    ]
    for hit in unexplained[:MAX_NAMED]:
        yield f"the hit of {hit.symbol} for {hit.user} at {hit.time_ms} is lost, and nobody was killed who had it"
    in_flight = sum(kill.hits_in_flight for kill in kills)
    if len(evidence.lost_hits) > in_flight:
        yield f"{len(evidence.lost_hits)} hits are lost, but only {in_flight} were in flight when somebody was killed"


def _explains(kill: Strike, hit: LostHit, shards: int) -> bool:
    """Whether a process died that may have had this hit: the user's shard, a trigger server or the quote server."""
    carriers = {"quoteserver", f"transaction-{shard_of(hit.user, shards)}"}
    near = kill.time_ms - HIT_BEFORE_MS <= hit.time_ms <= kill.time_ms + HIT_AFTER_MS
    return near and any(tier in carriers or tier.startswith("trigger-") for tier, _ in kill.killed)


def _about_strikes(strikes: Sequence[Strike], wanted: Iterable[str]) -> Iterable[str]:
    struck = Counter(strike.fault for strike in strikes if strike.proof)
    for fault in dict.fromkeys(wanted):
        if not struck[fault]:
            yield f"{fault} never struck"
    for strike in strikes:
        if strike.wrong:
            yield f"{strike.fault} {strike.target}: {strike.wrong}"
