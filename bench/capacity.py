"""How many users the system holds at once, for each mix of what they do: people think for seconds, and the 95th percentile of all
answers stays under 200 ms.

A throw-away stack for each mix, with the quote server's measured delays; Locust (bench/locustfile.py), on the same machine, adds
users step by step, lets each crowd work for a while, and stops when the 95th percentile or a failure says that they are too many.
Each user registers once, holds the page's event stream open, and checks every answer against books of its own. Those who speak
the line protocol (mix `tcp`) are the baseline: the same system without HTTP.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench import _climb, _report
from bench._climb import Level
from bench._report import Findings, Grid, Row
from core.errors import Unavailable
from stack.cli.load import MIXES, NO_LIMITS, PER_SECOND, locust
from stack.launcher import throw_away
from stack.state import ROOT
from stack.topology import Shape

P95_MS: Final = 200.0
_START: Final = {"browse": 800, "trade": 300, "trigger": 400, "tcp": 300, "all": 600}
"""The first crowd: where the climb begins, and its step."""
_PATIENCE_S: Final = 3_600.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("--mixes", default=",".join(MIXES), help="comma-separated: %(default)s")
    parser.add_argument("--step", type=int, default=0, help="users more each time; else by mix")
    parser.add_argument("--most", type=int, default=10_000, help="no more users than that")
    parser.add_argument("--seconds", type=float, default=20, help="of each crowd")
    parser.add_argument("--delay", default="measured", help="of the quote server")
    parser.add_argument("--shards", type=int, default=2)


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, Unavailable."""
    found: dict[str, list[list[Level]]] = {mix: [] for mix in options.mixes.split(",")}
    for number in range(1, options.runs + 1):
        for mix, climbs in found.items():
            climbs.append(_climb_with(mix, options))
            best = _climb.held(climbs[-1], P95_MS)
            print(f"run {number}, {mix}: {best.users if best else 0:,} users", flush=True)
    notes = [
        f"users come {PER_SECOND} a second, each crowd for {options.seconds:g} s; {options.shards} shards; quote delays: "
        f"{options.delay}; medians of {options.runs}",
        "people think for 1 to 8 s, programs (tcp) for 0.5 to 1.5 s; everything, Locust included, on one machine",
        "rate limits raised by settings (DAYTRADE_WEB_*_RATE): all users come from one address",
    ]
    return Findings([_row(mix, climbs) for mix, climbs in found.items()], [_levels(found)], notes, found)


def _climb_with(mix: str, options: argparse.Namespace) -> list[Level]:
    step = options.step or _START[mix]
    shape = Shape(shards=options.shards, delay=options.delay, seed=1, web_client=True)
    with tempfile.TemporaryDirectory() as folder, throw_away(shape, {**os.environ, **NO_LIMITS}) as stack:
        result = Path(folder) / "levels.json"
        argv = [*locust(stack.state, step), "--headless", "--only-summary", "--step", str(step)]
        argv += [
            "--measure",
            str(options.seconds),
            "--p95",
            str(P95_MS),
            "--result",
            str(result),
            *MIXES[mix],
        ]
        log = Path(folder) / "locust.log"
        with log.open("wb") as output:
            subprocess.run(
                argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=output, stderr=output,
                timeout=_PATIENCE_S, check=False,
            )  # fmt: skip
        if not result.exists():
            raise Unavailable(f"Locust did not finish: {log.read_text('utf-8', 'replace')[-2000:]}")
        return msgspec.json.decode(result.read_bytes(), type=list[Level])


def _row(mix: str, climbs: list[list[Level]]) -> Row:
    held = [_climb.held(levels, P95_MS) for levels in climbs]
    users = median(level.users if level else 0 for level in held)
    rate = median(level.per_second if level else 0 for level in held)
    more = "" if all(_climb.topped(levels, P95_MS) for levels in climbs) else ", not the end"
    what = "failures none, every answer right" if all(held) else "the first crowd was too many"
    return Row(
        f"{mix}: users held at p95 < {P95_MS:g} ms",
        f"{users:,.0f} users, {rate:,.0f} requests/s{more}",
        what,
        None,
    )


def _levels(found: dict[str, list[list[Level]]]) -> Grid:
    rows = [
        [
            mix, f"{level.users:,}", f"{level.per_second:,.0f}", f"{level.p50_ms:.0f}", f"{level.p95_ms:.0f}",
            f"{level.p99_ms:.0f}", str(level.failures), f"{level.generator_cpu:.0f}%",
        ]
        for mix, climbs in found.items()
        for level in climbs[-1]
    ]  # fmt: skip
    columns = [
        "mix",
        "users",
        "requests/s",
        "p50 ms",
        "p95 ms",
        "p99 ms",
        "failures",
        "Locust's CPU (one core)",
    ]
    return Grid("Each crowd of the last run", columns, rows)


if __name__ == "__main__":
    _report.main("capacity", __doc__, add_arguments, run)
