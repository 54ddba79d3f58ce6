"""`workload generate`: a file in the course's format and command mix."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def generate(
    users: Annotated[int, typer.Option(min=1, help="How many users.")],
    commands: Annotated[int, typer.Option(min=1, help="How many lines, with the closing DUMPLOG.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same file everywhere.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of standard output.")
    ] = None,
    symbols: Annotated[
        int | None, typer.Option(help="How many stocks; 10 a user and at most 1,000 unless told.")
    ] = None,
) -> None:
    """Writes a workload file."""
    from workload.generate import generate as lines

    try:
        chunks = lines(users, commands, seed, symbols)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if output is None:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
    else:
        with output.open("wb") as file:
            file.writelines(chunks)
