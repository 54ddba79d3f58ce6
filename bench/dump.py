"""Dumps an audit log of over a million events and grades it: events/s, and by how much the dumping process grows.

The baseline, from the same run, is Postgres sending the same rows, in the same order, by COPY to nobody. What is dumped are
commands as a replay leaves them: BUY with a cached price (three events), refused ones (two), and plain ones (one). What is
graded is the dump of a real replay, by `log check --workload` as people call it.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

import msgspec
import psycopg
from msgspec import Struct

from bench import _cases, _loads, _report
from bench._report import Findings, Grid
from db.dump import dump
from stack.launcher import Stack, throw_away
from stack.state import ROOT
from stack.topology import Shape

GOAL_DUMP: Final = 200_000
GOAL_CHECK: Final = 100_000
MAX_GROWTH_MB: Final = 50.0
_SESSION: Final = "bench-dump"
_FILL: Final = """
INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, funds_cents, price_cents,
                   removed_cents, error)
SELECT 1700000000000 + n / 10, 'user' || n %% 1000, n / 1000 + 1, 1, 1, n, 'transaction-0', 3, 'ABC', 10000 + n %% 90000,
       CASE WHEN n %% 2 = 0 THEN 1234 END, CASE WHEN n %% 2 = 0 THEN 9872 END,
       CASE WHEN n %% 4 = 1 THEN 'INSUFFICIENT_FUNDS: cash 0.00 is less than 100.00' END
FROM generate_series(1, %s) AS n
"""
_COPY: Final = "COPY (SELECT * FROM audit ORDER BY timestamp_ms, username, seq) TO STDOUT"


class Run(Struct, frozen=True):
    """One dump in a process of its own, its baseline, and one grading."""

    events: int
    seconds: float
    growth_mb: float
    """Of the process's peak memory, from just before the dump to its end."""
    copy_seconds: float
    check_events: int
    check_seconds: float
    """Of the whole command, from its start to its exit."""
    check_cpu_seconds: float
    """User and system time of the same: what remains of it when others use the machine too."""

    @property
    def per_second(self) -> float:
        """Events."""
        return self.events / self.seconds

    @property
    def checked_per_second(self) -> float:
        """Events."""
        return self.check_events / self.check_seconds


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("--commands", type=int, default=600_000, help="rows of the log that is dumped")
    parser.add_argument("--replayed", type=int, default=300_000, help="commands of the replay that is graded")


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed, CalledProcessError."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with throw_away(Shape(delay="none", seed=_loads.SEED)) as stack:
            log, workload = _graded_log(stack, folder, options.replayed)
            _fill(stack, options.commands)
            runs = []
            for number in range(1, options.runs + 1):
                runs.append(_measure(stack, folder, log, workload))
                print(
                    f"run {number}: dumped {runs[-1].per_second:,.0f} events/s, checked {runs[-1].checked_per_second:,.0f}",
                    flush=True,
                )
    return _findings(runs)


def dump_once(url: str, path: Path) -> tuple[int, float, float]:
    """(events, seconds, growth of this process's peak memory in MB)."""
    asyncio.run(dump(url, path, "nobody"))  # what a first dump loads is not its memory
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak counts anew
    before = _peak_mb()
    start = time.perf_counter()
    events = asyncio.run(dump(url, path, None))
    seconds = time.perf_counter() - start
    return events, seconds, _peak_mb() - before


def _peak_mb() -> float:
    """The most memory this program has had resident (getrusage would count its parent's as its own)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _graded_log(stack: Stack, folder: Path, commands: int) -> tuple[Path, Path]:
    """(log, workload file) of a real replay, closing DUMPLOG included."""
    load = _loads.crowd(1_000, commands)
    workload, log = folder / "workload", folder / "graded"
    assert load.dump is not None
    workload.write_bytes(b"".join([*load.lines, load.dump]))
    _cases.replay(stack, load.commands, 8, 4, _SESSION)
    path = _cases.dump(stack, load.dump, _SESSION).audit_log
    assert path is not None
    Path(path).rename(log)
    return log, workload


def _fill(stack: Stack, rows: int) -> None:
    """The audit table holds nothing but these rows from here on."""
    with psycopg.connect(stack.state.admin_url, autocommit=True) as connection:
        connection.execute("TRUNCATE audit")
        connection.execute(_FILL, (rows,))
        connection.execute("VACUUM ANALYZE audit")


def _measure(stack: Stack, folder: Path, log: Path, workload: Path) -> Run:
    url = stack.state.audit_url
    start = time.perf_counter()
    with psycopg.connect(url) as connection, connection.cursor().copy(_COPY) as copy:
        for _ in copy:
            pass
    copy_seconds = time.perf_counter() - start
    program = [sys.executable, "-m", "bench.dump", "--once", url, str(folder / "log")]
    output = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    events, seconds, growth_mb = msgspec.json.decode(output, type=tuple[int, float, float])
    start = time.perf_counter()
    check = [sys.executable, "-m", "stack.cli", "log", "check", str(log), "--workload", str(workload)]
    cpu = _children_cpu_seconds()
    subprocess.run(check, check=True, capture_output=True, cwd=ROOT)
    check_seconds = time.perf_counter() - start
    return Run(
        events, seconds, growth_mb, copy_seconds, _events(log), check_seconds, _children_cpu_seconds() - cpu
    )


def _children_cpu_seconds() -> float:
    """Of all that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _events(log: Path) -> int:
    """Every event is a line and has a timestamp."""
    with log.open("rb") as file:
        return sum(1 for line in file if b"<timestamp>" in line)


def _findings(runs: list[Run]) -> Findings:
    dumped, checked = (
        median(each.per_second for each in runs),
        median(each.checked_per_second for each in runs),
    )
    by_cpu = median(each.check_events / each.check_cpu_seconds for each in runs)
    growth = max(each.growth_mb for each in runs)
    copied = median(each.seconds / each.copy_seconds for each in runs)
    rows = [
        _report.at_least(
            f"dump >= {GOAL_DUMP:,} events/s", dumped, GOAL_DUMP, f"{dumped:,.0f}/s", f"{copied:.2f} x COPY's time"
        ),
        _report.at_most("dump: memory flat", growth, MAX_GROWTH_MB, f"grows by {growth:.1f} MB"),
        _report.at_least(
            f"log check >= {GOAL_CHECK:,} events/s", checked, GOAL_CHECK, f"{checked:,.0f}/s",
            f"{by_cpu:,.0f} a second of CPU",
        ),
    ]  # fmt: skip
    columns = [
        "events dumped",
        "seconds",
        "COPY alone, seconds",
        "grows MB",
        "events graded",
        "seconds",
        "of CPU",
    ]
    table = [
        [
            f"{each.events:,}", f"{each.seconds:.2f}", f"{each.copy_seconds:.2f}", f"{each.growth_mb:.1f}",
            f"{each.check_events:,}", f"{each.check_seconds:.2f}", f"{each.check_cpu_seconds:.2f}",
        ]
        for each in runs
    ]  # fmt: skip
    notes = [
        f"medians of {len(runs)}; memory flat: the dumping process grows by at most {MAX_GROWTH_MB:g} MB in any run",
        "baseline: COPY of the same rows in the same order, read and thrown away",
    ]
    return Findings(rows, [Grid("Each run", columns, table)], notes, runs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--once"]:
        print(msgspec.json.encode(dump_once(sys.argv[2], Path(sys.argv[3]))).decode())
    else:
        _report.main("dump", __doc__, add_arguments, run)
