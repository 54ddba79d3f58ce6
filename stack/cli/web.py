"""`web build`: the pages of the web client, made before they are asked for."""

from typing import Annotated

import typer

from stack import state
from stack.errors import StackError


def build(
    force: Annotated[bool, typer.Option("--force", help="Also when nothing has changed.")] = False,
) -> None:
    """Builds the web client, unless nothing has changed. `./daytrade up` does it by itself."""
    from stack import webbuild

    now = state.read(state.default_directory())
    if now is not None and now.web and (force or not webbuild.is_current(state.ROOT)):
        raise StackError("The pages are in use by the running web client: stop it with `./daytrade down`.")
    folder = webbuild.build(force)
    if folder is None:
        raise StackError("There is nothing to build here: webclient/ui is missing.")
    print(folder)
