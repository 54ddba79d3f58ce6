"""What the processes of a stack cost: processor time and memory of each tier, read from /proc.

A tier is all processes of its kind with their children: Postgres with its backends, the web servers together. "generator" is
the program that asks. Processor time is the scheduler's own count (schedstat, nanoseconds); that of children that have ended is
what their parent was told (clock ticks). Memory is what is resident without what is shared: Postgres' buffers would be counted
once a backend.
"""

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from stack.state import State

GENERATOR: Final = "generator"
_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_RESIDENT: Final = re.compile(r"^Rss(?:Anon|File):\s+(\d+) kB$", re.MULTILINE)
_ORDINAL: Final = re.compile(r"-\d+\Z")


class Reading(Struct, frozen=True):
    """One look at everything; two of them make a cost."""

    at_s: float
    """Monotonic."""
    cpu_s: dict[str, float]
    """By tier, since its start."""
    memory_mb: dict[str, float]
    machine_s: float
    """Processor time of everything on the machine, in clock ticks, that was not idle."""


class Cost(Struct, frozen=True):
    """What was spent between two readings."""

    seconds: float
    cpu_s: dict[str, float]
    others_share: float
    """Of the machine's processor time, what programs took that are neither the stack nor the generator."""

    def us_per(self, count: int) -> dict[str, float]:
        """Microseconds of processor time by tier for each of `count` things, and their total."""
        each = {tier: seconds / count * 1e6 for tier, seconds in self.cpu_s.items()}
        return each | {"total": sum(each.values())}


def tier_of(name: str) -> str:
    """`transaction-1` is of the tier `transaction`."""
    return _ORDINAL.sub("", name)


def roots_of(state: State) -> dict[int, str]:
    """Tier of each process that the stack itself started."""
    return {part.process.pid: tier_of(part.name) for part in state.parts if part.process is not None}


def read(roots: Mapping[int, str]) -> Reading:
    """Looks at these processes, their descendants, and at this one as the generator."""
    cpu_s: defaultdict[str, float] = defaultdict(float)
    memory_mb: defaultdict[str, float] = defaultdict(float)
    for pid, tier in (owners(roots, _parents()) | {os.getpid(): GENERATOR}).items():
        own_s, memory = _look(pid, with_children=tier != GENERATOR)
        cpu_s[tier] += own_s
        memory_mb[tier] += memory
    return Reading(time.monotonic(), dict(cpu_s), dict(memory_mb), _machine_s())


def cost(before: Reading, after: Reading) -> Cost:
    """What lies between them. A tier that was not there before has cost what it shows."""
    spent = {tier: seconds - before.cpu_s.get(tier, 0.0) for tier, seconds in after.cpu_s.items()}
    seconds = after.at_s - before.at_s
    others_s = after.machine_s - before.machine_s - sum(spent.values())
    cores = os.cpu_count() or 1
    return Cost(seconds, spent, max(0.0, others_s) / (seconds * cores))


def owners(roots: Mapping[int, str], parents: Iterable[tuple[int, int]]) -> dict[int, str]:
    """Tier of every process under the roots, themselves included. `parents`: (process, its parent)."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in parents:
        children[parent].append(pid)
    found = dict(roots)
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        for child in children[pid]:
            if child not in found:
                found[child] = found[pid]
                waiting.append(child)
    return found


def _machine_s() -> float:
    """user, nice, system, interrupts, soft interrupts, stolen: all but idle and waiting (proc(5))."""
    user, nice, system, _, _, *rest = map(int, (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:])
    return (user + nice + system + sum(rest[:3])) / _TICKS


def _parents() -> list[tuple[int, int]]:
    found = []
    for entry in os.listdir(_PROC):
        if entry.isdecimal() and (fields := _stat(int(entry))):
            found.append((int(entry), int(fields[1])))
    return found


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat after the name, from the state on; empty when it has gone."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _look(pid: int, *, with_children: bool) -> tuple[float, float]:
    """(processor seconds, MB); zeros for a process that has gone, whose time its parent has taken over."""
    folder = _PROC / str(pid)
    try:
        seconds = sum(_thread_s(task) for task in (folder / "task").iterdir())
        memory_kb = sum(int(kb) for kb in _RESIDENT.findall((folder / "status").read_text()))
    except (FileNotFoundError, ProcessLookupError):
        return 0.0, 0.0
    if with_children and (fields := _stat(pid)):
        seconds += (int(fields[13]) + int(fields[14])) / _TICKS
    return seconds, memory_kb / 1024


def _thread_s(task: Path) -> float:
    """Threads that end under our eyes are lost; the tiers keep theirs."""
    return int((task / "schedstat").read_text().split()[0]) / 1e9
