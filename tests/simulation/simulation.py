"""One schedule: the stack is built on the fake world, driven by the real driver, struck by its faults, and held to the law."""

import hashlib
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from msgspec import Struct

import core.serve
import transaction.server
import trigger.server
import webserver.server
from tests.simulation import quoteserver, seams
from tests.simulation.balancer import BalancerProcess
from tests.simulation.checks import check
from tests.simulation.client import Client
from tests.simulation.database import Pool, Server
from tests.simulation.faults import Faults
from tests.simulation.network import Address, Network, Weather
from tests.simulation.plan import Plan, draw
from tests.simulation.tables import Tables
from tests.simulation.valkey import Valkey
from tests.simulation.visitors import Person, Stranger
from tests.simulation.world import Broken, Process, World, process_of

BALANCER: Final[Address] = ("balancer", 7000)
TRAFFIC_US: Final = 240_000_000
"""A schedule that is not through after so long is stuck."""
_RESTART_US: Final = 50_000
_LOG_DIR: Final = Path("/logs")
_SILENT: Final[dict[str, Any]] = {"metrics": None, "log_level": "info"}
"""Of every tier's settings: what it would tell the real world."""


class Outcome(Struct):
    """What became of a schedule."""

    seed: int
    broken: str
    """What the system did that it must never do; empty if nothing."""
    counts: Counter[str]
    """What struck, and what happened."""
    trace: list[tuple[Any, ...]]
    raised: Exception | None = None
    """What the code under test raised, if it did."""

    @property
    def digest(self) -> str:
        """Of the whole trace."""
        return hashlib.blake2b(repr(self.trace).encode(), digest_size=16).hexdigest()


class Simulation:
    """The stack of one plan."""

    def __init__(self, plan: Plan) -> None:
        seams.restart_numbers()
        self.plan = plan
        self.world = World(plan.seed)
        chance = self.world.chance
        self.network = Network(self.world, Weather(plan.network_us, slices=plan.slices))
        self.tables = Tables(plan.quote_life_ms)
        self.server = Server(self.world, self.tables, plan.lost_share, plan.database_us)
        self.valkey = Valkey(self.world, self.tables.is_durable, plan.lost_share, plan.network_us)
        self.network.valkey = self.valkey
        self.network.dump = self._dump
        self.quotes = quoteserver.QuoteServer(
            self.world, plan.quote_faults, plan.quote_slow_us, lambda: chance.randint(50, 400)
        )
        self.bodies = plan.lines
        self.client = Client(self)
        self.person = Person(self) if plan.person else None
        self.stranger = Stranger(self) if plan.stranger else None
        self.graves: list[Process] = []
        self.processes: dict[str, Process] = {}
        self.balancer: BalancerProcess | None = None
        self.faults = Faults(self, plan.faults)

    # The processes.

    @property
    def _shards(self) -> list[str]:
        return ["shard0", "shard1", *(["twin"] if self.plan.twin else [])]

    def start(self) -> None:
        """Everything comes up."""
        host = process_of(self.world, "quoteserver", self.network)
        self.network.accept(host, quoteserver.ADDRESS, self.quotes.accepted)
        self.processes["quoteserver"] = host
        triggers = [f"trigger{number}" for number in range(self.plan.triggers)]
        for name in (*self._shards, "web0", "web1", *triggers, "balancer", "client"):
            self.boot(name)
        for visitor in (self.person, self.stranger):
            if visitor is not None:
                process = self.processes[visitor.name] = process_of(self.world, visitor.name, self.network)
                process.call_soon(visitor.start, process)

    @property
    def repeated(self) -> set[int]:
        """Numbers that somebody else sent too."""
        return self.stranger.sent if self.stranger is not None else set()

    def boot(self, name: str) -> None:
        """Starts a process, for the first time or again."""
        process = self.processes[name] = process_of(self.world, name, self.network)
        process.call_soon(self._main(name), process)

    def _main(self, name: str) -> Callable[[Process], None]:
        if name.startswith("web"):
            return self._web
        if name.startswith(("shard", "twin")):
            return self._shard
        if name.startswith("trigger"):
            return self._trigger
        return self._balancer if name == "balancer" else self.client.start

    def _balancer(self, process: Process) -> None:
        self.balancer = BalancerProcess(process, self.network, BALANCER, [("web0", 7100), ("web1", 7100)])

    def _web(self, process: Process) -> None:
        first = "twin" if self.plan.twin and process.name == "web1" else "shard0"
        settings: Any = SimpleNamespace(
            shards=[(first, 7200), ("shard1", 7200)], listen_address=(process.name, 7100), **_SILENT
        )
        self._serve(process, webserver.server.main(settings, process.told_to_stop))

    def _settings(self, process: Process) -> Any:
        return SimpleNamespace(
            name=process.name, shard=1 if process.name == "shard1" else 0, shard_count=2, log_dir=_LOG_DIR,
            quote_server=quoteserver.ADDRESS, redis_url="", redis_password=None,
            quote_life_ms=self.plan.quote_life_ms, pending_life_ms=self.plan.pending_life_ms, trigger_poll_ms=250,
            listen_address=(process.name, 7200), database_url=Pool(self.server, process),
            **_SILENT,
        )  # fmt: skip

    def _shard(self, process: Process) -> None:
        pool: Any = Pool(self.server, process)
        shard = transaction.server.Shard(self._settings(process), pool)
        self._serve(process, shard.run(process.told_to_stop))

    def _trigger(self, process: Process) -> None:
        pool: Any = Pool(self.server, process)
        self._serve(process, trigger.server._serve(self._settings(process), pool, process.told_to_stop))

    def _serve(self, process: Process, main: Coroutine[Any, Any, Any]) -> None:
        """Runs a tier; one that was told to stop and has ended is started again."""

        def ended() -> None:
            self.world.counts["ended after a clean stop"] += 1
            self.kill(process.name, _RESTART_US)

        process.start(main, ended)

    def kill(self, name: str, back_after_us: int) -> None:
        """As by SIGKILL; the supervisor starts it again."""
        process = self.processes[name]
        if process.alive:
            process.kill()
            self.graves.append(process)
            self.world.after(back_after_us, self.boot, name)

    async def _dump(self, process: Process, user: str | None) -> int:
        """A dump: how many rows it would spell out, some time later."""
        tables = self.tables
        pool = Pool(self.server, process)
        count: int = await pool.call(
            "dump", lambda: sum(1 for row in tables.audit if user in (None, row.user))
        )
        return count

    # The run.

    def run(self) -> None:
        """Raises Broken, or whatever the code under test raised."""
        self.start()
        self.world.on_event = self.faults.happened
        self.world.run(lambda: self.client.done, TRAFFIC_US)
        self.faults.over()
        self.world.at(self.world.now_us + TRAFFIC_US, lambda: None)
        self.world.run(self._is_well, TRAFFIC_US)
        rest_us = self.world.now_us + 1000 * (self.plan.pending_life_ms + 2_100)
        self.world.at(rest_us, lambda: None)
        self.world.run(lambda: self.world.now_us >= rest_us, TRAFFIC_US)
        check(self)

    def _is_well(self) -> bool:
        """Everybody is up again."""
        up = all(process.alive and not process.stalled for process in self.processes.values())
        return up and not self.server.away and not self.valkey.away

    def end(self) -> None:
        """Everybody goes; nothing of this world may run in the next one's time."""
        for process in (*self.processes.values(), *self.graves):
            process.bury()
        core.serve._tasks.clear()


def run(seed: int, plan: Plan | None = None) -> Outcome:
    """Runs the schedule of a seed (or a plan of one's own); the seams must be `replaced`."""
    simulation = Simulation(plan or draw(seed))
    broken, raised = "", None
    try:
        simulation.run()
    except Broken as error:
        broken = str(error)
    except Exception as error:  # noqa: BLE001
        # Whatever the code under test raises is a find.
        broken = f"{type(error).__name__}: {error}"
        raised = error
    finally:
        simulation.end()
    world = simulation.world
    return Outcome(seed, broken, world.counts, world.trace, raised)
