"""Where the real shells meet the fake world: the names that are replaced in them while simulations run.

Everything else of a tier is the real code: web server, shard, worker, quote cache, trigger watch, driver, balancer's loop.
"""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import core.log
import core.serve
import loadbalancer.balance
import loadbalancer.loop
import quotecache.source
import quotecache.valkey
import transaction.server
import trigger.server
import trigger.watch
import webserver.links
import webserver.server
from tests.simulation.balancer import NumberedClient, OsModule, SelectModule
from tests.simulation.stores import (
    SimulatedFires,
    SimulatedPsycopg,
    SimulatedQuoteStore,
    SimulatedStore,
    connection,
)
from tests.simulation.valkey import SimulatedRedis
from tests.simulation.world import Broken, Clock, Process


def process() -> Process:
    """The process whose code is running."""
    running = asyncio.get_running_loop()
    assert isinstance(running, Process)
    return running


class QuietLog:
    """A logger that keeps nothing but the count of what was warned of."""

    def __getattr__(self, level: str) -> Any:
        return self._drop

    def _drop(self, *words: Any, **fields: Any) -> None:
        return None


_QUIET = QuietLog()


class _Exit:
    """`os` where a task that died would end the process: that is a bug."""

    @staticmethod
    def _exit(code: int) -> None:
        raise Broken(f"a task of {process().name} died")


def _ended(task: "asyncio.Task[Any]") -> None:
    """core.serve: a task that raises is a bug. Its exception is the find."""
    core.serve._tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error


class _Chance:
    """`random` and `secrets`, from the world's seed."""

    @staticmethod
    def uniform(low: float, high: float) -> float:
        return process().world.chance.uniform(low, high)

    @staticmethod
    def token_hex(size: int) -> str:
        return f"{process().world.chance.getrandbits(8 * size):0{2 * size}x}"


def _clock() -> Clock:
    return process().clock


def _redis(url: str, password: str | None) -> SimulatedRedis:
    return SimulatedRedis(process().network.valkey, process())


_numbers = itertools.count()


def _same_hash(kind: type) -> type:
    """The class with a hash by order of birth: sets of links are walked through, and an address differs from run to run."""

    class Numbered(kind):  # type: ignore[misc]
        def __init__(self, *arguments: Any) -> None:
            self._birth = next(_numbers)
            super().__init__(*arguments)

        def __hash__(self) -> int:
            return self._birth

        def __eq__(self, other: object) -> bool:
            return self is other

    Numbered.__name__ = kind.__name__
    return Numbered


def restart_numbers() -> None:
    """Each schedule counts from the beginning."""
    global _numbers
    _numbers = itertools.count()


async def _dump(url: Any, path: Any, user: str | None) -> int:
    """db.dump.dump: counts the events it would write."""
    dump = process().network.dump
    count: int = await dump(process(), user)
    return count


@contextmanager
def replaced() -> Iterator[None]:
    """The seams are closed on the real world and open on the fake one for the time of the block."""
    names: list[tuple[Any, str, Any]] = [
        (core.log, "get_logger", lambda: _QUIET),
        (core.serve, "_ended", _ended),
        (core.serve, "os", _Exit),
        (loadbalancer.balance, "Client", NumberedClient),
        (loadbalancer.loop, "select", SelectModule),
        (loadbalancer.loop, "os", OsModule),
        (quotecache.source, "random", _Chance),
        (quotecache.valkey, "secrets", _Chance),
        (quotecache.valkey, "_script", lambda name: name),
        (webserver.server, "SystemClock", _clock),
        (webserver.server, "BalancerLink", _same_hash(webserver.links.BalancerLink)),
        (webserver.server, "ShardLink", _same_hash(webserver.links.ShardLink)),
        (transaction.server, "SystemClock", _clock),
        (transaction.server, "Store", SimulatedStore),
        (transaction.server, "QuoteStore", SimulatedQuoteStore),
        (transaction.server, "connect", _redis),
        (transaction.server, "psycopg", SimulatedPsycopg),
        (transaction.server, "dump", _dump),
        (transaction.server, "Link", _same_hash(transaction.server.Link)),
        (trigger.server, "SystemClock", _clock),
        (trigger.server, "QuoteStore", SimulatedQuoteStore),
        (trigger.server, "connect", _redis),
        (trigger.watch, "connection", connection),
        (trigger.watch, "fires", SimulatedFires),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in names]
    for place, name, value in names:
        setattr(place, name, value)
    try:
        yield
    finally:
        for place, name, value in before:
            setattr(place, name, value)


def chance_of(seed: int, what: str) -> Random:
    """A stream of chance of its own, so that one part of a schedule does not move the others."""
    return Random(f"{seed} {what}")
