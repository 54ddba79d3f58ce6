"""SIGSTOP: a process that stands still for five seconds and then goes on as if nothing had happened."""

import signal
import time
from pathlib import Path
from typing import Final

from faults import kills, probe
from faults.arena import Arena
from faults.model import Step, Strike

STOP_S: Final = 5.0
AFTER_S: Final = 5.0
"""Whoever stood still is of use again within this time after it goes on."""


def stop(arena: Arena, step: Step) -> Strike:
    """One process; Postgres with all that belongs to it."""
    process = arena.part(step.target).process
    assert process is not None
    pids = kills.family(process.pid) if step.target == "postgres" else [process.pid]
    waiting = set(arena.ledger.outstanding) if arena.await_outstanding() else set()
    time_ms = kills.now_ms()
    kills.send_all(pids, signal.SIGSTOP)
    time.sleep(STOP_S)
    stood = sum(_stands(pid) for pid in pids)
    waited = len(waiting.intersection(arena.ledger.outstanding))
    kills.send_all(pids, signal.SIGCONT)
    start_s = time.monotonic()
    probe.works(arena, step.target)
    took_s = time.monotonic() - start_s
    proof = f"{stood} of {len(pids)} processes stood still for {STOP_S:.0f} s; {waited} of {len(waiting)} requests waited"
    return Strike(
        step.fault, step.target, time_ms, proof if stood == len(pids) and waiting else "",
        wrong="" if took_s < AFTER_S else f"of use {took_s:.1f} s after it went on",
    )  # fmt: skip


def _stands(pid: int) -> bool:
    """Whether the process is stopped now."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat[stat.rindex(")") + 2] == "T"
