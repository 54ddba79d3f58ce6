"""kill -9 of tiers and services, one or all of them, at random moments; and how long until they serve again."""

import os
import signal
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from faults import probe
from faults.arena import ANSWER_S, Arena
from faults.model import Step, Strike
from stack.process import Identity, wait_until

PYTHON_MS: Final = 2_000
VALKEY_MS: Final = 1_000
POSTGRES_MS: Final = 5_000
EVERYTHING_MS: Final = 15_000
"""Recovery: from the signal until a command that needs it is answered and the process accepts again (invariants)."""
_CARRIERS: Final = ("transaction", "trigger")
"""Tiers that may hold quote hits which are not durable yet."""


def bound_ms(name: str) -> int:
    """How long the recovery of that process may take."""
    return {"postgres": POSTGRES_MS, "valkey": VALKEY_MS}.get(name, PYTHON_MS)


def kill(arena: Arena, step: Step) -> Strike:
    """One process; Postgres with all that belongs to it."""
    return _kill(arena, step, [step.target], bound_ms(step.target))


def kill_everything(arena: Arena, step: Step) -> Strike:
    """All processes at once but the supervisor, as if the power had failed and come back."""
    return _kill(arena, step, [part.name for part in arena.state.parts], EVERYTHING_MS)


def kill_backend(arena: Arena, step: Step) -> Strike:
    """One server process of Postgres, a shard's: Postgres then ends all others and recovers as after a crash."""
    with arena.admin() as connection:
        row = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = %s ORDER BY backend_start LIMIT 1",
            (step.target,),
        ).fetchone()
    pid = int(str(row[0])) if row else 0
    waiting = arena.await_outstanding()
    start_s, time_ms = time.monotonic(), now_ms()
    died = _send(pid, signal.SIGKILL) if pid else False
    probe.works(arena, "postgres")
    recovery_ms = round((time.monotonic() - start_s) * 1000)
    proof = (
        f"backend {pid} of {step.target} died with {waiting} requests outstanding" if died and waiting else ""
    )
    return Strike(step.fault, step.target, time_ms, proof, recovery_ms, POSTGRES_MS, (("postgres", pid),))


def _kill(arena: Arena, step: Step, names: Sequence[str], bound: int) -> Strike:
    before = {name: arena.part(name) for name in names}
    victims = {name: part.process for name, part in before.items() if part.process is not None}
    waiting = arena.await_outstanding()
    in_flight = freeze(arena, victims)
    time_ms, start_s = now_ms(), time.monotonic()
    for name, process in victims.items():
        for pid in family(process.pid) if name == "postgres" else [process.pid]:
            _send(pid, signal.SIGKILL)
    for name in names:
        probe.works(arena, name)
    back = wait_until(lambda: all(is_back(arena, name, before[name].restarts) for name in names), ANSWER_S)
    recovery_ms = round((time.monotonic() - start_s) * 1000)
    after = {name: arena.part(name).process for name in names}
    changed = back and all(after[name] != victims.get(name) for name in names)
    proof = ""
    if changed and waiting:
        pids = ", ".join(f"{process.pid} -> {_pid(after[name])}" for name, process in victims.items())
        proof = f"{waiting} requests outstanding, process {pids}"
    return Strike(
        step.fault, step.target, time_ms, proof, recovery_ms, bound,
        tuple((name, process.pid) for name, process in victims.items()), in_flight,
        wrong="" if back else "not everything came back",
    )  # fmt: skip


def freeze(arena: Arena, victims: dict[str, Identity]) -> int:
    """Stops those that may hold quote hits, so that they hold what they hold, and counts these."""
    carriers = [process for name, process in victims.items() if name.split("-")[0] in _CARRIERS]
    for process in carriers:
        _send(process.pid, signal.SIGSTOP)
    return arena.hits_in_flight() if carriers or "quoteserver" in victims else 0


def is_back(arena: Arena, name: str, restarts: int) -> bool:
    """Whether that process was started anew and accepts connections."""
    part = arena.part(name)
    return part.up and part.restarts > restarts


def family(pid: int) -> list[int]:
    """A process and all its children, the parent first."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *map(int, children)]


def send_all(pids: Iterable[int], number: int) -> None:
    """The signal to all that still run."""
    for pid in pids:
        _send(pid, number)


def _send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _pid(process: Identity | None) -> int:
    return process.pid if process else 0


def now_ms() -> int:
    """Milliseconds since 1970, by the machine's clock."""
    return time.time_ns() // 1_000_000
