"""Two owners of every user: a second column of balancer, web server and shards beside the stack's own, on the same database.

The same requests go through both columns at once, under the same numbers. Each must be done once, whoever comes first,
every account must stay whole though two processes write it in turn, and both columns must give the same replies.
"""

import contextlib
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from core.settings import Address
from faults import client, kills
from faults.arena import ANSWER_S, Arena
from faults.model import Step, Strike
from stack import ports, secretfiles, topology
from stack.process import Child, Launch
from stack.state import ROOT
from stack.topology import Shape, Surroundings, Tier

USERS: Final = 8
COMMANDS: Final = 1_600
_AT_ONCE: Final = 40
_PREFIX: Final = "rival-"
_START_S: Final = 60.0
_STOP_S: Final = 20.0


def own_twice(arena: Arena, step: Step) -> Strike:
    """Sends each chunk of requests to both columns at the same moment."""
    time_ms, (lines, users) = kills.now_ms(), arena.mixture(USERS, COMMANDS)
    with _second_column(arena) as rival:
        for start in range(0, len(lines), _AT_ONCE):
            _send_to_both(arena, rival, lines[start : start + _AT_ONCE])
    turns, by_rival = _turns(arena, users)
    proof = f"{by_rival} of {len(lines)} requests decided by the second owner, the writer of an account changed {turns} times"
    return Strike(step.fault, "", time_ms, proof if turns and by_rival < len(lines) else "")


def _send_to_both(arena: Arena, rival: Address, lines: list[str]) -> None:
    """Returns when both have answered everything. Raises NoAnswer."""
    both = [arena.state.balancer_address, rival]
    random.shuffle(both)
    missing: list[BaseException] = []

    def send(address: Address) -> None:
        try:
            client.ask_again(address, arena.session, lines, arena.ledger, ANSWER_S)
        except client.NoAnswer as error:
            missing.append(error)

    threads = [threading.Thread(target=send, args=(address,)) for address in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if missing:
        raise client.NoAnswer(str(missing[0]))


def _turns(arena: Arena, users: list[str]) -> tuple[int, int]:
    """How often the writer of these accounts changed from one command to the next, and how many commands the rivals did."""
    with arena.admin() as admin:
        row = admin.execute(
            "SELECT count(*) FILTER (WHERE server <> before), count(*) FILTER (WHERE starts_with(server, %s)) FROM ("
            "  SELECT server, lag(server) OVER (PARTITION BY username ORDER BY seq) AS before"
            "  FROM audit WHERE username = ANY (%s) AND kind = 1) AS command",
            (_PREFIX, users),
        ).fetchone()
    assert row is not None
    return int(str(row[0])), int(str(row[1]))


@contextlib.contextmanager
def _second_column(arena: Arena) -> Iterator[Address]:
    """Shards, a web server and a balancer that nobody supervises; where the balancer listens."""
    shape = Shape(shards=arena.state.shape.shards, web_servers=1, trigger_servers=0)
    reserved = {name: ports.reserve() for name in topology.names(shape, simulated=False)}
    addresses = {name: Address((ports.LOOPBACK, port.port)) for name, port in reserved.items()}
    children: list[Child] = []
    try:
        for group in topology.levels(topology.tiers(shape, addresses, _surroundings(arena))):
            started = [_start(arena, tier) for tier in group]
            children += started
            for child, tier in zip(started, group, strict=True):
                child.wait_ready(lambda address=tier.address: ports.accepts(address), _START_S)  # type: ignore[misc]
        yield addresses[topology.BALANCER]
    finally:
        for child in reversed(children):
            child.stop(signal.SIGTERM, _STOP_S)
        for port in reserved.values():
            port.release()


def _surroundings(arena: Arena) -> Surroundings:
    state = arena.state
    passfile = arena.stack.directory / "services" / "daytrade_transaction.pgpass"
    return Surroundings(
        transaction_url=secretfiles.with_role(state.admin_url, "daytrade_transaction", passfile),
        trigger_url="",
        redis_url=state.redis_url,
        redis_password_file=Path(state.redis_password_file) if state.redis_password_file else None,
        log_dir=Path(state.log_dir),
        quote_server=Address.parse(state.quote_server),
    )


def _start(arena: Arena, tier: Tier) -> Child:
    name = _PREFIX + tier.name
    env = {**os.environ, **arena.settings, "PYTHONPATH": str(ROOT), **tier.env, "DAYTRADE_NAME": name}
    argv = [sys.executable, "-m", tier.package, *tier.arguments]
    return Child(Launch(argv, arena.folder / f"{name}.log", env, ROOT))
