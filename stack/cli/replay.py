"""`replay`: a workload file through the running stack, a throw-away one, or somebody else's system."""

import contextlib
import datetime
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import Address
from stack import replaying, state
from stack.cli.running import Delay, Fault, Price, Seed, Shards, WebServers
from stack.errors import StackError
from stack.replaying import Target
from stack.topology import Shape

if TYPE_CHECKING:
    from workload.measure import Result

_FRESH_ONLY = ("delay", "price", "seed", "fault", "shards", "web_servers")


def replay(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A workload file.")],
    window: Annotated[int, typer.Option(min=1, help="Outstanding commands per user.")] = 1,
    json: Annotated[
        str | None, typer.Option(help="Write the result to this file; - is standard output.")
    ] = None,
    html: Annotated[str | None, typer.Option(help="Write a page with the result to this file.")] = None,
    session: Annotated[
        str | None, typer.Option(help="Continue this session instead of taking a new one.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use a throw-away stack even if one runs.")] = False,
    target: Annotated[str | None, typer.Option(help="HOST:PORT of another system's load balancer.")] = None,
    delay: Delay = "measured",
    price: Price = "walk",
    seed: Seed = None,
    fault: Fault = "",
    shards: Shards = 2,
    web_servers: WebServers = 2,
) -> None:
    """Replays a workload file and reports. Exit code 1 when it could not be finished.

    The options about the quote server and the number of tiers shape a throw-away stack, which is used with --fresh or when
    no stack runs.
    """
    import_early()
    shape = Shape(shards=shards, web_servers=web_servers, delay=delay, price=price, seed=seed, fault=fault)
    shaped = [name for name in _FRESH_ONLY if _was_given(context, name)]
    with _target(target, fresh, shape, shaped) as chosen:
        _, failure = replay_and_publish(file, chosen, window, session, json, html)
    raise typer.Exit(1 if failure else 0)


def import_early() -> None:
    """Imports what a replay needs before anything is started: Python can lose a Ctrl-C in the middle of an import."""
    for module in ("machine", "driver", "progress", "publish", "report"):
        importlib.import_module(f"workload.{module}")


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _target(
    target: str | None, fresh: bool, shape: Shape, shaped: list[str]
) -> contextlib.AbstractContextManager[Target]:
    options = ", ".join(f"--{name.replace('_', '-')}" for name in shaped)
    if target is not None:
        if fresh or shaped:
            raise typer.BadParameter(
                f"--target is another system, {options or '--fresh'} would have no effect"
            )
        try:
            return contextlib.nullcontext(Target(Address.parse(target)))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    running = None if fresh else replaying.running(state.default_directory())
    if running is None:
        return replaying.fresh(shape)
    if shaped:
        raise typer.BadParameter(f"a stack runs, so {options} would have no effect: add --fresh")
    return contextlib.nullcontext(running)


def replay_and_publish(
    file: Path, target: Target, window: int, session: str | None, json: str | None, html: str | None
) -> tuple["Result", str]:
    """Replays with a progress bar on standard error and shows the result. Returns it and why it ended early, "" if it did not."""
    from workload import machine
    from workload.driver import ReplayFailed, load
    from workload.progress import ProgressBar
    from workload.publish import publish
    from workload.report import About

    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    failure = ""
    try:
        with ProgressBar() as on_progress:
            result = replaying.run(
                load(file), target, window=window, session=session, on_progress=on_progress
            )
    except ReplayFailed as failed:
        result, failure = failed.result, str(failed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    command_line = " ".join(["./daytrade", *sys.argv[1:]])
    try:
        publish(result, About(command_line, machine.describe(), started_at, file.name, failure), json, html)
    except OSError as error:
        raise StackError(f"The result cannot be written, name another file: {error}") from error
    return result, failure
