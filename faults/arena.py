"""Where faults are injected: a throw-away stack under the load of one long replay, with a proxy between the two.

Everything that is ever asked belongs to one session and is written down, so that in the end the whole database can be
held against one workload file. The main thread starts all processes: the kernel ends them when their thread ends.
"""

import contextlib
import itertools
import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psycopg

from core.clock import CLOCK_FILE, set_step
from core.ids import shard_of
from faults import client
from faults.ledger import Ledger
from faults.proxy import Proxy, SharedLedger
from stack import hits
from stack.launcher import Stack, throw_away
from stack.process import Child, Launch, wait_until
from stack.state import ROOT, Part, State
from stack.topology import Shape
from workload.generate import generate

QUIET_DELAY: Final = "fixed:30"
"""How long the quote server thinks as a rule: so long that there are hits in flight when somebody dies."""
QUOTE_LIFE_MS: Final = 5_000
"""Short, so that quotes are fetched all the time."""
ANSWER_S: Final = 60.0
"""A request that is not answered by then is a failure of its own."""
_UP_S: Final = 60.0
_LEFT_OUT: Final = ("DATABASE_URL", "REDIS_URL", "DAYTRADE_QUOTE_SERVER", "PYTHONDONTWRITEBYTECODE")
"""Of our environment: a fault must not hit services that are not ours, and a recovery is not to be spent on compiling."""


@dataclass(frozen=True)
class Load:
    """The replay that runs beside the faults."""

    users: int
    commands: int
    window: int
    rate: float
    """Commands a second while faults are injected; afterwards the rest goes as fast as it can."""
    seed: int


@dataclass
class Arena:
    """A stack under load, and what is known of the requests."""

    stack: Stack
    folder: Path
    load: Load
    session: str
    ledger: Ledger
    proxy: Proxy
    chance: random.Random
    """For whatever a strike draws."""
    settings: Mapping[str, str]
    """What the tiers are told besides what their supervisor tells them."""
    extra: list[str] = field(default_factory=list)
    """Lines that were asked beside the replay, each with its number."""
    _replay: Child | None = None
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def state(self) -> State:
        """What the stack says about itself. Raises StackError."""
        return self.stack.state

    @property
    def generated(self) -> Path:
        """The file that is replayed."""
        return self.folder / "replayed.txt"

    @property
    def record(self) -> Path:
        """The quote server's own record of its hits."""
        return self.folder / "quoteserver.record"

    # The load

    def start_load(self) -> None:
        """Starts the replay in a process of its own and waits until it is under way. Raises AssertionError."""
        self.proxy.rate = self.load.rate
        self.resume_load()
        assert wait_until(lambda: len(self.ledger.replies) > 100, _UP_S), "the replay does not begin"

    def resume_load(self) -> None:
        """Starts the replay, or starts it again after it was killed: it goes on where it stopped."""
        options = ["--window", str(self.load.window), "--session", self.session]
        argv = [sys.executable, "-m", "stack.cli", "replay", str(self.generated), *options]
        argv += ["--target", str(self.proxy.address), "--json", str(self.folder / "replay.json")]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        self._replay = Child(Launch(argv, self.folder / "replay.log", env, ROOT))

    def kill_load(self) -> int:
        """Kills the replaying client; its process number."""
        assert self._replay is not None
        self._replay.stop(signal.SIGKILL, _UP_S)
        return self._replay.pid

    @property
    def load_ended(self) -> bool:
        """The replay is over: nothing more can be shown under load."""
        return self._replay is None or self._replay.exit_code() is not None

    def finish_load(self, seconds: float) -> int:
        """Lets the rest of the replay go as fast as it can; its exit code."""
        self.proxy.rate = None
        assert self._replay is not None
        wait_until(lambda: self.load_ended, seconds, 0.1)
        return self._replay.stop(signal.SIGTERM, _UP_S)

    def await_outstanding(self, seconds: float = 10.0) -> int:
        """Waits until requests are with the system; how many are. 0 when none came in that time."""
        wait_until(lambda: bool(self.ledger.outstanding), seconds, 0.0005)
        return len(self.ledger.outstanding)

    # Requests beside the load

    def number(self) -> int:
        """A number of the session that nobody used."""
        return next(self._numbers)

    def line(self, body: str) -> str:
        """A request line with a number of its own, which from now on belongs to the workload."""
        line = f"[{self.number()}] {body}"
        self.extra.append(line)
        return line

    def ask(self, *bodies: str, seconds: float = ANSWER_S) -> list[str]:
        """Replies to new requests, asked until they are final. Raises faults.client.NoAnswer."""
        return self.insist([self.line(body) for body in bodies], seconds)

    def insist(self, lines: list[str], seconds: float = ANSWER_S) -> list[str]:
        """Replies to lines that have their numbers, likewise."""
        return client.ask(self.state.balancer_address, self.session, lines, self.ledger, seconds)

    def user(self, shard: int | None = None) -> str:
        """A user whom nobody knows, of that shard."""
        shards = self.state.shape.shards
        names = (f"fault-{next(self._names)}" for _ in itertools.count())
        return next(name for name in names if shard is None or shard_of(name, shards) == shard)

    def mixture(self, users: int, commands: int) -> tuple[list[str], list[str]]:
        """Generated requests of so many new users, with numbers of their own; and the users."""
        names: dict[str, str] = {}
        lines = []
        text = b"".join(_without_dump(generate(users, commands + 1, self.chance.randrange(2**32)))).decode()
        for line in text.splitlines():
            command, user, *rest = line.partition("] ")[2].strip().split(",")
            name = names.get(user) or names.setdefault(user, self.user())
            lines.append(self.line(",".join([command, name, *rest])))
        return lines, list(names.values())

    # The processes

    def part(self, name: str) -> Part:
        """A process of the stack as it is now."""
        return self.state.part(name)

    def names(self, *kinds: str) -> list[str]:
        """The processes of these kinds (`transaction` gives all shards)."""
        return [part.name for part in self.state.parts if part.name.split("-")[0] in kinds]

    def admin(self) -> "psycopg.Connection[tuple[object, ...]]":
        """A connection of the database's administrator."""
        return psycopg.connect(self.state.admin_url, autocommit=True, connect_timeout=5)

    def hits_in_flight(self) -> int:
        """Quote hits that are paid for or being asked for, and not durable; 0 when nobody can say."""
        try:
            with self.admin() as connection:
                row = connection.execute("SELECT count(*) FROM audit WHERE kind = 2").fetchone()
            assert row is not None
            asked = hits.open_requests(self.state)
        except (psycopg.OperationalError, OSError):
            return 0
        recorded = int(str(row[0]))
        return max(0, self.record.read_bytes().count(b"hit ") - recorded) + asked

    def say_delay(self, text: str) -> None:
        """How slow the quote server is from now on."""
        _replace(self.folder / "delay", text)

    def say_faults(self, text: str) -> None:
        """How the quote server fails from now on."""
        _replace(self.folder / "faults", text)

    def step_clock(self, step_ms: int) -> None:
        """By how much the wall clock of every tier is wrong from now on."""
        set_step(self.folder / "clock", step_ms)


@contextlib.contextmanager
def arena(folder: Path, load: Load, directory: Path | None = None) -> Iterator[Arena]:
    """A stack and its load, which is not started yet. What is to be kept lies in `folder`. Raises StackError."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "delay", QUIET_DELAY)
    _replace(folder / "faults", "")
    set_step(folder / "clock", 0)
    with (folder / "replayed.txt").open("wb") as file:
        file.writelines(_without_dump(generate(load.users, load.commands + 1, load.seed)))
    shape = Shape(
        delay=f"file:{folder}/delay", fault=f"file:{folder}/faults", seed=load.seed,
        record=str(folder / "quoteserver.record"),
    )  # fmt: skip
    own = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    settings = {
        "DAYTRADE_LOG_DIR": str(folder),
        "DAYTRADE_QUOTE_LIFE_MS": str(QUOTE_LIFE_MS),
        CLOCK_FILE: str(folder / "clock"),
    }
    ledger = SharedLedger()
    with throw_away(shape, own | settings, directory) as stack:
        proxy = Proxy(stack.state.balancer_address, ledger, load.seed)
        proxy.start()
        try:
            yield Arena(
                stack, folder, load, f"chaos-{secrets.token_hex(4)}", ledger, proxy, random.Random(load.seed), settings,
                _numbers=itertools.count(load.commands + 1),
            )  # fmt: skip
        finally:
            proxy.stop()


def _without_dump(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The closing DUMPLOG is asked for when all is over."""
    for chunk in chunks:
        if b"DUMPLOG" in chunk:
            chunk = chunk[: chunk.rfind(b"\n", 0, -1) + 1]
        yield chunk


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text)
    new.replace(path)


def pause(milliseconds: int) -> None:
    """The load runs undisturbed for so long."""
    time.sleep(milliseconds / 1000)
