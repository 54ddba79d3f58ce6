"""A whole run: the faults that were asked for, in as many acts as they need."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from faults import disk, run
from faults.arena import Load
from faults.model import Stage, Step, Strike
from faults.run import Act
from faults.schedule import FAULTS, STEPS_MS, draw, length_s

_USERS: Final = 60
_WINDOW: Final = 8
_SPARE: Final = 1.6
"""The load has so much more than the faults should take: it must not end before them."""
_FEWEST: Final = 4_000


MAIN: Final = "main"
OF_ONE_TIME: Final = ("price-missing", "price-unquoted", "fire-unquoted", "fire-missing")
"""Rules that hold a price against the quotes above it in the log. The log is sorted by timestamps, so where the clock went
back they say nothing; the invariant check, which knows of the step, judges the prices there."""
STAGES: Final = {
    MAIN: Stage(MAIN),
    "clock": Stage("clock", clock_step_ms=max(map(abs, STEPS_MS.values())), unjudged=OF_ONE_TIME),
    "disk-full": Stage("disk-full", small_disk=True),
}


class Plan(Struct, frozen=True):
    """One act that is to be."""

    stage: Stage
    load: Load
    steps: list[Step]


def chosen(text: str) -> list[str]:
    """The faults that `a,b,c` names; all of them for nothing. Raises KeyError for one that is none."""
    names = [name.strip() for name in text.split(",") if name.strip()] or list(FAULTS)
    for name in names:
        FAULTS[name]
    return list(dict.fromkeys(names))


def acts(seed: int, faults: Sequence[str], kills: int, minutes: float, rate: float) -> list[Plan]:
    """What is to be done. Clock steps and the full disk have acts of their own, after the long one."""
    plans = []
    for stage, its in STAGES.items():
        own = [fault for fault in faults if _stage_of(fault) == stage]
        if own:
            long = stage == MAIN
            each = [fault for fault in own for _ in FAULTS[fault].targets] if not long else own
            steps = draw(seed, each, kills if long else 0, minutes * 60 if long else 0.0)
            plans.append(Plan(its, _load(steps, seed, rate), steps))
    return plans


def _stage_of(fault: str) -> str:
    return fault if fault in STAGES else MAIN


def _load(steps: Sequence[Step], seed: int, rate: float) -> Load:
    commands = max(_FEWEST, int(rate * length_s(steps) * _SPARE))
    return Load(_USERS, commands, _WINDOW, rate, seed)


def run_all(folder: Path, plans: Sequence[Plan], say: Callable[[str], None]) -> list[Act]:
    """One act after the other. Raises StackError and NoAnswer."""
    return list(_run_all(folder, plans, say))


def _run_all(folder: Path, plans: Sequence[Plan], say: Callable[[str], None]) -> Iterator[Act]:
    if any(plan.stage.small_disk for plan in plans):
        disk.try_it()
    for plan in plans:
        say(f"{plan.stage.name}: {len(plan.steps)} faults while {plan.load.commands:,} commands are replayed")
        yield run.run(
            folder / plan.stage.name, plan.stage, plan.load, plan.steps, lambda strike: say(told(strike))
        )


def told(strike: Strike) -> str:
    """One line about a strike."""
    name = f"{strike.fault} {strike.target}".strip()
    back = "" if strike.recovery_ms is None else f", back after {strike.recovery_ms:,} ms"
    return f"{name}{back}: {strike.wrong or strike.proof or 'did not strike'}"
