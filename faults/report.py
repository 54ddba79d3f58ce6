"""What a run of chaos found: a table for people, a JSON file for programs."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from faults.model import Strike
from faults.run import Act
from faults.verdict import late

_SHOWN: Final = 40
"""Sentences about what is wrong that are printed; the JSON file has all of them."""


class Kill(Struct, frozen=True):
    """A process that was killed."""

    time_ms: int
    tier: str
    pid: int
    in_flight_hits: int
    """Quote hits that the killed of this moment had together and that need not be in the log."""


class Summary(Struct, frozen=True):
    """All of a run, as the JSON file has it. The paths and the session are those of the longest act."""

    workload: str
    audit_log: str
    session: str
    kills: list[Kill]
    strikes: list[Strike]
    acts: list[Act]
    late: list[Strike]
    wrong: list[str]
    seed: int
    command: str


def summary(acts: Sequence[Act], seed: int, command: str) -> Summary:
    """`acts`: the first is the one whose workload and log count."""
    strikes = [strike for act in acts for strike in act.strikes]
    first = acts[0]
    return Summary(
        workload=str(first.files.workload),
        audit_log=str(first.files.audit_log),
        session=first.session,
        kills=[
            Kill(strike.time_ms, tier, pid, strike.hits_in_flight)
            for strike in first.strikes
            for tier, pid in strike.killed
        ],
        strikes=strikes,
        acts=list(acts),
        late=late(strikes),
        wrong=[sentence for act in acts for sentence in act.wrong],
        seed=seed,
        command=command,
    )


def held(found: Summary) -> bool:
    """Whether everything held, recovery times included."""
    return not found.wrong and not found.late


def write(found: Summary, path: Path) -> None:
    """The summary as indented JSON. Raises OSError."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found, enc_hook=str), indent=2) + b"\n")


def show(found: Summary, console: Console) -> None:
    """The table of faults, the figures of the requests, and what is wrong."""
    console.print(_faults(found.strikes))
    for act in found.acts:
        evidence = act.evidence
        console.print(
            f"session {act.session}: {evidence.requests:,} requests, {evidence.acknowledged:,} acknowledged and"
            f" {evidence.refused:,} refused; {evidence.was_unknown:,} were unknown for a time and asked again;"
            f" {evidence.resent:,} were sent again, {evidence.busy:,} times BUSY; {len(evidence.lost)} lost,"
            f" {len(evidence.doubled)} applied twice; {evidence.hits:,} hits, {evidence.events:,} in the log"
        )
        for rule, count in evidence.unjudged.items():
            console.print(f"not judged where the clock stepped: {rule} ({count:,})")
    for sentence in found.wrong[:_SHOWN]:
        console.print(f"WRONG: {sentence}")
    if len(found.wrong) > _SHOWN:
        console.print(f"and {len(found.wrong) - _SHOWN} more")
    for strike in found.late:
        console.print(
            f"LATE: {strike.fault} {strike.target}: back after {strike.recovery_ms:,} ms, allowed are {strike.bound_ms:,}"
        )
    console.print(f"workload {found.workload}, audit log {found.audit_log}, session {found.session}")
    console.print("Everything held." if held(found) else "Not everything held.")


def _faults(strikes: Sequence[Strike]) -> Table:
    table = Table(
        "fault",
        "struck",
        "recovery median / max ms",
        "allowed",
        "result",
        "a proof",
        box=None,
        pad_edge=False,
    )
    for name in dict.fromkeys(map(_name, strikes)):
        own = [strike for strike in strikes if _name(strike) == name]
        proofs = [strike.proof for strike in own if strike.proof]
        times = [strike.recovery_ms for strike in own if strike.recovery_ms is not None]
        bound = max((strike.bound_ms or 0 for strike in own), default=0)
        table.add_row(
            name, f"{len(proofs)} of {len(own)}",
            f"{median(times):,.0f} / {max(times):,}" if times else "-", f"{bound:,}" if bound else "-",
            _result(own), proofs[-1][:110] if proofs else "",
        )  # fmt: skip
    return table


def _name(strike: Strike) -> str:
    return f"{strike.fault} {strike.target}".strip()


def _result(own: Iterable[Strike]) -> str:
    own = list(own)
    if any(strike.wrong for strike in own):
        return "wrong"
    if not any(strike.proof for strike in own):
        return "never struck"
    return f"{len(late(own))} late" if late(own) else "held"
