"""`up`, `down`, `status`: the lasting stack, with its data in `.daytrade` (or DAYTRADE_STATE_DIR)."""

import os
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stack import launcher, state, webbuild
from stack.errors import StackError
from stack.state import State
from stack.supervisor import Supervisor
from stack.topology import Shape

Delay = Annotated[str, typer.Option(help="How long the quote server thinks: none, measured or fixed:MS.")]
Price = Annotated[str, typer.Option(help="What it says: walk, fixed:CENTS or file:F.")]
Fault = Annotated[
    str, typer.Option(help="How it fails: kind:rate,kind:rate of refuse, hang, garbage, drip, cut.")
]
Seed = Annotated[int | None, typer.Option(help="The same seed gives the same delays, prices and faults.")]
Shards = Annotated[int, typer.Option(min=1, max=64, help="Transaction servers.")]
WebServers = Annotated[int, typer.Option(min=1, max=64, help="Web servers.")]

_NOT_RUNNING = 3


def up(
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything is up.")] = False,
    shards: Shards = 2,
    web_servers: WebServers = 2,
    delay: Delay = "measured",
    price: Price = "walk",
    seed: Seed = None,
    fault: Fault = "",
    web: Annotated[bool, typer.Option(help="With the web client.")] = True,
) -> None:
    """Starts the stack and keeps it up: what dies is back within 2 s. Ctrl-C stops it."""
    shape = Shape(
        shards=shards, web_servers=web_servers, delay=delay, price=price, seed=seed, fault=fault,
        web_client=web,
    )  # fmt: skip
    directory = state.default_directory()
    if web and state.read(directory) is None:  # else we are about to refuse, and its pages are in use
        _build_pages()
    if detach:
        _show(launcher.start_detached(directory, shape))
    else:
        Supervisor(directory, shape, os.environ).run(on_ready=_show)


def _build_pages() -> None:
    """The web client's pages, if they can be built; the rest works without."""
    try:
        webbuild.build()
    except StackError as error:
        print(f"daytrade: going on without the pages. {error}", file=sys.stderr)


def down() -> None:
    """Stops the stack; its data stay."""
    stopped = launcher.stop(state.default_directory())
    print("stopped" if stopped else "nothing was running")


def status(
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON, with process numbers and addresses.")
    ] = False,
) -> None:
    """Shows what runs. Exit code 0: everything is up; 1: something is being brought back; 3: nothing runs."""
    now = state.read(state.default_directory())
    if now is None:
        print("{}" if as_json else "nothing is running: start it with ./daytrade up")
        raise typer.Exit(_NOT_RUNNING)
    if as_json:
        sys.stdout.write(state.as_json(now))
    else:
        _show(now)
    raise typer.Exit(0 if now.all_up else 1)


def _show(now: State) -> None:
    table = Table("part", "address", "process", "restarts", "state", box=None, pad_edge=False)
    for part in now.parts:
        process = str(part.process.pid) if part.process else "-"
        table.add_row(
            part.name, part.address, process, str(part.restarts), "up" if part.up else "coming back"
        )
    console = Console()
    console.print(table)
    console.print(
        f"clients: {now.balancer} (one command a line, for example `nc {now.balancer.replace(':', ' ')}`)"
    )
    if now.web:
        console.print(f"web client: {now.web}")


def secrets() -> None:
    """Makes the random passwords that docker-compose.yml mounts; those that are there stay."""
    from stack import containers

    folder = state.ROOT / ".daytrade" / "compose"
    for path in containers.write_secrets(folder):
        print(path.relative_to(state.ROOT))
