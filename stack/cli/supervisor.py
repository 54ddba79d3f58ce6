"""`supervisor`: a log-in for whoever watches the market. No account comes with the system, so this is how it gets one."""

import secrets
import sys
from typing import Annotated, Final

import psycopg
import typer

from stack import secretfiles, state
from stack.errors import StackError

_FOLDER: Final = "supervisors"
"""In the state directory: the random passwords, a file each."""
_PASSWORD_BYTES: Final = 18


def supervisor(
    name: Annotated[str, typer.Argument(help="The supervisor's name.")],
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="The password is the first line of the input.")
    ] = False,
) -> None:
    """Makes a supervisor's log-in for the web client, or gives an old one a new password and ends its sessions.

    The password is a random one, in a file that only you may read and whose path is printed; or yours, with --password-stdin.
    """
    directory = state.default_directory()
    now = state.read(directory)
    if now is None:
        raise StackError("Nothing is running: start it with `./daytrade up`.")
    password = (
        sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(_PASSWORD_BYTES)
    )
    _put(now.admin_url, name, password, initial=not password_stdin)
    if password_stdin:
        print(f"{name} can log in.")
        return
    file = directory / _FOLDER / f"{name}.password"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    secretfiles.write(file, password + "\n")
    print(f"{name} can log in; the password is in {file} and good for a day: change it in the web client")


def _put(database_url: str, name: str, password: str, initial: bool) -> None:
    from webclient.accounts import put_supervisor

    try:
        put_supervisor(database_url, name, password, initial)
    except ValueError as error:
        raise StackError(str(error)) from error
    except psycopg.Error as error:
        raise StackError(f"The log-in was not written, look at what the database says: {error}") from error
