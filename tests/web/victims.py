"""What can be killed under somebody's hands, and how long it stays away."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Final

from core.ids import shard_of
from faults.kills import family
from loadbalancer.route import Router
from stack.process import wait_until
from tests.web.market import Market

_BACK_S: Final = 30.0
Pids = Callable[[Market, str], list[int]]


def _pid(market: Market, part: str) -> int:
    process = market.state.part(part).process
    assert process is not None, f"{part} is not ours"
    return process.pid


def _worker(market: Market, user: str) -> list[int]:
    """One of gunicorn's workers; half of the browser's connections are its."""
    return family(_pid(market, "webclient"))[1:2]


def _web_server(market: Market, user: str) -> list[int]:
    """The one that the user's lines go through."""
    servers = [part for part in market.state.parts if part.name.startswith("webserver")]
    router = Router([part.address for part in servers])
    for place in range(len(servers)):
        router.set_up(place, up=True)
    return [_pid(market, servers[router.owner(user.encode())].name)]


def _shard(market: Market, user: str) -> list[int]:
    """The one that owns the user."""
    return [_pid(market, f"transaction-{shard_of(user, market.state.shape.shards)}")]


VICTIMS: Final[dict[str, Pids]] = {
    "web client's worker": _worker,
    "web client": lambda market, user: [_pid(market, "webclient")],
    "load balancer": lambda market, user: [_pid(market, "loadbalancer")],
    "web server": _web_server,
    "shard": _shard,
    "Valkey": lambda market, user: [_pid(market, "valkey")],
    "Postgres": lambda market, user: family(_pid(market, "postgres")),
}


@contextlib.contextmanager
def held_down(market: Market, victim: str, user: str) -> Iterator[None]:
    """kill -9, and nobody brings it back until the end: the supervisor is stopped, too."""
    os.kill(market.state.supervisor.pid, signal.SIGSTOP)
    try:
        strike(market, victim, user)
        yield
    finally:
        os.kill(market.state.supervisor.pid, signal.SIGCONT)


def strike(market: Market, victim: str, user: str) -> list[int]:
    """kill -9; the processes, all of which have ended."""
    pids = VICTIMS[victim](market, user)
    assert pids, f"{victim} does not run"
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # one of Postgres' own went with its parent
            os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not any(runs(pid) for pid in pids), 5), f"{victim} does not die"
    return pids


def runs(pid: int) -> bool:
    """Whether it is there and no mere remains."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_back(market: Market) -> None:
    """Waits until everything is up again: what the supervisor says, and that what it names does run (it may not know yet)."""

    def back() -> bool:
        now = market.state
        return now.all_up and all(part.process is None or part.process.alive for part in now.parts)

    assert wait_until(back, _BACK_S), [part.name for part in market.state.parts if not part.up]
