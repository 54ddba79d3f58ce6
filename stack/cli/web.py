"""`web build`: the pages of the web client, made before they are asked for."""

from typing import Annotated

import typer

from stack.errors import StackError


def build(
    force: Annotated[bool, typer.Option("--force", help="Also when nothing has changed.")] = False,
) -> None:
    """Builds the web client, unless nothing has changed. `./daytrade up` does it by itself."""
    from stack import webbuild

    folder = webbuild.build(force)
    if folder is None:
        raise StackError("There is nothing to build here: webclient/ui is missing.")
    print(folder)
