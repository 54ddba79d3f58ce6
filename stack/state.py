"""What a running stack says about itself, in `state.json` of its folder: for `status`, `down`, `replay` and tests of faults."""

import fcntl
import os
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from core.settings import Address
from stack import secretfiles
from stack.errors import StackError
from stack.process import Identity
from stack.topology import Shape

ROOT: Final = Path(__file__).resolve().parent.parent
"""The folder that holds the packages; tiers run in it."""
_FILE: Final = "state.json"


class Part(Struct, frozen=True):
    """One process of the stack."""

    name: str
    address: str
    process: Identity | None
    """None for a service that is not ours."""
    up: bool
    """Whether it accepted connections when last looked at."""
    restarts: int = 0
    metrics: str | None = None
    """HOST:PORT where it shows its metrics; None for a service, which shows none."""


class State(Struct, frozen=True):
    """A stack. It holds no password: URLs name the files in which they are."""

    supervisor: Identity
    ready: bool
    """All tiers were up once; what is away now is being brought back."""
    shape: Shape
    parts: list[Part]
    """Services first, then the tiers in the order of their start."""
    balancer: str
    """HOST:PORT that clients connect to."""
    quote_server: str
    quote_control: str | None
    """HOST:PORT where the simulated quote server tells its count of hits; None when it is not simulated."""
    admin_url: str
    """libpq URL of the database's administrator."""
    audit_url: str
    """libpq URL of the role daytrade_audit, which may read everything."""
    redis_url: str
    redis_password_file: str | None
    log_dir: str
    """Where DUMPLOG writes."""
    web: str | None = None
    """URL of the web client's first page; None where there is no web client."""

    def part(self, name: str) -> Part:
        """Raises KeyError when no process has that name."""
        return {part.name: part for part in self.parts}[name]

    @property
    def all_up(self) -> bool:
        return self.ready and all(part.up for part in self.parts)

    @property
    def balancer_address(self) -> Address:
        return Address.parse(self.balancer)


def default_directory() -> Path:
    """Where the lasting stack keeps its data: DAYTRADE_STATE_DIR, else `.daytrade` beside the packages."""
    named = os.environ.get("DAYTRADE_STATE_DIR")
    return Path(named).absolute() if named else ROOT / ".daytrade"


def make(directory: Path) -> None:
    """Makes the folder if need be; only its owner may look into it."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)


def read(directory: Path) -> State | None:
    """The stack that runs in that folder; None when none does."""
    state = read_last(directory)
    return state if state is not None and state.supervisor.alive else None


def read_last(directory: Path) -> State | None:
    """The stack that last ran in that folder, also when its supervisor was killed."""
    try:
        return msgspec.json.decode((directory / _FILE).read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):  # none, or of an older release
        return None


def write(directory: Path, state: State) -> None:
    """Says it, whole."""
    secretfiles.write(directory / _FILE, as_json(state))


def as_json(state: State) -> str:
    """Indented, with LF."""
    return msgspec.json.format(msgspec.json.encode(state)).decode() + "\n"


def remove(directory: Path) -> None:
    """Nothing runs here any more."""
    (directory / _FILE).unlink(missing_ok=True)


def lock(directory: Path) -> IO[str]:
    """Makes this process the folder's only supervisor until the file is closed. Raises StackError when there is one."""
    make(directory)
    file = (directory / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StackError(
            f"A stack runs in {directory} already: see `./daytrade status`, or stop it with `./daytrade down`."
        ) from None
    return file
