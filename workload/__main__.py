"""`python -m workload`: generate a workload file, or replay one against an address, without the rest of the stack."""

import datetime
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.settings import Address
from workload import machine
from workload.driver import DEFAULT_CONNECTIONS, ReplayFailed, replay_now
from workload.generate import generate
from workload.progress import ProgressBar
from workload.publish import publish
from workload.report import About

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command("generate")
def generate_file(
    users: Annotated[int, typer.Option(min=1)] = 100,
    commands: Annotated[int, typer.Option(min=2)] = 100_000,
    seed: int = 1,
    symbols: Annotated[int | None, typer.Option(min=1)] = None,
) -> None:
    """Writes a workload file to standard output."""
    sys.stdout.buffer.writelines(generate(users, commands, seed, symbols))


@app.command("replay")
def replay_file(
    file: Path,
    target: Annotated[str, typer.Option(help="HOST:PORT of the load balancer")],
    window: Annotated[int, typer.Option(min=1, help="outstanding commands per user")] = 1,
    connections: Annotated[int, typer.Option(min=0, help="0: one per user")] = DEFAULT_CONNECTIONS,
    session: Annotated[str | None, typer.Option(help="continue this session")] = None,
    json: Annotated[str | None, typer.Option(help="a file, or - for standard output")] = None,
    html: Annotated[str | None, typer.Option(help="a file")] = None,
) -> None:
    """Replays a workload file. Exit code 1 when it could not be finished."""
    failure = ""
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    try:
        with ProgressBar() as on_progress:
            result = replay_now(
                file,
                Address.parse(target),
                window=window,
                connections=connections or None,
                session=session,
                on_progress=on_progress,
            )
    except ReplayFailed as failed:
        result, failure = failed.result, str(failed)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    about = About(" ".join(sys.argv), machine.describe(), started_at, file.name, failure)
    publish(result, about, json, html)
    raise typer.Exit(1 if failure else 0)


if __name__ == "__main__":
    app()
