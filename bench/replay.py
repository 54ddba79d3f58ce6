"""Replays a workload at several windows, each time through a new throw-away stack, beside pgbench on that stack's Postgres.

Every replay is paired with a baseline of its own, measured a moment before; windows take turns, so that the machine's
moods meet all of them; medians are what counts. The time of a replay is all of it, the closing DUMPLOG too.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench import _baseline as baseline
from stack.launcher import throw_away
from stack.topology import Shape
from workload.driver import load, replay_now
from workload.generate import generate
from workload.layout import Workload
from workload.machine import describe

WINDOWS: Final = (1, 64)
GOALS: Final = {1: 1.0, 64: 3.0}
"""Least ratio to the baseline by window."""
_USERS, _COMMANDS, _SEED = 100, 100_000, 1


class Pair(Struct, frozen=True):
    """One replay and the baseline measured just before it, on the same Postgres."""

    baseline_per_second: float
    per_second: float
    p50_ms: float
    p99_ms: float

    @property
    def ratio(self) -> float:
        return self.per_second / self.baseline_per_second


class Row(Struct, frozen=True):
    """Medians over the pairs of one window."""

    window: int
    per_second: float
    p50_ms: float
    p99_ms: float
    baseline_per_second: float
    ratio: float
    goal: float | None
    pairs: list[Pair]

    @property
    def reached(self) -> bool:
        return self.goal is None or self.ratio >= self.goal


class Outcome(Struct, frozen=True):
    """What the benchmark found."""

    baseline: str
    workload: str
    commands: int
    shards: int
    rows: list[Row]


def run(
    file: Path | None = None,
    *,
    windows: tuple[int, ...] = WINDOWS,
    runs: int = 3,
    shards: int = 2,
    connections: int | None = 4,
    baseline_seconds: int = 4,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Measures `file` (a generated workload of the course's size and mix when None). Raises StackError, ReplayFailed."""
    workload = load(file if file else generate(_USERS, _COMMANDS, _SEED))
    pairs: dict[int, list[Pair]] = {window: [] for window in windows}
    for number in range(1, runs + 1):
        for window in windows:
            pair = _pair(
                workload,
                Shape(shards=shards, delay="none", seed=_SEED),
                window,
                connections,
                baseline_seconds,
            )
            pairs[window].append(pair)
            say(
                f"run {number}, window {window}: {pair.per_second:,.0f} commands/s, p99 {pair.p99_ms:.1f} ms; "
                f"{baseline.COMMAND}: {pair.baseline_per_second:,.0f}/s; ratio {pair.ratio:.2f}"
            )
    name = str(file) if file else f"generated: {_USERS} users, {_COMMANDS} commands, seed {_SEED}"
    rows = [_row(window, measured) for window, measured in pairs.items()]
    return Outcome(baseline.COMMAND, name, workload.total, shards, rows)


def _pair(workload: Workload, shape: Shape, window: int, connections: int | None, seconds: int) -> Pair:
    with throw_away(shape) as stack:
        url = baseline.prepare(stack.state.admin_url)
        rate = baseline.transactions_per_second(url, seconds)
        result = replay_now(workload, stack.state.balancer_address, window=window, connections=connections)
    return Pair(rate, result.per_second, result.p50_ms, result.p99_ms)


def _row(window: int, pairs: list[Pair]) -> Row:
    return Row(
        window=window,
        per_second=median(pair.per_second for pair in pairs),
        p50_ms=median(pair.p50_ms for pair in pairs),
        p99_ms=median(pair.p99_ms for pair in pairs),
        baseline_per_second=median(pair.baseline_per_second for pair in pairs),
        ratio=median(pair.ratio for pair in pairs),
        goal=GOALS.get(window),
        pairs=pairs,
    )


def _main() -> None:
    parser = argparse.ArgumentParser(prog="daytrade bench replay", description=__doc__)
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        help="workload file; one of the course's size and mix is generated without",
    )
    parser.add_argument(
        "--windows",
        default=",".join(map(str, WINDOWS)),
        help="outstanding commands per user, comma-separated",
    )
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--connections", type=int, default=4, help="0: one for each user")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    options = parser.parse_args()
    outcome = run(
        options.file,
        windows=tuple(map(int, options.windows.split(","))),
        runs=options.runs,
        shards=options.shards,
        connections=options.connections or None,
    )
    _show(outcome)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(outcome)))
    sys.exit(0 if all(row.reached for row in outcome.rows) else 1)


def _show(outcome: Outcome) -> None:
    table = Table("window", "commands/s", "p50 ms", "p99 ms", "pgbench/s", "ratio", "goal")
    for row in outcome.rows:
        goal = f"{row.goal:g} {'reached' if row.reached else 'MISSED'}" if row.goal is not None else ""
        table.add_row(
            str(row.window), f"{row.per_second:,.0f}", f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}",
            f"{row.baseline_per_second:,.0f}", f"{row.ratio:.2f}", goal,
        )  # fmt: skip
    print(
        f"{outcome.workload}; {outcome.shards} shards; medians of {len(outcome.rows[0].pairs)}; {describe()}"
    )
    print(f"baseline: {outcome.baseline}, on the same Postgres just before")
    Console().print(table)


if __name__ == "__main__":
    _main()
