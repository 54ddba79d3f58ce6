"""Flame graphs of every tier during a replay without quote delays: py-spy for the Python programs, Debian's perf for Postgres.

Programs are sampled one after the other while replays go on, so that no more than one is slowed at a time. The figures
beside the pictures are shares of the time in which the program was on a processor.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Final

import psycopg

from bench import _cases, _flames, _gauge, _loads, _report
from bench._flames import Stacks
from bench._report import Findings, Grid, Row
from bench.replay import cost_grid
from stack.errors import StackError
from stack.launcher import Stack, throw_away
from stack.state import ROOT
from stack.topology import Shape

_PY_SPY_HZ, _PERF_HZ = 100, 500
_POSTGRES: Final = "postgres"
_PROGRAMS: Final = {
    "loadbalancer": "loadbalancer", "webserver": "webserver-0", "transaction": "transaction-0", "trigger": "trigger-0",
}  # fmt: skip
"""Tier -> the process that stands for it."""
_LONGER: Final = {"loadbalancer": 3, "trigger": 2}
"""Tiers that work little are watched for so many times as long."""
_STACK_BYTES: Final = 16_384
"""Of each stack that perf keeps: Postgres is built without frame pointers."""
_HOTTEST: Final = 8
_EVERYTHING: Final = 0.9
"""Functions that hold more than this of all time are the frame of the program, and tell nothing."""
_MAX_SVG_BYTES: Final = 200_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument("--window", type=int, default=8)
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument(
        "--commands", type=int, default=100_000, help="of each replay; it goes on until all are sampled"
    )
    parser.add_argument("--seconds", type=float, default=5, help="for which each program is sampled")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "flames", help="folder of the pictures")


def run(options: argparse.Namespace) -> Findings:
    """Samples. Raises StackError when py-spy is missing or may not look."""
    options.out.mkdir(parents=True, exist_ok=True)
    commands = _loads.crowd(options.users, options.commands).commands
    with throw_away(Shape(delay="none", seed=_loads.SEED)) as stack, tempfile.TemporaryDirectory() as folder:
        _cases.replay(stack, commands, options.window, 4)  # from here on nothing is new
        sampler = _Sampler(stack, options.seconds, Path(folder))
        replays = []
        sampler.start()
        while sampler.is_alive():
            replays.append(_cases.replay(stack, commands, options.window, 4))
        if sampler.failure:
            raise StackError(sampler.failure)
    names = [_draw(options, tier, stacks) for tier, stacks in sampler.found.items()]
    grids = [
        cost_grid("CPU seconds per 100,000 commands", [(f"window {options.window}", _cases.cost_us(replays))])
    ]
    grids += [_hottest(tier, stacks) for tier, stacks in sampler.found.items()]
    notes = [
        f"{options.users} users, window {options.window}; {options.seconds:g} s of each program; {', '.join(names)}"
    ]
    if _POSTGRES not in sampler.found:
        notes.append("Postgres: no perf on this machine (Debian's linux-perf), so not sampled")
    rows = [
        Row(f"flame graph of {tier}", f"{sum(stacks.values()):,} samples", "", None)
        for tier, stacks in sampler.found.items()
    ]
    return Findings(
        rows, grids, notes, {tier: _flames.under(stacks, 40) for tier, stacks in sampler.found.items()}
    )


class _Sampler(threading.Thread):
    """Samples one program after the other, this one too."""

    def __init__(self, stack: Stack, seconds: float, folder: Path) -> None:
        super().__init__(name="sampler")
        self._stack = stack
        self._seconds = seconds
        self._folder = folder
        self.found: dict[str, Stacks] = {}
        self.failure = ""

    def run(self) -> None:
        """See the class; what goes wrong is in `failure`."""
        try:
            self._sample_all()
        except (OSError, StackError) as error:
            self.failure = f"sampling failed: {error}"
        except subprocess.CalledProcessError as error:
            self.failure = f"{error.cmd[0]} failed: {error.stderr.decode(errors='replace').strip()}"

    def _sample_all(self) -> None:
        state = self._stack.state
        for tier, name in _PROGRAMS.items():
            process = state.part(name).process
            assert process is not None
            self.found[tier] = self._py_spy(process.pid, _LONGER.get(tier, 1))
        self.found[_gauge.GENERATOR] = self._py_spy(os.getpid(), 1)
        if shutil.which("perf"):
            self.found[_POSTGRES] = self._perf(state.admin_url)

    def _py_spy(self, pid: int, longer: int) -> Stacks:
        program = shutil.which(
            "py-spy", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        )
        if program is None:
            raise StackError("py-spy is not there: it comes with the development requirements")
        output = self._folder / "raw"
        seconds = f"{max(1, round(self._seconds * longer))}"
        command = [
            program,
            "record",
            "--native",
            "--function",
            "--rate",
            str(_PY_SPY_HZ),
            "--duration",
            seconds,
        ]
        command += ["--pid", str(pid), "--format", "raw", "--output", str(output)]
        subprocess.run(command, check=True, capture_output=True)
        return _flames.folded(output.read_text())

    def _perf(self, admin_url: str) -> Stacks:
        with psycopg.connect(admin_url) as connection:
            rows = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'daytrade_transaction'"
            ).fetchall()
        data = str(self._folder / "perf.data")
        record = [
            "perf",
            "record",
            "-q",
            "-F",
            str(_PERF_HZ),
            "--call-graph",
            f"dwarf,{_STACK_BYTES}",
            "-o",
            data,
        ]
        sessions = ["-p", ",".join(str(pid) for (pid,) in rows), "--", "sleep", f"{self._seconds:g}"]
        subprocess.run([*record, *sessions], check=True, capture_output=True)
        script = ["perf", "script", "-i", data, "-F", "comm,ip,sym"]
        return _flames.of_perf(subprocess.run(script, check=True, capture_output=True, text=True).stdout)


def _draw(options: argparse.Namespace, tier: str, stacks: Stacks) -> str:
    """Writes the picture; its name. One that would be too large for a repository is a bug of the pruning."""
    picture = _flames.svg(f"{tier}, window {options.window}", stacks)
    assert len(picture) <= _MAX_SVG_BYTES, f"{tier}: {len(picture)} bytes"
    path = options.out / f"{tier}-{options.window}.svg"
    path.write_text(picture)
    return str(path.name)


def _hottest(tier: str, stacks: Stacks) -> Grid:
    own, inside = _flames.on_top(stacks, _HOTTEST), _flames.under(stacks, _HOTTEST * 4)
    ours = [(frame, share) for frame, share in inside if share < _EVERYTHING][:_HOTTEST]
    rows = [
        [first[0][:70], f"{first[1]:.1%}", second[0][:70], f"{second[1]:.1%}"]
        for first, second in zip(own, ours, strict=False)
    ]
    return Grid(
        f"{tier}: most time itself; most time with what it calls",
        ["function", "itself", "function", "with calls"],
        rows,
    )


if __name__ == "__main__":
    _report.main("profile", __doc__, add_arguments, run)
