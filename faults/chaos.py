"""A whole run: the faults that were asked for, in as many acts as they need."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from faults import run
from faults.arena import Load
from faults.model import Step, Strike
from faults.run import Act
from faults.schedule import FAULTS, draw, length_s

_USERS: Final = 60
_WINDOW: Final = 8
_SPARE: Final = 1.6
"""The load has so much more than the faults should take: it must not end before them."""
_FEWEST: Final = 4_000


class Plan(Struct, frozen=True):
    """One act that is to be."""

    name: str
    load: Load
    steps: list[Step]


def chosen(text: str) -> list[str]:
    """The faults that `a,b,c` names; all of them for nothing. Raises KeyError for one that is none."""
    names = [name.strip() for name in text.split(",") if name.strip()] or list(FAULTS)
    for name in names:
        FAULTS[name]
    return list(dict.fromkeys(names))


def acts(seed: int, faults: Iterable[str], kills: int, minutes: float, rate: float) -> list[Plan]:
    """What is to be done. The first act is the longest."""
    steps = draw(seed, list(faults), kills, minutes * 60)
    commands = max(_FEWEST, int(rate * length_s(steps) * _SPARE))
    return [Plan("main", Load(_USERS, commands, _WINDOW, rate, seed), steps)]


def run_all(folder: Path, plans: Iterable[Plan], say: Callable[[str], None]) -> list[Act]:
    """One act after the other. Raises StackError and NoAnswer."""
    return list(_run_all(folder, plans, say))


def _run_all(folder: Path, plans: Iterable[Plan], say: Callable[[str], None]) -> Iterator[Act]:
    for plan in plans:
        say(f"{plan.name}: {len(plan.steps)} faults while {plan.load.commands:,} commands are replayed")
        yield run.run(folder / plan.name, plan.load, plan.steps, lambda strike: say(_told(strike)))


def _told(strike: Strike) -> str:
    name = f"{strike.fault} {strike.target}".strip()
    back = "" if strike.recovery_ms is None else f", back after {strike.recovery_ms:,} ms"
    return f"{name}{back}: {strike.wrong or strike.proof or 'did not strike'}"
