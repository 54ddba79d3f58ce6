"""BUY and COMMIT_BUY through the web API: how many a second, how late, and each exactly once.

Registered traders, each with a connection of their own, buy and commit in turn. Open loops at rising rates (latency counts from
when a request was due), then a closed one for the most that fits. The client is bench._http: one process, asyncio on uvloop, that
reads of an answer only the status and the body; it runs on the same machine. Afterwards the database is counted: a row of the
table `command` for each acknowledged request and none besides, with the very answer that was given; money and shares of each
trader; what `daytrade check` says.

Baselines of the same run: the same commands as lines to the load balancer (TCP) at the same rates, and a Flask route that does
nothing under the same gunicorn.
"""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from msgspec import Struct

from bench import _report, _webload
from bench._cases import medians
from bench._once import Counted
from bench._report import Findings, Grid, Row
from bench._webload import Lines, Step, Trading
from bench.replay import cost_grid
from core.settings import Address
from db.check import check
from stack import ports
from stack.cli.load import NO_LIMITS
from stack.launcher import throw_away
from stack.process import Child, Launch
from stack.state import ROOT
from stack.topology import Shape

GOAL_PER_SECOND: Final = 1_000
GOAL_P99_MS: Final = 250.0
_WARM_S, _START_S, _STOP_S = 4.0, 20.0, 10.0
_NOISY: Final = 0.1


class Run(Struct, frozen=True):
    """One stack, and the server that does nothing."""

    steps: list[Step]
    """By rising rate; the last one as much as fits."""
    lines: list[Lines]
    """The baseline of each rate."""
    counted: Counted
    violations: list[str]
    """What `daytrade check` says."""
    bare: Step

    @property
    def most(self) -> Step:
        """The closed loop."""
        return self.steps[-1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("--rates", default="500,1000,1500,2000", help="requests a second: %(default)s")
    parser.add_argument("--seconds", type=float, default=10, help="of each rate")
    parser.add_argument("--users", type=int, default=64, help="traders, each with a connection")
    parser.add_argument("--shards", type=int, default=2)


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, OSError, ProtocolError, TimeoutError."""
    rates = [float(rate) for rate in options.rates.split(",")]
    runs = []
    for number in range(1, options.runs + 1):
        runs.append(_measure(rates, options))
        shown = ", ".join(f"{step.rate:,.0f}/s p99 {step.p99_ms:.0f} ms" for step in runs[-1].steps[:-1])
        most, bare = runs[-1].most.per_second, runs[-1].bare.per_second
        print(f"run {number}: {shown}; at most {most:,.0f}/s; bare Flask {bare:,.0f}/s", flush=True)
    notes = [
        f"{options.users} traders, each with a connection, {options.seconds:g} s each rate; {options.shards} shards; medians of "
        f"{options.runs}; the client: one process, asyncio on uvloop, HTTP/1.1 on kept connections",
        "rate limits raised by settings (DAYTRADE_WEB_*_RATE): all load comes from one address",
        "baselines: the same commands as lines to the load balancer at the same rates; a Flask route of nothing, same gunicorn",
        *_noise(runs),
    ]
    return Findings(_goals(runs), [_rates(runs, rates), _costs(runs, rates)], notes, runs)


def _measure(rates: list[float], options: argparse.Namespace) -> Run:
    shape = Shape(shards=options.shards, delay="none", seed=1, web_client=True)
    with throw_away(shape, {**os.environ, **NO_LIMITS}) as stack:
        trading = Trading(stack, options.users)
        trading.flat_out(min(_WARM_S, options.seconds))
        steps, lines = [], []
        for rate in rates:
            steps.append(trading.paced(rate, options.seconds))
            lines.append(trading.by_tcp(rate, options.seconds))
        steps.append(trading.flat_out(options.seconds))
        counted = trading.judge()
        violations = [violation.sentence for violation in check(stack.state.audit_url)]
    with _bare_server() as (address, pid):
        bare = _webload.bare(address, options.users, options.seconds, {pid: "webclient"})
    return Run(steps, lines, counted, violations, bare)


@contextlib.contextmanager
def _bare_server() -> Iterator[tuple[Address, int]]:
    """bench._bare, running: where, and its process."""
    reserved = ports.reserve()
    address = Address((ports.LOOPBACK, reserved.port))
    with tempfile.TemporaryDirectory() as folder:
        env = {**os.environ, "PYTHONPATH": str(ROOT), "DAYTRADE_LISTEN": str(address)}
        argv = [sys.executable, "-m", "bench._bare"]
        child = Child(Launch(argv=argv, log=Path(folder) / "bare.log", env=env, cwd=ROOT))
        try:
            child.wait_ready(lambda: ports.accepts(address), _START_S)
            yield address, child.pid
        finally:
            child.stop(signal.SIGTERM, _STOP_S)
            reserved.release()


def _goals(runs: list[Run]) -> list[Row]:
    by_rate = [step for run in runs for step in run.steps if step.rate == GOAL_PER_SECOND]
    rows = []
    if by_rate:
        p99 = median(step.p99_ms for step in by_rate)
        baseline = median(
            lines.p99_ms
            for run in runs
            for step, lines in zip(run.steps, run.lines, strict=False)
            if step.rate == GOAL_PER_SECOND
        )
        rows.append(
            _report.at_most(
                f"BUY and COMMIT_BUY at {GOAL_PER_SECOND:,}/s: p99 < {GOAL_P99_MS:g} ms", p99, GOAL_P99_MS,
                f"{p99:.0f} ms", f"{p99 / baseline:.1f} x lines by TCP ({baseline:.0f} ms)",
            )
        )  # fmt: skip
    most = median(run.most.per_second for run in runs)
    share = median(run.most.per_second / run.bare.per_second for run in runs)
    rows.append(
        _report.at_least(
            f"as many as fit: >= {GOAL_PER_SECOND:,}/s", most, GOAL_PER_SECOND, f"{most:,.0f}/s",
            f"{share:.2f} x a bare Flask route",
        )
    )  # fmt: skip
    wrong = [sentence for run in runs for sentence in (*run.counted.wrong, *run.violations)]
    counted = runs[-1].counted
    failed = sum(step.failed for run in runs for step in run.steps)
    said = f"{counted.acknowledged:,} acknowledged, {counted.rows:,} rows, {failed} failed" + "".join(
        f"; {each}" for each in wrong[:3]
    )
    right = not wrong and not failed and all(run.counted.acknowledged == run.counted.rows > 0 for run in runs)
    return [*rows, Row("each exactly once: rows, answers, money, shares; daytrade check", said, "", right)]


def _noise(runs: list[Run]) -> list[str]:
    most = max(step.cost.others_share for run in runs for step in run.steps)
    return [f"UNRELIABLE: other programs took up to {most:.0%} of the machine"] if most > _NOISY else []


def _rates(runs: list[Run], rates: list[float]) -> Grid:
    rows = [
        [
            name,
            *_latencies([run.steps[at] for run in runs]),
            *_baseline([run.lines[at : at + 1] for run in runs]),
        ]
        for at, name in enumerate(_names(rates))
    ]
    columns = ["rate", "requests/s", "p50 ms", "p95 ms", "p99 ms", "failed", "lines: p50 ms", "lines: p99 ms"]
    return Grid("Requests through the web API", columns, rows)


def _latencies(steps: list[Step]) -> list[str]:
    return [
        f"{median(step.per_second for step in steps):,.0f}",
        f"{median(step.p50_ms for step in steps):.1f}",
        f"{median(step.p95_ms for step in steps):.1f}",
        f"{median(step.p99_ms for step in steps):.1f}",
        str(sum(step.failed for step in steps)),
    ]


def _baseline(lines: list[list[Lines]]) -> list[str]:
    """Empty cells for the closed loop, which has none."""
    found = [each for one in lines for each in one]
    if not found:
        return ["", ""]
    return [f"{median(each.p50_ms for each in found):.1f}", f"{median(each.p99_ms for each in found):.1f}"]


def _names(rates: list[float]) -> list[str]:
    return [*(f"{rate:,.0f}/s" for rate in rates), "as many as fit"]


def _costs(runs: list[Run], rates: list[float]) -> Grid:
    costs = [
        (name, medians([run.steps[at].us_each for run in runs])) for at, name in enumerate(_names(rates))
    ]
    costs.append(("a Flask route of nothing", medians([run.bare.us_each for run in runs])))
    return cost_grid("CPU seconds per 100,000 requests", costs)


if __name__ == "__main__":
    _report.main("web", __doc__, add_arguments, run)
