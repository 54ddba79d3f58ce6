"""`chaos`: a long replay under faults, and the verdict."""

import secrets
import sys
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from stack import state

_FILE_WIDTH: Final = 170
"""Columns of the table where it does not go to a terminal."""
_console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _FILE_WIDTH)


def chaos(
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults in the same order.")] = 1,
    minutes: Annotated[float, typer.Option(min=0.0, help="At least so long; at 0 each fault once.")] = 0.0,
    faults: Annotated[str, typer.Option(help="a,b,c of `--faults list`; all of them unless told.")] = "",
    kills: Annotated[
        int, typer.Option(min=0, help="How many processes are killed, one after the other.")
    ] = 9,
    rate: Annotated[
        float, typer.Option(min=1.0, help="Commands a second while faults are injected.")
    ] = 1500.0,
    json: Annotated[Path | None, typer.Option(help="Write the result to this file.")] = None,
) -> None:
    """Injects faults into a throw-away stack under load and checks that nothing was lost, doubled or made up.

    What it replayed and the audit log stay, in a folder that is printed. Exit code 0 only when every fault struck and
    everything held, recovery times included.
    """
    from faults.chaos import acts, chosen, run_all
    from faults.report import held, show, summary, write
    from faults.schedule import FAULTS

    if faults == "list":
        for name, kind in FAULTS.items():
            print(f"{name:15} {kind.about}")
        return
    try:
        names = chosen(faults)
    except KeyError as error:
        raise typer.BadParameter(f"no fault {error}: see --faults list") from error
    folder = state.default_directory() / "chaos" / secrets.token_hex(4)
    state.make(folder)
    began = time.monotonic()

    def say(text: str) -> None:
        _console.print(f"{time.monotonic() - began:6.1f} s  {text}")

    found = summary(
        run_all(folder, acts(seed, names, kills, minutes, rate), say),
        seed,
        " ".join(["./daytrade", *sys.argv[1:]]),
    )
    show(found, _console)
    if json is not None:
        write(found, json)
    raise typer.Exit(0 if held(found) else 1)
