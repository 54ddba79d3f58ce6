"""`follow`: one command's way through all tiers, out of their logs."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stack import state, trail
from stack.errors import StackError


def follow(
    key: Annotated[
        str,
        typer.Argument(help="The command's key: SESSION/NUMBER. An HTTP response has it as X-Request-Key."),
    ],
) -> None:
    """Shows what every tier wrote about one command, by time. Exit code 1 when none wrote anything.

    Tiers write a line a command only at DAYTRADE_LOG_LEVEL=debug (the web client always does).
    """
    if not trail.KEY.match(key):
        raise typer.BadParameter(f"{key!r} is not SESSION/NUMBER")
    directory = state.default_directory()
    paths = trail.logs(directory)
    if not paths:
        raise StackError(f"There are no logs in {directory}/logs: start a stack with `./daytrade up`.")
    lines = trail.trail(paths, key)
    if not lines:
        print(
            f"no log in {directory}/logs has a line with the key {key}: start the stack with DAYTRADE_LOG_LEVEL=debug, "
            "and mind that a log is kept for 16 to 32 MB"
        )
        raise typer.Exit(1)
    _show(lines)


def _show(lines: list[trail.Line]) -> None:
    table = Table("time", "+ms", "tier", "what", "", box=None, pad_edge=False)
    began = datetime.fromisoformat(lines[0].timestamp)
    for line in lines:
        at = datetime.fromisoformat(line.timestamp)
        passed_ms = (at - began).total_seconds() * 1000
        details = "  ".join(f"{name}={value}" for name, value in line.details.items())
        table.add_row(f"{at:%H:%M:%S.%f}"[:-3], f"{passed_ms:.1f}", line.tier, line.event, details)
    Console(highlight=False, soft_wrap=True).print(table, markup=False)
