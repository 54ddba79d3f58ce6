"""Dumps an audit log of a million events and more: events/s, and by how much the dumping process grows.

The baseline, from the same run, is Postgres sending the same rows, in the same order, by COPY to nobody. The rows are commands as
a replay leaves them: BUY with a cached price (three events), refused ones (two), and plain ones (one).
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import msgspec
import psycopg
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from db.dump import dump
from stack.launcher import throw_away
from stack.topology import Shape
from workload.machine import describe

MAX_GROWTH_MB = 50.0
_FILL = """
INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, funds_cents, price_cents,
                   removed_cents, error)
SELECT 1700000000000 + n / 10, 'user' || n %% 1000, n / 1000 + 1, 1, 1, n, 'transaction-0', 3, 'ABC', 10000 + n %% 90000,
       CASE WHEN n %% 2 = 0 THEN 1234 END, CASE WHEN n %% 2 = 0 THEN 9872 END,
       CASE WHEN n %% 4 = 1 THEN 'INSUFFICIENT_FUNDS: cash 0.00 is less than 100.00' END
FROM generate_series(1, %s) AS n
"""
_COPY = "COPY (SELECT * FROM audit ORDER BY timestamp_ms, username, seq) TO STDOUT"


class Run(Struct, frozen=True):
    """One dump in a process of its own, and its baseline."""

    events: int
    seconds: float
    growth_mb: float
    """Of the process's peak memory, from just before the dump to its end."""
    copy_seconds: float

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


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


def measure(admin_url: str, url: str, folder: Path, commands: int, runs: int) -> list[Run]:
    """Fills the log and dumps it `runs` times, each in a new process."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(_FILL, (commands,))
        connection.execute("VACUUM ANALYZE audit")
    found = []
    for _ in range(runs):
        start = time.perf_counter()
        with psycopg.connect(url) as connection, connection.cursor().copy(_COPY) as copy:
            for _ in copy:
                pass
        copy_seconds = time.perf_counter() - start
        program = [sys.executable, "-m", "bench.dump", "--once", url, str(folder / "log")]
        output = subprocess.run(program, check=True, capture_output=True, text=True).stdout
        events, seconds, growth_mb = msgspec.json.decode(output, type=tuple[int, float, float])
        found.append(Run(events, seconds, growth_mb, copy_seconds))
    return found


def _main() -> None:
    parser = argparse.ArgumentParser(prog="daytrade bench dump", description=__doc__)
    parser.add_argument("--commands", type=int, default=600_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    parser.add_argument(
        "--once",
        nargs=2,
        metavar=("URL", "FILE"),
        help="one dump in this process; for the benchmark's own use",
    )
    options = parser.parse_args()
    if options.once:
        print(msgspec.json.encode(dump_once(options.once[0], Path(options.once[1]))).decode())
        return
    with throw_away(Shape(delay="none")) as stack, tempfile.TemporaryDirectory() as folder:
        state = stack.state
        runs = measure(state.admin_url, state.audit_url, Path(folder), options.commands, options.runs)
    table = Table("events", "events/s", "seconds", "COPY alone, seconds", "memory grows MB", "goal")
    growth = max(run.growth_mb for run in runs)
    goal = f"<= {MAX_GROWTH_MB:g} MB {'reached' if growth <= MAX_GROWTH_MB else 'MISSED'}"
    table.add_row(
        f"{runs[0].events:,}", f"{median(run.per_second for run in runs):,.0f}", f"{median(run.seconds for run in runs):.2f}",
        f"{median(run.copy_seconds for run in runs):.2f}", f"{growth:.1f}", goal,
    )  # fmt: skip
    print(f"medians of {len(runs)}, memory the largest; {describe()}")
    Console().print(table)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(runs)))
    sys.exit(0 if growth <= MAX_GROWTH_MB else 1)


if __name__ == "__main__":
    _main()
