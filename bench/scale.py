"""What a command costs with more users and with more shards: rate and processor time by tier, without quote delays.

The baseline is pgbench, once a run, on the Postgres of the first stack. One stack serves all numbers of users in turn; each
replay is of users of its own, whom nobody knows before.
"""

import argparse
from statistics import median
from typing import Final

from msgspec import Struct

from bench import _baseline, _cases, _loads, _report
from bench._cases import Replayed, median_of
from bench._loads import Load
from bench._report import Findings, Grid, Row
from bench.replay import cost_grid
from stack.launcher import throw_away
from stack.topology import Shape
from workload.layout import Workload

_USERS: Final = (1, 10, 100, 1_000)
_SHARDS: Final = (1, 2, 3, 4)
_USUAL_USERS, _USUAL_SHARDS = 100, 2
_COMMANDS: Final = {1: 4_000, 10: 15_000, 100: 40_000, 1_000: 80_000}


class Cell(Struct, frozen=True):
    """One replay and the baseline of its run."""

    users: int
    shards: int
    baseline_per_second: float
    replayed: Replayed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument(
        "--all", action="store_true", help="every number of users with every number of shards"
    )


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed."""
    loads: dict[int, tuple[Load, Workload]] = {}
    for users in _USERS:
        load = _loads.crowd(users, _COMMANDS[users], seed=users)
        loads[users] = load, load.commands
    cells: list[Cell] = []
    rate = 0.0
    for number in range(1, options.runs + 1):
        for shards in _SHARDS:
            wanted = _USERS if options.all or shards == _USUAL_SHARDS else (_USUAL_USERS,)
            with throw_away(Shape(shards=shards, delay="none", seed=_loads.SEED)) as stack:
                if shards == _SHARDS[0]:
                    rate = _baseline.rate(stack.state.admin_url)
                for users in wanted:
                    replayed = _cases.replay(stack, loads[users][1], options.window, 4)
                    cells.append(Cell(users, shards, rate, replayed))
                    print(f"run {number}, {_title(cells[-1])}: {replayed.per_second:,.0f}/s", flush=True)
    groups = _groups(cells)
    notes = [
        *_cases.noise(cell.replayed for cell in cells),
        f"window {options.window}, 4 connections, medians of {options.runs}",
        f"baseline: {_baseline.COMMAND}, {_baseline.SECONDS} s",
    ]
    costs = [(_title(own[0]), _cases.cost_us(cell.replayed for cell in own)) for own in groups]
    return Findings(
        _rows(groups), [_grid(groups), cost_grid("CPU seconds per 100,000 commands", costs)], notes, cells
    )


def _title(cell: Cell) -> str:
    users = "1 user" if cell.users == 1 else f"{cell.users:,} users"
    return f"{users}, {cell.shards} shard{'s' if cell.shards > 1 else ''}"


def _groups(cells: list[Cell]) -> list[list[Cell]]:
    keys = sorted({(cell.users, cell.shards) for cell in cells})
    return [[cell for cell in cells if (cell.users, cell.shards) == key] for key in keys]


def _rows(groups: list[list[Cell]]) -> list[Row]:
    """Figures without a goal: the cheapest and the dearest."""
    costs = {_title(own[0]): _cases.cost_us(cell.replayed for cell in own)["total"] for own in groups}
    ordered = sorted(costs.items(), key=lambda item: item[1])
    (cheapest, least), (dearest, most) = ordered[0], ordered[-1]
    return [
        Row(
            "cost per command, 1 to 1,000 users and 1 to 4 shards", f"{least:.0f} us ({cheapest}) to {most:.0f} us ({dearest})",
            f"{most / least:.1f} x", None,
        )
    ]  # fmt: skip


def _grid(groups: list[list[Cell]]) -> Grid:
    rows = []
    for own in groups:
        rate = median_of(own, lambda cell: cell.replayed.per_second)
        ratio = median_of(own, lambda cell: cell.replayed.per_second / cell.baseline_per_second)
        total = _cases.cost_us(cell.replayed for cell in own)["total"]
        busy = median(sum(c.replayed.cost.cpu_s.values()) / c.replayed.cost.seconds for c in own)
        rows.append(
            [
                _title(own[0]), f"{rate:,.0f}", f"{ratio:.2f}", f"{total:.0f}", f"{busy:.2f}",
                f"{median_of(own, lambda cell: cell.replayed.p50_ms):.1f}",
                f"{median_of(own, lambda cell: cell.replayed.p99_ms):.1f}",
                f"{max(cell.replayed.cost.others_share for cell in own):.0%}",
            ]
        )  # fmt: skip
    columns = [
        "case",
        "commands/s",
        "x pgbench",
        "CPU us each",
        "cores busy",
        "p50 ms",
        "p99 ms",
        "others' CPU",
    ]
    return Grid("Rate and cost", columns, rows)


if __name__ == "__main__":
    _report.main("scale", __doc__, add_arguments, run)
