"""Quotes: how many hits are paid for, and how long a replay takes at the quote server's measured delays.

- Hits: 4 shards and 2 trigger servers ask at once. The floor is the fewest hits that the needs of that very run allow: one
  for each symbol that a command used or a trigger waited on, and each life of 60 s (bench/_floor.py). In a second run a life
  is one second, so that it goes through several. `early`: hits made while an earlier one of the symbol could still be used.
- Delays: the course's 100 users; the bound is what the delays drawn in that run cost when nothing else costs anything
  (bench/_bound.py). The time is of all commands and the closing DUMPLOG. What lies beyond the bound is processor time, mostly of
  the commands that are `due late`: these can be answered only in its last tenth, whatever the machine.
"""

import argparse
import os
import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from bench import _cases, _loads, _report, _used
from bench._bound import Bound, bound
from bench._cases import median_of
from bench._floor import early, floor
from bench._loads import Load
from bench._report import Findings, Grid, Row
from core.framing import split_number, user_field
from core.limits import QUOTE_LIFE_MS
from quotecache.legacy.delays import parse_delay
from stack import hits
from stack.launcher import Stack, throw_away
from stack.topology import Shape

GOAL_RATIO: Final = 1.0
GOAL_S: Final = {1: 20.0, 64: 10.0, 256: 5.5}
GOAL_BOUND: Final = 1.15
_DELAY: Final = "measured"
_SHARDS, _TRIGGER_SERVERS = 4, 2
_SHORT_LIFE_MS: Final = 1_000
_SLOWEST_S: Final = 1.0
"""By then every hit is there that a trigger waits for."""
_RECORDED_S: Final = 0.2
"""By then what was paid for stands in the log."""


class Paid(Struct, frozen=True):
    """Hits of one run."""

    life_ms: int
    hits: int
    """By the quote server's own count."""
    recorded: int
    """In the log, with stamps of the same time."""
    floor: int
    early: int
    symbols: int
    """Different ones that were hit."""

    @property
    def ratio(self) -> float:
        return self.hits / self.floor


class Delayed(Struct, frozen=True):
    """One replay at the measured delays."""

    window: int
    seed: int
    dump_seconds: float
    bound_seconds: float
    late: int
    """Commands that the delays let nobody answer before the last tenth of the bound."""
    paid: Paid
    replayed: _cases.Replayed

    @property
    def total_seconds(self) -> float:
        return self.replayed.seconds + self.dump_seconds

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all tiers and the generator for the commands."""
        return sum(self.replayed.cost.cpu_s.values())

    @property
    def ratio(self) -> float:
        """To the bound."""
        return self.total_seconds / self.bound_seconds


class Runs(Struct):
    """Everything measured."""

    paid: list[Paid]
    delayed: list[Delayed]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("file", nargs="?", type=Path, help="replayed instead of the course's 100 users")
    parser.add_argument("--windows", default=",".join(map(str, GOAL_S)), help="%(default)s")
    parser.add_argument("--commands", type=int, default=30_000, help="of the runs that count hits")


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed."""
    runs = Runs([], [])
    load = _loads.course(options.file)
    windows = [int(window) for window in options.windows.split(",")]
    for seed in range(1, options.runs + 1):
        for life_ms in (QUOTE_LIFE_MS, _SHORT_LIFE_MS) if seed == 1 else (QUOTE_LIFE_MS,):
            runs.paid.append(_paid(life_ms, seed, options.commands))
            print(f"run {seed}: {runs.paid[-1]}", flush=True)
        for window in windows:
            runs.delayed.append(_delayed(load, window, seed))
            each = runs.delayed[-1]
            print(
                f"run {seed}, window {window}: {each.total_seconds:.1f} s, bound {each.bound_seconds:.1f} s, "
                f"ratio {each.ratio:.2f}",
                flush=True,
            )
    rows = [_paid_row(runs.paid, life_ms) for life_ms in (QUOTE_LIFE_MS, _SHORT_LIFE_MS)]
    rows += [row for window in windows for row in _delayed_rows(runs.delayed, window)]
    notes = [
        f"hits: {_SHARDS} shards, {_TRIGGER_SERVERS} trigger servers, 100 generated users, {options.commands:,} commands",
        f"delays: {load.name}, 2 shards, seeds 1 to {options.runs} (each seed draws other delays); medians of {options.runs}",
        "bound: the same delays with no other cost and any number of fetches at once; floor: see docs/performance.md",
        "due late: commands that the delays let nobody answer before the last tenth of the bound; what they cost comes on top",
    ]
    notes += _cases.noise(each.replayed for each in runs.delayed)
    return Findings(rows, [_paid_grid(runs.paid), _delayed_grid(runs.delayed)], notes, runs)


def _paid(life_ms: int, seed: int, count: int) -> Paid:
    """A replay in which all the tiers that may ask do."""
    delay = "fixed:300" if life_ms == QUOTE_LIFE_MS else "fixed:20"
    shape = Shape(shards=_SHARDS, trigger_servers=_TRIGGER_SERVERS, delay=delay, seed=seed)
    crowd = _loads.crowd(100, count, seed)
    with throw_away(shape, {**os.environ, "DAYTRADE_QUOTE_LIFE_MS": str(life_ms)}) as stack:
        _cases.replay(stack, crowd.commands, 64 if life_ms == QUOTE_LIFE_MS else 1, 4)
        if life_ms == QUOTE_LIFE_MS:
            time.sleep(_SLOWEST_S)
        return _counted(stack, life_ms)[0]


def _counted(stack: Stack, life_ms: int) -> tuple[Paid, _used.Used]:
    """What was paid for until now, and what for."""
    paid, end_ms = hits.count(stack.state), time.time_ns() // 1_000_000
    time.sleep(_RECORDED_S)
    used = _used.read(stack.state.audit_url, end_ms)
    return _paid_of(paid, life_ms, used), used


def _paid_of(paid: int, life_ms: int, used: _used.Used) -> Paid:
    return Paid(
        life_ms=life_ms,
        hits=paid,
        recorded=len(used.stamps),
        floor=floor(used.needs, life_ms),
        early=early(used.stamps, life_ms),
        symbols=len({symbol for symbol, _ in used.stamps}),
    )


def _delayed(load: Load, window: int, seed: int) -> Delayed:
    """The course's file at the measured delays."""
    with throw_away(Shape(delay=_DELAY, seed=seed)) as stack:
        session = secrets.token_hex(16)
        replayed = _cases.replay(stack, load.commands, window, 4, session)
        paid, used = _counted(stack, QUOTE_LIFE_MS)
        dump_s = _cases.dump(stack, load.dump, session).seconds if load.dump else 0.0
    least = _bound(load, used.by_number, window, seed)
    return Delayed(
        window=window,
        seed=seed,
        dump_seconds=dump_s,
        bound_seconds=least.seconds,
        late=least.late,
        paid=paid,
        replayed=replayed,
    )


def _bound(load: Load, by_number: dict[int, str], window: int, seed: int) -> Bound:
    users: defaultdict[bytes, list[str | None]] = defaultdict(list)
    for line in load.lines:
        number, body = split_number(line.rstrip())
        users[user_field(body)].append(by_number.get(number or 0))
    delay_ms = parse_delay(_DELAY, seed)
    return bound(list(users.values()), window, lambda symbol: delay_ms(symbol, 1) / 1000)


def _paid_row(paid: list[Paid], life_ms: int) -> Row:
    own = [each for each in paid if each.life_ms == life_ms]
    worst = max(own, key=lambda each: each.ratio)
    title = "one life" if life_ms == QUOTE_LIFE_MS else f"lives of {life_ms / 1000:g} s"
    return _report.at_most(
        f"hits / floor <= {GOAL_RATIO:.2f}, {_SHARDS} shards and {_TRIGGER_SERVERS} trigger servers, {title}",
        worst.ratio + worst.early, GOAL_RATIO, f"{worst.hits:,} hits, {worst.early} of them early",
        f"{worst.ratio:.3f} x floor ({worst.floor:,})",
    )  # fmt: skip


def _delayed_rows(delayed: list[Delayed], window: int) -> list[Row]:
    own = [each for each in delayed if each.window == window]
    seconds, ratio, bound = (median_of(own, value) for value in _VALUES)
    rows = [
        _report.at_most(
            f"measured delays, window {window}: <= {GOAL_BOUND:g} x bound", ratio, GOAL_BOUND, f"{seconds:.1f} s",
            f"{ratio:.2f} x bound ({bound:.1f} s)",
        )
    ]  # fmt: skip
    if window in GOAL_S:
        goal = GOAL_S[window]
        rows.insert(
            0,
            _report.at_most(
                f"measured delays, window {window}: <= {goal:g} s", seconds, goal, f"{seconds:.1f} s"
            ),
        )
    return rows


_VALUES: Final[tuple[Callable[[Delayed], float], ...]] = (
    lambda each: each.total_seconds,
    lambda each: each.ratio,
    lambda each: each.bound_seconds,
)


def _paid_grid(paid: list[Paid]) -> Grid:
    rows = [
        [
            f"{each.life_ms / 1000:g}",
            *(f"{value:,}" for value in (each.hits, each.recorded, each.symbols, each.floor, each.early)),
        ]
        for each in sorted(paid, key=lambda each: -each.life_ms)
    ]
    return Grid("Hits, each run", ["life s", "hits", "recorded", "symbols", "floor", "early"], rows)


def _delayed_grid(delayed: list[Delayed]) -> Grid:
    rows = [
        [
            str(each.window), str(each.seed), f"{each.replayed.seconds:.2f}", f"{each.dump_seconds:.2f}",
            f"{each.total_seconds:.2f}", f"{each.bound_seconds:.2f}", f"{each.ratio:.2f}", f"{each.late:,}",
            f"{each.cpu_seconds:.1f}",
            f"{each.replayed.cost.others_share:.0%}", f"{each.paid.hits:,}", f"{each.paid.floor:,}",
        ]
        for each in sorted(delayed, key=lambda each: (each.window, each.seed))
    ]  # fmt: skip
    columns = [
        "window", "seed", "commands s", "DUMPLOG s", "total s", "bound s", "ratio", "due late", "CPU s", "others' CPU",
        "hits", "floor",
    ]  # fmt: skip
    return Grid("Measured delays, each run", columns, rows)


if __name__ == "__main__":
    _report.main("quotes", __doc__, add_arguments, run)
