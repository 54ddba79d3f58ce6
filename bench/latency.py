"""How long a command takes: when nobody else is there, and with 1,000 users at half of the rate that window 8 reaches.

The load is an open loop: paced whatever the system does, latency counted from when a line was due. It comes as window 8 sends
it, eight lines of a user at a time; and, harder, with each line of a user on its own, so that nearly every command of a batch is
another account's. The rate to be halved is measured in the same stack just before. The baseline of the lone command is the
median of pgbench with one connection.
"""

import argparse
import secrets
import socket
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from statistics import median
from time import perf_counter

from msgspec import Struct

from bench import _baseline, _cases, _loads, _pacing, _report
from bench._report import Findings, Grid
from core.errors import ProtocolError
from core.framing import split_number, user_field
from stack.launcher import Stack, throw_away
from stack.topology import Shape
from workload.driver import load
from workload.measure import percentile

GOAL_P99_MS = 15.0
GOAL_LONE_P50_MS = 1.5
_USERS, _WINDOW, _WARM = 1_000, 8, 50


class Paced(Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float
    highest: float


class Run(Struct, frozen=True):
    """One stack."""

    pgbench_ms: float
    """Median latency with one connection."""
    lone_ms: dict[str, list[float]]
    """Every lone command's latency, by command."""
    full_per_second: float
    """What window 8 reached."""
    windows: "Paced"
    """Half of that, eight lines of a user at a time."""
    singly: "Paced"
    """Half of that, a user's lines apart."""

    @property
    def lone_p50_ms(self) -> float:
        return median(value for values in self.lone_ms.values() for value in values)

    @property
    def lone_p99_ms(self) -> float:
        return _percentile([value for values in self.lone_ms.values() for value in values], 99)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("--commands", type=int, default=200_000, help="of the replay whose rate is halved")
    parser.add_argument("--seconds", type=float, default=6, help="of the paced load")
    parser.add_argument("--lone", type=int, default=1_500, help="lone commands")
    parser.add_argument("--shards", type=int, default=2)


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed."""
    lines = _loads.crowd(_USERS, 4 * options.commands).lines
    runs = []
    for number in range(1, options.runs + 1):
        with throw_away(Shape(shards=options.shards, delay="none", seed=_loads.SEED)) as stack:
            each = _measure(stack, lines, options)
        runs.append(each)
        print(
            f"run {number}: lone p50 {each.lone_p50_ms:.2f} ms (pgbench -c 1 {each.pgbench_ms:.2f}); "
            f"p99 {each.windows.p99:.1f} ms, lines apart {each.singly.p99:.1f} ms, at half of {each.full_per_second:,.0f}/s",
            flush=True,
        )
    lone = median(each.lone_p50_ms for each in runs)
    pgbench = median(each.pgbench_ms for each in runs)
    p99, apart = median(each.windows.p99 for each in runs), median(each.singly.p99 for each in runs)
    half = median(each.full_per_second for each in runs) / 2
    rows = [
        _report.at_most(
            f"p99 at half of the window-8 load <= {GOAL_P99_MS:g} ms", p99, GOAL_P99_MS,
            f"{p99:.1f} ms at {half:,.0f}/s (each user's lines apart: {apart:.1f} ms)",
        ),
        _report.at_most(
            f"a lone command, p50 <= {GOAL_LONE_P50_MS:g} ms", lone, GOAL_LONE_P50_MS, f"{lone:.2f} ms",
            f"{lone / pgbench:.2f} x pgbench -c 1 ({pgbench:.2f} ms)",
        ),
    ]  # fmt: skip
    notes = [
        f"{_USERS:,} generated users, paced for {options.seconds:g} s over 4 connections; medians of {options.runs}",
        f"baseline: median latency of {_baseline.LONE_COMMAND} on the same Postgres",
    ]
    return Findings(rows, [_paced(runs), _by_command(runs)], notes, runs)


def _measure(stack: Stack, lines: list[bytes], options: argparse.Namespace) -> Run:
    pgbench_ms = _baseline.lone_latency_ms(stack.state.admin_url)
    lone = _loads.crowd(1, options.lone + _WARM).lines
    lone_ms = alone(lone, stack.state.balancer_address)
    full = _cases.replay(stack, load(lines[: options.commands]), _WINDOW, 4).per_second
    count = min(int(full / 2 * options.seconds / 2), options.commands)
    address, rest = stack.state.balancer_address, lines[options.commands :]
    windows = _pacing.send(in_windows(rest[:count], _WINDOW), address, full / 2)
    singly = _pacing.send(rest[count : 2 * count], address, full / 2)
    return Run(pgbench_ms, lone_ms, full, _paced_of(windows), _paced_of(singly))


def _paced_of(values: Sequence[float]) -> Paced:
    return Paced(_percentile(values, 50), _percentile(values, 99), max(values))


def in_windows(lines: Iterable[bytes], window: int) -> list[bytes]:
    """The lines with so many of a user's next to one another; each user's order is kept."""
    waiting: defaultdict[bytes, list[bytes]] = defaultdict(list)
    ordered: list[bytes] = []
    for line in lines:
        user = user_field(split_number(line)[1]).strip()
        waiting[user].append(line)
        if len(waiting[user]) == window:
            ordered += waiting.pop(user)
    return [*ordered, *chain.from_iterable(waiting.values())]


def alone(lines: Sequence[bytes], address: tuple[str, int]) -> dict[str, list[float]]:
    """Sends each line when the one before is answered; milliseconds by command. The first _WARM are not counted."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    with socket.create_connection(address) as connection, connection.makefile("rb") as replies:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(b"SESSION %b\n" % secrets.token_hex(16).encode())
        replies.readline()
        for at, line in enumerate(lines):
            start = perf_counter()
            connection.sendall(line)
            reply = replies.readline()
            took_ms = (perf_counter() - start) * 1000
            number, body = split_number(line)
            if not reply.startswith(b"[%d] " % (number or 0)):
                raise ProtocolError(f"no reply to {line!r}: {reply!r}")
            if at >= _WARM:
                found[body.partition(b",")[0].decode()].append(took_ms)
    return dict(found)


def _percentile(values: Sequence[float], percent: int) -> float:
    ordered = sorted(int(value * 1000) for value in values)
    return percentile(ordered, percent) / 1000


def _paced(runs: list[Run]) -> Grid:
    rows = [
        [how, f"{each.full_per_second:,.0f}", f"{each.full_per_second / 2:,.0f}"]
        + [f"{value:.1f}" for value in (paced.p50, paced.p99, paced.highest)]
        for each in runs
        for how, paced in ((f"{_WINDOW} at a time", each.windows), ("apart", each.singly))
    ]
    return Grid(
        "Paced load, each run",
        ["a user's lines", "window 8 /s", "half /s", "p50 ms", "p99 ms", "max ms"],
        rows,
    )


def _by_command(runs: list[Run]) -> Grid:
    names = sorted({name for each in runs for name in each.lone_ms})
    rows = []
    for name in names:
        values = [value for each in runs for value in each.lone_ms.get(name, [])]
        rows.append([name, f"{len(values):,}", f"{median(values):.2f}", f"{_percentile(values, 99):.2f}"])
    values = [value for each in runs for own in each.lone_ms.values() for value in own]
    rows.append(["all", f"{len(values):,}", f"{median(values):.2f}", f"{_percentile(values, 99):.2f}"])
    return Grid("A lone command, all runs", ["command", "count", "p50 ms", "p99 ms"], rows)


if __name__ == "__main__":
    _report.main("latency", __doc__, add_arguments, run)
