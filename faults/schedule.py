"""Which fault when: the same seed gives the same steps. Pure."""

from collections.abc import Sequence
from random import Random
from typing import Final

from msgspec import Struct

from faults.model import Step

SHORTEST_PAUSE_MS: Final = 200
LONGEST_PAUSE_MS: Final = 1_500

_SHARDS: Final = ("transaction-0", "transaction-1")
_TIERS: Final = ("loadbalancer", "webserver-0", "webserver-1", *_SHARDS, "trigger-0", "quoteserver")
_PARTS: Final = (*_TIERS, "postgres", "valkey")


STEPS_MS: Final = {"+5 s": 5_000, "-5 s": -5_000, "+90 s": 90_000, "-90 s": -90_000}
"""By how much the wall clock goes wrong."""
BRIEFLY: Final = "for 5 s"
FOR_LONG: Final = "for 22 s"
"""How long a quote server is down; the second is longer than a command waits for its price."""


class Kind(Struct, frozen=True):
    """A fault that can be asked for."""

    about: str
    targets: tuple[str, ...] = ("",)
    """One of them is drawn for each step."""
    seconds: float = 3.0
    """About how long it takes with its recovery; decides how many commands the load must have."""
    holds_fires: bool = False
    """Triggers may have to wait while it lasts: whoever fires them, or something he needs, is away or stands still."""


FAULTS: Final = {
    "kill": Kind("kill -9 of a process", _PARTS, 2.5, True),
    "backend": Kind("kill -9 of a server process of Postgres", _SHARDS, 3.0, True),
    "everything": Kind("kill -9 of everything at once", seconds=6.0, holds_fires=True),
    "commit-shard": Kind("kill -9 of a shard whose commit is under way, and is done", _SHARDS, 2.5, True),
    "commit-backend": Kind("kill -9 of a server process of Postgres within a commit", _SHARDS, 3.0, True),
    "commit-postgres": Kind(
        "kill -9 of Postgres between writing a commit and having it on disk", seconds=3.0, holds_fires=True
    ),
    "stop": Kind("SIGSTOP for 5 s, then SIGCONT", _PARTS, 6.0, True),
    "flushall": Kind("FLUSHALL", seconds=1.5, holds_fires=True),
    "quote-slow": Kind("a quote server that takes 4 s for an answer", seconds=4.5),
    "quote-down": Kind("a quote server that resets every request", (BRIEFLY, FOR_LONG), 15.0),
    "quote-garbage": Kind("a quote server that answers nonsense, or half, or not at all", seconds=6.0),
    "cut": Kind("connections cut within a line, ten requests and ten replies", seconds=2.0),
    "slices": Kind("every byte on its own for 4 s", seconds=4.0),
    "delay": Kind("every chunk 100 ms late for 4 s", seconds=4.0),
    "never-read": Kind("clients that ask and never read", seconds=5.0),
    "slow-sockets": Kind("a thousand sockets that write slowly, half of them cut off", seconds=4.0),
    "two-owners": Kind("a second process for every shard, the same requests through both", seconds=10.0),
    "overload": Kind("three times the load that fits", seconds=15.0),
    "clock": Kind("the wall clock of all tiers steps, and back", tuple(STEPS_MS), 10.0, True),
    "disk-full": Kind("no byte left for Postgres", seconds=12.0, holds_fires=True),
    "client": Kind("kill -9 of the replaying client, which then goes on in its session", seconds=3.0),
}


def draw(seed: int, faults: Sequence[str], kills: int, seconds: float) -> list[Step]:
    """Every fault once and `kills` kills, shuffled; then, where that takes less than `seconds`, more of all of them.

    Kills go round the processes, so that of any nine in a row each process dies once. Raises KeyError for a fault
    that is none.
    """
    chance = Random(seed)
    wanted = [fault for fault in faults if fault != "kill"] + ["kill"] * (kills if "kill" in faults else 0)
    chance.shuffle(wanted)
    rounds = {fault: _Round(FAULTS[fault].targets, chance) for fault in faults}
    steps = [_step(fault, rounds[fault], chance) for fault in wanted]
    while faults and length_s(steps) < seconds:
        fault = chance.choice(faults)
        steps.append(_step(fault, rounds[fault], chance))
    return steps


def length_s(steps: Sequence[Step]) -> float:
    """About how many seconds the steps take."""
    return sum(FAULTS[step.fault].seconds + step.pause_ms / 1000 for step in steps)


def _step(fault: str, targets: "_Round", chance: Random) -> Step:
    return Step(fault, targets.next(), chance.randint(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS))


class _Round:
    """Draws without putting back, until all were drawn."""

    def __init__(self, targets: Sequence[str], chance: Random) -> None:
        self._targets = targets
        self._chance = chance
        self._left: list[str] = []

    def next(self) -> str:
        if not self._left:
            self._left = self._chance.sample(self._targets, len(self._targets))
        return self._left.pop()
