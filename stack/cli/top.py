"""`top`: every tier of the running stack at a glance, live."""

import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from core.errors import Unavailable
from core.metrics import Reading, fetch
from core.settings import Address
from stack import pulse, state
from stack.pulse import Look, Row
from stack.state import Part, State
from stack.usage import usage

_NOT_RUNNING: Final = 3
_FILE_WIDTH: Final = 170
"""Columns where it does not go to a terminal."""
_HEADINGS: Final = (
    "tier", "per s", "p50 ms", "p99 ms", "batch", "waiting", "cache", "quotes $", "conflicts/s", "fires/s",
    "CPU", "MB", "restarts",
)  # fmt: skip


def top(
    once: Annotated[
        bool, typer.Option("--once", help="Print one reading, of one interval, and end.")
    ] = False,
    interval: Annotated[float, typer.Option(min=0.2, max=60.0, help="Seconds between two readings.")] = 1.0,
) -> None:
    """Shows rates, latencies, queues, cache, cost, conflicts, fires and resources of every tier; Ctrl-C ends it.

    Exit code 3 when nothing runs.
    """
    directory = state.default_directory()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _FILE_WIDTH)
    pages = _pages(directory, interval)
    try:
        if once and (page := next(pages, None)) is not None:
            console.print(page)
            return
        with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
            for page in pages:
                live.update(page, refresh=True)
    except KeyboardInterrupt:
        return
    print("nothing is running: start it with ./daytrade up")
    raise typer.Exit(_NOT_RUNNING)


def _pages(directory: Path, interval: float) -> Iterator[Group]:
    """One after each interval, for as long as the stack runs."""
    before = _look(directory)
    while before:
        time.sleep(interval)
        if after := _look(directory):
            yield _page(before, after)
        before = after


def _look(directory: Path) -> dict[str, Look]:
    """Every part by name; nothing when no stack runs."""
    now = state.read(directory)
    if now is None:
        return {}
    readings = _readings(now)
    used = usage(part.process.pid for part in now.parts if part.process)
    at_s = time.monotonic()
    return {
        part.name: Look(
            at_s,
            readings.get(part.name),
            used.get(part.process.pid) if part.process else None,
            part.restarts,
            part.up,
        )
        for part in now.parts
    }


def _readings(now: State) -> dict[str, Reading]:
    """Of the tiers that answer. All are asked at once, so that one that stands still does not hold up the others."""

    def read(part: Part) -> Reading | None:
        try:
            return fetch(Address.parse(part.metrics)) if part.metrics else None
        except Unavailable:
            return None

    with ThreadPoolExecutor(len(now.parts)) as threads:
        found = threads.map(read, now.parts)
        return {part.name: reading for part, reading in zip(now.parts, found, strict=True) if reading}


def _page(before: Mapping[str, Look], after: Mapping[str, Look]) -> Group:
    rows = pulse.rows(before, after)
    table = Table(*_HEADINGS, box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*_cells(row), style="" if row.up else "red")
    return Group(table, Text(), Text(_summary(rows)))


def _cells(row: Row) -> list[str]:
    return [
        row.name if row.up else f"{row.name} (coming back)",
        _number(row.per_second, "{:,.0f}"),
        _number(row.p50_s, "{:,.1f}", 1000),
        _number(row.p99_s, "{:,.1f}", 1000),
        _number(row.batch, "{:,.1f}"),
        _number(row.waiting, "{:,.0f}"),
        _number(row.cache_hit_share, "{:.0f} %", 100),
        _number(row.cost_usd, "{:,.2f}"),
        _number(row.conflicts_per_second, "{:,.1f}"),
        _number(row.fires_per_second, "{:,.1f}"),
        _number(row.cpu_cores, "{:.0f} %", 100),
        _number(row.memory_bytes, "{:,.0f}", 1 / 2**20),
        str(row.restarts),
    ]


def _number(value: float | None, words: str, times: float = 1.0) -> str:
    return "-" if value is None else words.format(value * times)


def _summary(rows: list[Row]) -> str:
    shards = [row for row in rows if row.name.startswith("transaction-")]
    commands = sum(row.per_second or 0.0 for row in shards)
    cost_usd = sum(row.cost_usd or 0.0 for row in rows)
    fires = sum(row.fires_per_second or 0.0 for row in rows)
    cores = sum(row.cpu_cores or 0.0 for row in rows)
    return (
        f"{commands:,.0f} commands/s   {fires:,.1f} fires/s   quotes {cost_usd:,.2f} USD since the start   "
        f"{cores:.2f} cores   (batch of a shard: arrival of its oldest command to the reply; CPU of one core)"
    )
