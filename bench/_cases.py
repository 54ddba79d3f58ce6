"""One measured replay and the pgbench run before it, on the same Postgres; medians over several such pairs."""

import secrets
from collections.abc import Callable, Iterable
from statistics import median
from typing import Final, TypeVar

from msgspec import Struct

from bench import _baseline, _gauge
from bench._gauge import Cost, Reading
from bench._loads import Load
from stack.launcher import Stack, throw_away
from stack.topology import Shape
from workload.driver import Progress, load, replay_now
from workload.layout import Workload
from workload.measure import Result

_T = TypeVar("_T")
_FIRST_TENTH: Final = 0.1
_NOISY: Final = 0.1
"""Share of the machine."""


class Replayed(Struct, frozen=True):
    """The commands of a load, without its closing DUMPLOG."""

    commands: int
    seconds: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cost: Cost
    memory_first_tenth_mb: dict[str, float]
    """By tier."""
    memory_end_mb: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.commands / self.seconds


class Pair(Struct, frozen=True):
    """One replay and the baseline of the same Postgres a moment before."""

    baseline_per_second: float
    replayed: Replayed
    dump_seconds: float
    """Of the closing DUMPLOG; 0 when there is none."""

    @property
    def ratio(self) -> float:
        """Of the rate of the commands."""
        return self.replayed.per_second / self.baseline_per_second

    @property
    def per_second_with_dump(self) -> float:
        """As `daytrade replay` reports it: all lines over all the time, the closing DUMPLOG among them."""
        dumps = 1 if self.dump_seconds else 0
        return (self.replayed.commands + dumps) / (self.replayed.seconds + self.dump_seconds)


def pair(load_: Load, commands: Workload, shape: Shape, window: int, connections: int | None) -> Pair:
    """A new stack, the baseline, the replay. Raises StackError, ReplayFailed."""
    with throw_away(shape) as stack:
        rate = _baseline.rate(stack.state.admin_url)
        session = secrets.token_hex(16)
        replayed = replay(stack, commands, window, connections, session)
        dump_s = dump(stack, load_.dump, session).seconds if load_.dump else 0.0
    return Pair(rate, replayed, dump_s)


def replay(
    stack: Stack, commands: Workload, window: int, connections: int | None, session: str | None = None
) -> Replayed:
    """Replays on a running stack and looks at what its tiers spend."""
    meter = _Meter(stack)
    result = replay_now(
        commands,
        stack.state.balancer_address,
        window=window,
        connections=connections,
        session=session,
        on_progress=meter.look,
    )
    end = meter.read()
    first = meter.first_tenth or end
    return Replayed(
        commands=result.commands,
        seconds=result.seconds,
        p50_ms=result.p50_ms,
        p99_ms=result.p99_ms,
        max_ms=result.max_ms,
        cost=_gauge.cost(meter.start, end),
        memory_first_tenth_mb=first.memory_mb,
        memory_end_mb=end.memory_mb,
    )


def dump(stack: Stack, line: bytes, session: str) -> Result:
    """The closing DUMPLOG of a replay."""
    return replay_now(load([line]), stack.state.balancer_address, session=session)


class _Meter:
    """Reads what the stack spends: at the start, when a tenth is answered, and when told to."""

    def __init__(self, stack: Stack) -> None:
        self._roots = _gauge.roots_of(stack.state)
        self.first_tenth: Reading | None = None
        self.start = self.read()

    def read(self) -> Reading:
        return _gauge.read(self._roots)

    def look(self, progress: Progress) -> None:
        """For the driver to call now and then."""
        if self.first_tenth is None and progress.answered >= _FIRST_TENTH * progress.total:
            self.first_tenth = self.read()


def cost_us(replays: Iterable[Replayed]) -> dict[str, float]:
    """Processor microseconds a command, by tier and in total: medians."""
    return medians([each.cost.us_per(each.commands) for each in replays])


def noise(replays: Iterable[Replayed]) -> list[str]:
    """A warning for the notes when other programs took so much of the machine that rates mean little; else nothing."""
    most = max((each.cost.others_share for each in replays), default=0.0)
    return [f"UNRELIABLE: other programs took up to {most:.0%} of the machine"] if most > _NOISY else []


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    """The median of each key that is in all of them."""
    shared = [key for key in found[0] if all(key in each for each in found)]
    return {key: median(each[key] for each in found) for key in shared}


def median_of(found: Iterable[_T], value: Callable[[_T], float]) -> float:
    """The median of a value."""
    return median(value(each) for each in found)
