"""Replays workloads through throw-away stacks without quote delays, each beside pgbench on the same Postgres a moment before.

The ratio that counts is commands a second without the closing DUMPLOG, which is a dump and no command that pgbench knows; the
rate with it, as `./daytrade replay` reports it, is printed beside.
"""

import argparse
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench import _baseline, _cases, _gauge, _loads, _report
from bench._cases import Pair, median_of
from bench._loads import Load
from bench._report import Findings, Grid, Row
from stack.topology import Shape
from workload.layout import Workload

_FLAT: Final = 1.1
"""Memory counts as flat when the end is at most this many times what it was after the first tenth, or _FLAT_MB more."""
_FLAT_MB: Final = 10.0
_COURSE, _THOUSAND, _LONG = "user100", "1,000 users", "1,000 users, long"


class Case(Struct, frozen=True):
    """One line of the table."""

    key: str
    load: str
    window: int
    connections: int | None
    """None: one a user."""
    goal: float
    """Least ratio to the baseline."""

    @property
    def title(self) -> str:
        lanes = "a connection a user" if self.connections is None else f"{self.connections} connections"
        return f"{self.load}, {lanes}, window {self.window}"


CASES: Final = (
    Case("w1", _COURSE, 1, 4, 2.0),
    Case("w8", _COURSE, 8, 4, 6.0),
    Case("w64", _COURSE, 64, 4, 10.0),
    Case("each", _COURSE, 1, None, 1.5),
    Case("thousand", _THOUSAND, 1, None, 2.0),
    Case("long", _LONG, 8, 4, 8.0),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("file", nargs="?", type=Path, help="replayed instead of the course's 100 users")
    parser.add_argument(
        "--cases", default=",".join(case.key for case in CASES), help="which, comma-separated: %(default)s"
    )
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--long-commands", type=int, default=1_000_000, help="of the case `long`")


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed."""
    cases = [case for case in CASES if case.key in options.cases.split(",")]
    found: dict[str, list[Pair]] = {case.key: [] for case in cases}
    loads = _Loads(options.file, options.long_commands)
    for number in range(1, options.runs + 1):
        for case in cases:
            load, commands = loads.get(case.load)
            shape = Shape(shards=options.shards, delay="none", seed=_loads.SEED)
            pair = _cases.pair(load, commands, shape, case.window, case.connections)
            found[case.key].append(pair)
            print(
                f"run {number}, {case.title}: {pair.replayed.per_second:,.0f}/s (with DUMPLOG {pair.per_second_with_dump:,.0f}), "
                f"pgbench {pair.baseline_per_second:,.0f}/s, ratio {pair.ratio:.2f}",
                flush=True,
            )
    measured = [(case, found[case.key]) for case in cases]
    rows = [row for case, pairs in measured for row in _rows(case, pairs)]
    names = sorted({loads.get(case.load)[0].name for case in cases})
    notes = [
        *_cases.noise(pair.replayed for pairs in found.values() for pair in pairs),
        f"loads: {'; '.join(names)}; {options.shards} shards; medians of {options.runs}",
        f"baseline: {_baseline.COMMAND}, {_baseline.SECONDS} s on the same Postgres just before each replay",
        "others' CPU: the most that programs which do not belong to it took of the machine in a replay; over 10 % spoils a run",
        "the ratio is of the commands' own time; `with DUMPLOG` is what ./daytrade replay calls per second",
    ]
    return Findings(rows, [_rates(measured), _costs(measured), _memory(measured)], notes, found)


class _Loads:
    """Made when first needed, then kept."""

    def __init__(self, file: Path | None, long_commands: int) -> None:
        self._file = file
        self._long_commands = long_commands
        self.get = cache(self._make)

    def _make(self, name: str) -> tuple[Load, Workload]:
        if name == _COURSE:
            load = _loads.course(self._file)
        else:
            load = _loads.crowd(1_000, 100_000 if name == _THOUSAND else self._long_commands)
        return load, load.commands


def _rows(case: Case, pairs: list[Pair]) -> list[Row]:
    ratio = median_of(pairs, lambda pair: pair.ratio)
    rate = median_of(pairs, lambda pair: pair.replayed.per_second)
    rows = [
        _report.at_least(
            f"{case.title}: >= {case.goal:g} x pgbench",
            ratio,
            case.goal,
            f"{rate:,.0f}/s",
            f"{ratio:.2f} x pgbench",
        )
    ]
    if case.load == _LONG:
        grown = [_growth(pair) for pair in pairs]
        tier, most = max((each for run in grown for each in run.items()), key=lambda item: item[1][2])
        rows.append(
            _report.at_most(
                f"{case.title}: memory of each tier flat after the first tenth", most[2], 1.0,
                f"most in {tier}: {most[0]:.0f} -> {most[1]:.0f} MB", f"{most[1] / most[0]:.2f} x first tenth",
            )
        )  # fmt: skip
    return rows


def _growth(pair: Pair) -> dict[str, tuple[float, float, float]]:
    """By tier: MB after the first tenth, at the end, and the growth as a share of what is allowed."""
    first, end = pair.replayed.memory_first_tenth_mb, pair.replayed.memory_end_mb
    return {
        tier: (first[tier], end[tier], (end[tier] - first[tier]) / max(_FLAT_MB, (_FLAT - 1) * first[tier]))
        for tier in end
        if tier in first
    }


def _rates(measured: list[tuple[Case, list[Pair]]]) -> Grid:
    columns = [
        "case",
        "commands/s",
        "with DUMPLOG",
        "pgbench/s",
        "ratio",
        "ratio with DUMPLOG",
        "p50 ms",
        "p99 ms",
        "max ms",
        "others' CPU",
    ]
    rows = []
    for case, pairs in measured:
        rows.append(
            [
                case.title,
                f"{median_of(pairs, lambda pair: pair.replayed.per_second):,.0f}",
                f"{median_of(pairs, lambda pair: pair.per_second_with_dump):,.0f}",
                f"{median_of(pairs, lambda pair: pair.baseline_per_second):,.0f}",
                f"{median_of(pairs, lambda pair: pair.ratio):.2f}",
                f"{median_of(pairs, lambda pair: pair.per_second_with_dump / pair.baseline_per_second):.2f}",
                *(
                    f"{value:.1f}"
                    for value in (
                        median_of(pairs, lambda pair: pair.replayed.p50_ms),
                        median_of(pairs, lambda pair: pair.replayed.p99_ms),
                        median_of(pairs, lambda pair: pair.replayed.max_ms),
                    )
                ),
                f"{max(pair.replayed.cost.others_share for pair in pairs):.0%}",
            ]
        )
    return Grid("Rates", columns, rows)


def _costs(measured: list[tuple[Case, list[Pair]]]) -> Grid:
    costs = [(case.title, _cases.cost_us(pair.replayed for pair in pairs)) for case, pairs in measured]
    return cost_grid("CPU seconds per 100,000 commands", costs)


def cost_grid(title: str, costs: list[tuple[str, dict[str, float]]]) -> Grid:
    """A table of what each case costs by tier, in seconds per 100,000 commands; `costs` in microseconds a command."""
    tiers = sorted({tier for _, each in costs for tier in each}, key=_place)
    rows = [[name, *(f"{each.get(tier, 0.0) / 10:.2f}" for tier in tiers)] for name, each in costs]
    return Grid(title, ["case", *tiers], rows)


def _place(tier: str) -> tuple[int, str]:
    order = [
        _gauge.GENERATOR,
        "webclient",
        "loadbalancer",
        "webserver",
        "transaction",
        "postgres",
        "valkey",
        "quoteserver",
        "trigger",
        "total",
    ]
    return (order.index(tier) if tier in order else len(order), tier)


def _memory(measured: list[tuple[Case, list[Pair]]]) -> Grid:
    growth = [(case.title, [_growth(pair) for pair in pairs]) for case, pairs in measured]
    tiers = sorted({tier for _, runs in growth for run in runs for tier in run}, key=_place)
    rows = [[title, *(_from_to(runs, tier) for tier in tiers)] for title, runs in growth]
    return Grid("Memory, MB at 10 % and at the end (resident, without shared pages)", ["case", *tiers], rows)


def _from_to(runs: list[dict[str, tuple[float, float, float]]], tier: str) -> str:
    first, end = (median_of(runs, lambda run: run[tier][at]) for at in (0, 1))  # noqa: B023
    return f"{first:.0f} -> {end:.0f}"


if __name__ == "__main__":
    _report.main("replay", __doc__, add_arguments, run)
