"""Clock steps: the wall clock of all tiers goes wrong at once, forwards or backwards, and is set right again some seconds later.

Done by a file that core.clock reads under test: stepping the machine's own clock would hit every program on it.
"""

import time
from typing import Final

from faults import kills, probe
from faults.arena import Arena
from faults.model import Step, Strike
from faults.schedule import STEPS_MS

WRONG_S: Final = 4.0
_NEAR_MS: Final = 3_000


def step_clock(arena: Arena, step: Step) -> Strike:
    """Goes wrong, works so for a while, and is set right: one step each way."""
    time_ms, step_ms = kills.now_ms(), STEPS_MS[step.target]
    arena.step_clock(step_ms)
    time.sleep(WRONG_S)
    seen_ms = _seen_ms(arena)
    probe.works(arena, "trigger-0")
    arena.step_clock(0)
    time.sleep(WRONG_S)
    set_right_ms = _seen_ms(arena)
    probe.works(arena, "trigger-0")
    struck = abs(seen_ms - step_ms) < _NEAR_MS and abs(set_right_ms) < _NEAR_MS
    proof = (
        f"a command was stamped {seen_ms:+,} ms off, and {set_right_ms:+,} ms after it was set right"
        if struck
        else ""
    )
    return Strike(step.fault, step.target, time_ms, proof)


def _seen_ms(arena: Arena) -> int:
    """How far from the machine's clock a new user's command is stamped."""
    user = arena.user()
    arena.ask(f"ADD,{user},1.00")
    now_ms = kills.now_ms()
    with arena.admin() as admin:
        row = admin.execute("SELECT timestamp_ms FROM audit WHERE username = %s", (user,)).fetchone()
    assert row is not None
    return int(str(row[0])) - now_ms
