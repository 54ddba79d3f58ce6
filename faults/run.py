"""One act of chaos: a stack, a load, a list of steps, and the verdict."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from faults import clock, commits, disk, kills, overload, quotes, rivals, still, wire
from faults.arena import Arena, Load, arena, pause
from faults.client import NoAnswer
from faults.evidence import Files, gather
from faults.model import Stage, Step, Strike
from faults.verdict import Evidence, judge

MAX_TRIES: Final = 5
"""A fault that did not strike is injected again, so often at most."""
_REST_S: Final = 900.0
"""After the last fault the load may take so long to end."""

STRIKES: Final[dict[str, Callable[[Arena, Step], Strike]]] = {
    "kill": kills.kill,
    "backend": kills.kill_backend,
    "everything": kills.kill_everything,
    "commit-shard": commits.kill_shard,
    "commit-backend": commits.kill_backend,
    "commit-postgres": commits.kill_unflushed,
    "stop": still.stop,
    "flushall": quotes.flush,
    "quote-slow": quotes.slow,
    "quote-down": quotes.down,
    "quote-garbage": quotes.garbage,
    "cut": wire.cut,
    "slices": wire.slices,
    "delay": wire.delay,
    "never-read": wire.never_read,
    "slow-sockets": wire.slow_sockets,
    "client": wire.kill_client,
    "two-owners": rivals.own_twice,
    "overload": overload.flood,
    "clock": clock.step_clock,
    "disk-full": disk.fill,
}


class Act(Struct, frozen=True):
    """What came of it."""

    stage: Stage
    session: str
    files: Files
    strikes: list[Strike]
    evidence: Evidence
    wrong: list[str]
    """Sentences about what did not hold."""


def run(
    folder: Path, stage: Stage, load: Load, steps: Sequence[Step], on_strike: Callable[[Strike], None]
) -> Act:
    """Injects the faults one after the other while the load runs, lets it end, and looks at everything.

    Raises StackError when the stack does not come up, NoAnswer when it is past helping, and faults.disk.CannotMount.
    """
    strikes: list[Strike] = []
    with contextlib.ExitStack() as inside:
        directory = inside.enter_context(disk.small_disk()) if stage.small_disk else None
        one = inside.enter_context(arena(folder, load, directory))
        one.start_load()
        for step in steps:
            for _ in range(MAX_TRIES):
                pause(step.pause_ms)
                strike = _strike(one, step)
                strikes.append(strike)
                on_strike(strike)
                if strike.proof:
                    break
        ended_early = one.load_ended
        replay_exit = one.finish_load(_REST_S)
        evidence, files = gather(one, stage, replay_exit)
        shards = one.state.shape.shards
    wrong = judge(evidence, strikes, (step.fault for step in steps), shards)
    if ended_early:
        wrong.append("the load ended before the last fault: give it more commands, or fewer a second")
    return Act(stage, one.session, files, strikes, evidence, wrong)


def _strike(one: Arena, step: Step) -> Strike:
    time_ms = kills.now_ms()
    try:
        strike = STRIKES[step.fault](one, step)
    except NoAnswer as error:
        strike = Strike(step.fault, step.target, time_ms, "", wrong=str(error))
    return replace(strike, span_ms=(time_ms, kills.now_ms()))
