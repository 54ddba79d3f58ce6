"""What one schedule is made of, all of it drawn from its seed before it begins: the stack, the commands, the faults."""

from random import Random
from typing import Final

from msgspec import Struct

SYMBOLS: Final = ("A", "B", "CD")
USERS: Final = ("ann", "bob", "cat", "dan", "eve")
_FORMS: Final = (
    "ADD,{u},{a}", "QUOTE,{u},{s}", "QUOTE,{u},{s}", "BUY,{u},{s},{a}", "BUY,{u},{s},{a}", "BUY,{u},{s},{a}",
    "COMMIT_BUY,{u}", "COMMIT_BUY,{u}", "COMMIT_BUY,{u}", "CANCEL_BUY,{u}", "SELL,{u},{s},{a}", "SELL,{u},{s},{a}",
    "COMMIT_SELL,{u}", "CANCEL_SELL,{u}", "SET_BUY_AMOUNT,{u},{s},{a}", "SET_BUY_TRIGGER,{u},{s},{p}",
    "SET_BUY_TRIGGER,{u},{s},{p}", "CANCEL_SET_BUY,{u},{s}", "SET_SELL_AMOUNT,{u},{s},{a}", "SET_SELL_TRIGGER,{u},{s},{p}",
    "SET_SELL_TRIGGER,{u},{s},{p}", "CANCEL_SET_SELL,{u},{s}", "DISPLAY_SUMMARY,{u}", "DUMPLOG,{u},log", "ADD,{u},-1.00",
    "BUY,{u},{s}",
)  # fmt: skip
_TIERS: Final = ("web0", "web1", "shard0", "shard1", "trigger0", "balancer", "client")
_LINKS: Final = ("client>", "balancer>", "web", "")

FAULTS: Final = (
    "kill", "kill", "kill", "kill", "stall", "stall", "cut", "cut", "cut", "database", "database", "cache", "flush", "clock",
    "misjudged",
)  # fmt: skip
"""How often each kind is drawn, against the others."""


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
    users: int
    twin: bool
    """Two processes own the users of shard 0."""
    triggers: int
    """Trigger servers."""
    quote_life_ms: int
    pending_life_ms: int
    network_us: int
    database_us: int
    slices: float
    lost_share: float
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
    users = chance.randint(2, len(USERS))
    commands = chance.randint(30, 80)
    twin = chance.random() < 0.25
    triggers = 2 if chance.random() < 0.2 else 1
    return Plan(
        seed=seed,
        phases=_draw_phases(chance, USERS[:users], commands),
        faults=_draw_faults(chance, commands, twin),
        users=users,
        twin=twin,
        triggers=triggers,
        quote_life_ms=chance.choice((1_500, 3_000, 6_000)),
        pending_life_ms=chance.choice((1_000, 2_000, 4_000)),
        network_us=chance.choice((100, 300, 2_000)),
        database_us=chance.choice((200, 500, 3_000)),
        slices=chance.choice((0.0, 0.05, 0.5)),
        lost_share=chance.choice((0.0, 0.0, 0.02, 0.08)),
        quote_faults=chance.choice((0.0, 0.0, 0.1, 0.3)),
        quote_slow_us=chance.choice((5_000, 50_000, 1_000_000)),
    )


def _draw_phases(chance: Random, users: tuple[str, ...], commands: int) -> list[Phase]:
    bodies = [f"ADD,{user},{chance.randint(5, 400)}.00" for user in users if chance.random() < 0.9]
    symbols = SYMBOLS[: chance.randint(1, len(SYMBOLS))]
    while len(bodies) < commands:
        amount, price = chance.randint(50, 4000) / 100, chance.randint(50, 400) / 100
        form = chance.choice(_FORMS)
        bodies.append(
            form.format(u=chance.choice(users), s=chance.choice(symbols), a=f"{amount:.2f}", p=f"{price:.2f}")
        )
    lines = [f"[{number}] {body}" for number, body in enumerate(bodies, 1)]
    for _ in range(chance.choice((0, 0, 1, 3))):
        lines.insert(chance.randrange(len(lines) // 2, len(lines)), _again(chance, lines, users))
    if chance.random() < 0.3:
        lines.append(f"[{commands + 1}] DUMPLOG,./testLOG")
    parts = chance.randint(1, 3)
    size = -(-len(lines) // parts)
    return [
        Phase(
            lines[start : start + size],
            window=chance.choice((1, 2, 8, 64)),
            connections=chance.choice((1, 2, len(users))),
            pause_us=int(chance.choice((0.01, 0.5, 1.0)) * chance.random() * 5_000_000),
        )
        for start in range(0, len(lines), size)
    ]


def _again(chance: Random, lines: list[str], users: tuple[str, ...]) -> str:
    """A line whose number was there before: mostly the same line, else another one."""
    line = chance.choice(lines[: len(lines) // 2])
    number = line.partition(" ")[0]
    return line if chance.random() < 0.6 else f"{number} ADD,{chance.choice(users)},7.00"


def _draw_faults(chance: Random, commands: int, twin: bool) -> list[Fault]:
    return [_draw_fault(chance, commands, twin) for _ in range(chance.choice((1, 1, 2, 3, 5)))]


def _draw_fault(chance: Random, commands: int, twin: bool) -> Fault:
    kind = chance.choice(FAULTS)
    event = chance.choice(("reply", "reply", "commit", "record", "fire"))
    count = chance.randint(1, {"reply": commands - 1, "commit": commands // 3}.get(event, 3))
    delay_us = int(chance.choice((0, 500, 5_000)) * chance.random())
    short, long = chance.randint(5_000, 300_000), chance.randint(300_000, 4_000_000)
    duration_us = long if chance.random() < 0.2 else short
    target, amount = "", 0
    if kind in ("kill", "stall"):
        target = chance.choice(_TIERS + (("twin",) if twin else ()))
    elif kind == "cut":
        target = chance.choice(_LINKS)
    elif kind == "clock":
        amount = chance.choice((-5_000, -700, -3, 2, 900, 7_000))
    elif kind == "misjudged" or kind == "cache":
        amount = chance.randrange(2)
    return Fault(kind, event, count, delay_us, target, duration_us, amount)
