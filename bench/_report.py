"""What every benchmark says in the end: goals with what was measured, tables beside them, all of it as JSON too."""

import argparse
import datetime
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from stack.binaries import postgres_bin
from workload.machine import describe

DEFAULT_RUNS: Final = 3
_WIDTH: Final = 180
"""Of tables that go to a file."""


class Row(Struct, frozen=True):
    """One line of the table of goals."""

    goal: str
    measured: str
    ratio: str
    """To the baseline of the same run, and which that is; empty when there is none."""
    met: bool | None
    """None: a figure that has no goal."""


class Grid(Struct, frozen=True):
    """A table beside the goals."""

    title: str
    columns: list[str]
    rows: list[list[str]]


class Report(Struct, frozen=True):
    """One benchmark's outcome."""

    name: str
    command: str
    """The exact command that makes it."""
    machine: str
    started_at: str
    """ISO 8601, UTC."""
    rows: list[Row]
    grids: list[Grid]
    notes: list[str]
    runs: Any
    """Every single measurement, in JSON's types."""


class Findings(Struct):
    """What a benchmark hands over: see Report."""

    rows: list[Row]
    grids: list[Grid] = []
    notes: list[str] = []
    runs: Any = None


def at_least(goal: str, value: float, limit: float, measured: str, ratio: str = "") -> Row:
    """A row whose value must reach the limit."""
    return Row(goal, measured, ratio, value >= limit)


def at_most(goal: str, value: float, limit: float, measured: str, ratio: str = "") -> Row:
    """A row whose value must not exceed the limit."""
    return Row(goal, measured, ratio, value <= limit)


def main(
    name: str,
    about: str | None,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Callable[[argparse.Namespace], Findings],
) -> None:
    """A benchmark as a program. A goal that is missed is printed; only what goes wrong is an error."""
    parser = argparse.ArgumentParser(
        prog=f"daytrade bench {name}", description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=DEFAULT_RUNS, help="of each, of which the median counts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write everything there")
    add_arguments(parser)
    options = parser.parse_args()
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    found = run(options)
    command = " ".join(["./daytrade bench", name, *without_json(sys.argv[1:])])
    report = Report(
        name,
        command,
        machine(),
        started_at,
        found.rows,
        found.grids,
        found.notes,
        msgspec.to_builtins(found.runs),
    )
    show(report)
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def machine() -> str:
    """Processor, cores, memory, kernel, Python, Postgres."""
    program = [str(postgres_bin() / "postgres"), "--version"]
    version = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    return f"{describe()}, {' '.join(version.split()[:3])}"


def without_json(arguments: Sequence[str]) -> list[str]:
    """The arguments but where the result was to go, which changes nothing."""
    kept: list[str] = []
    skip = False
    for argument in arguments:
        if not skip and not argument.startswith("--json"):
            kept.append(argument)
        skip = argument == "--json"
    return kept


def show(report: Report) -> None:
    """Prints it."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    print(f"\n{report.command}\n{report.machine}; {report.started_at}")
    for grid in [goals(report.rows), *report.grids]:
        table = Table(*grid.columns, title=grid.title, title_justify="left")
        for row in grid.rows:
            table.add_row(*row)
        console.print(table)
    for note in report.notes:
        print(f"- {note}")


def goals(rows: list[Row]) -> Grid:
    """The rows as a table of text."""
    words = {True: "yes", False: "MISSED", None: ""}
    return Grid(
        "Goals", ["goal", "measured", "ratio", "met"],
        [[row.goal, row.measured, row.ratio, words[row.met]] for row in rows],
    )  # fmt: skip
