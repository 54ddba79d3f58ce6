"""A replay against a stack: which one it runs through, what it cost in quotes, where its audit log lies."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Unpack

from msgspec import Struct, structs

from core.settings import Address
from stack import hits, state
from stack.launcher import Stack, throw_away
from stack.topology import QUOTE_SERVER, Shape
from workload.driver import Options, ReplayFailed, replay_now
from workload.layout import Workload
from workload.measure import Result

DUMPS: Final = "dumps"
"""In the state directory: what DUMPLOG wrote in throw-away stacks, a folder each."""


class Target(Struct, frozen=True):
    """What a replay is sent to."""

    address: Address
    stack: Stack | None = None
    """None for somebody else's system, of which only the address is known."""


@contextlib.contextmanager
def fresh(shape: Shape) -> Iterator[Target]:
    """A throw-away stack. Its audit logs stay, in a folder of their own under the state directory."""
    directory = state.default_directory()
    state.make(directory)
    dumps = directory / DUMPS / secrets.token_hex(4)
    dumps.mkdir(parents=True)
    try:
        with throw_away(shape, {**os.environ, "DAYTRADE_LOG_DIR": str(dumps)}) as stack:
            yield Target(stack.state.balancer_address, stack)
    finally:
        with contextlib.suppress(OSError):  # not empty: then it stays
            dumps.rmdir()


def running(directory: Path) -> Target | None:
    """The lasting stack; None when it does not run."""
    now = state.read(directory)
    return Target(now.balancer_address, Stack(directory)) if now else None


def run(workload: Workload, target: Target, **options: Unpack[Options]) -> Result:
    """Replays and adds what the quotes cost. Raises ReplayFailed with the cost added too, StackError and ValueError."""
    meter = _Meter(target.stack) if target.stack else None
    try:
        result = replay_now(workload, target.address, **options)
    except ReplayFailed as failed:
        raise ReplayFailed(str(failed), _with_cost(failed.result, meter)) from failed
    return _with_cost(result, meter)


class _Meter:
    """How much the quote server's own count grows. The simulator forgets it when it dies; then nobody knows."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._restarts, self._hits = self._read()

    def grown(self) -> int | None:
        restarts, count = self._read()
        return count - self._hits if restarts == self._restarts else None

    def _read(self) -> tuple[int, int]:
        now = self._stack.state
        restarts = now.part(QUOTE_SERVER).restarts if now.quote_control else 0
        return restarts, hits.count(now)


def _with_cost(result: Result, meter: _Meter | None) -> Result:
    grown = meter.grown() if meter else None
    if grown is None:
        return result
    return structs.replace(result, quote_hits=grown, quote_cost_usd=hits.cost_usd(grown))
