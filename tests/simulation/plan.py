"""What one schedule is made of, all of it drawn from its seed before it begins: the stack, the commands, the faults."""

from random import Random
from typing import Final

from msgspec import Struct

from tests.simulation.commands import USERS, draw_bodies

_TIERS: Final = ("web0", "web1", "shard0", "shard1", "trigger0", "balancer", "client")
_STOPPED: Final = ("web0", "web1", "shard0", "shard1", "trigger0")
WHOEVER: Final = "whoever"
"""As a target: the process whose event it is."""
_LINKS: Final = ("client>", "balancer>", "web", "")
_KINDS: Final = {
    "kill": 8, "stop": 3, "everything": 1, "stall": 5, "cut": 6, "database": 4, "cache": 2, "flush": 2, "clock": 2,
    "misjudged": 3,
}  # fmt: skip
"""How often each kind of fault is drawn, against the others."""
KINDS: Final = tuple(_KINDS)
_MOST_OF: Final = {"record": 3, "fire": 2, "lock": 1, "replies": 3, "load": 5, "ask": 4, "share": 3}
"""Events that are rare: of how many of them one is chosen."""
_LONG_US: Final = 25_000_000
"""Longer than everybody's patience (limits.DOWN_DEADLINE_MS, QUOTE_DEADLINE_MS)."""


class Fault(Struct, frozen=True):
    """Something that goes wrong: when so many events of a kind have been seen, and a little later."""

    kind: str
    event: str
    count: int
    delay_us: int
    target: str = ""
    duration_us: int = 0
    amount: int = 0


class Phase(Struct, frozen=True):
    """One run of the driver, and how long nobody asks for anything after it."""

    lines: list[str]
    window: int
    connections: int
    pause_us: int


class Plan(Struct, frozen=True):
    """A whole schedule."""

    seed: int
    phases: list[Phase]
    faults: list[Fault]
    twin: bool
    """Two processes own the users of shard 0."""
    person: bool
    """Somebody sends lines without numbers meanwhile."""
    stranger: bool
    """Somebody repeats the driver's lines meanwhile."""
    triggers: int
    """Trigger servers."""
    quote_life_ms: int
    pending_life_ms: int
    network_us: int
    database_us: int
    slices: float
    """The share of writes that are cut in two."""
    lost_share: float
    """The share of statements whose connection dies under them."""
    quote_faults: float
    quote_slow_us: int

    @property
    def lines(self) -> dict[int, list[str]]:
        """Number -> the bodies sent with it, the first of which is the one that counts."""
        found: dict[int, list[str]] = {}
        for phase in self.phases:
            for line in phase.lines:
                number, _, body = line.partition("] ")
                found.setdefault(int(number[1:]), []).append(body)
        return found


def draw(seed: int) -> Plan:
    """The schedule of a seed."""
    chance = Random(f"plan {seed}")
    users = USERS[: chance.randint(2, len(USERS))]
    commands = chance.randint(30, 80)
    twin = chance.random() < 0.3
    return Plan(
        seed=seed,
        phases=_draw_phases(chance, users, commands),
        faults=[
            _draw_fault(chance, commands, twin, place) for place in range(chance.choice((1, 2, 2, 3, 5)))
        ],
        twin=twin,
        person=chance.random() < 0.25,
        stranger=chance.random() < 0.25,
        triggers=2 if chance.random() < 0.2 else 1,
        quote_life_ms=chance.choice((1_500, 3_000, 6_000)),
        pending_life_ms=chance.choice((700, 1_500, 3_000)),
        network_us=chance.choice((100, 300, 2_000)),
        database_us=chance.choice((200, 500, 3_000)),
        slices=chance.choice((0.0, 0.05, 0.5)),
        lost_share=chance.choice((0.0, 0.0, 0.02, 0.08)),
        quote_faults=chance.choice((0.0, 0.0, 0.1, 0.3)),
        quote_slow_us=chance.choice((5_000, 50_000, 1_000_000)),
    )


def _draw_phases(chance: Random, users: tuple[str, ...], commands: int) -> list[Phase]:
    lines = [f"[{number}] {body}" for number, body in enumerate(draw_bodies(chance, users, commands), 1)]
    for _ in range(chance.choice((0, 0, 1, 3))):
        lines.insert(chance.randrange(len(lines) // 2, len(lines)), _again(chance, lines, users))
    if chance.random() < 0.3:
        lines.append(f"[{commands + 1}] DUMPLOG,./testLOG")
    size = -(-len(lines) // chance.randint(1, 3))
    return [
        Phase(
            lines[start : start + size],
            window=chance.choice((1, 2, 8, 64)),
            connections=chance.choice((1, 2, len(users))),
            pause_us=int(chance.choice((0.01, 0.5, 1.0)) * chance.random() * 4_000_000),
        )
        for start in range(0, len(lines), size)
    ]


def _again(chance: Random, lines: list[str], users: tuple[str, ...]) -> str:
    """A line whose number was there before: mostly the same line, else another one."""
    line = chance.choice(lines[: len(lines) // 2])
    number = line.partition(" ")[0]
    return line if chance.random() < 0.6 else f"{number} ADD,{chance.choice(users)},7.00"


def _draw_fault(chance: Random, commands: int, twin: bool, place: int) -> Fault:
    """The first of a schedule is one that surely strikes: at an event that there is."""
    kind = chance.choices(KINDS, list(_KINDS.values()))[0]
    event = chance.choice(("reply", "reply", "commit", "commit", *_MOST_OF)) if place else "reply"
    most = {"reply": commands - 1, "commit": commands // 3}
    target, amount = "", chance.randrange(2)
    if kind == "stop":
        target = chance.choice(_STOPPED)
    elif kind in ("kill", "stall"):
        tiers = (*_TIERS, "twin") if twin else _TIERS
        target = chance.choice(tiers) if chance.random() < 0.6 else WHOEVER
    elif kind == "cut":
        target = chance.choice(_LINKS)
    elif kind == "clock":
        amount = chance.choice((-5_000, -700, -3, 2, 900, 7_000))
    return Fault(
        kind,
        event,
        chance.randint(1, most.get(event) or _MOST_OF[event]),
        int(chance.choice((0, 500, 5_000)) * chance.random()),
        target,
        _draw_duration_us(chance),
        amount,
    )


def _draw_duration_us(chance: Random) -> int:
    kind = chance.random()
    if kind < 0.8:
        return chance.randint(5_000, 300_000)
    return chance.randint(300_000, 4_000_000) if kind < 0.98 else _LONG_US
