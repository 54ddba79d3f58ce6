"""Processor time and memory of programs with all their children, from /proc; nothing is known on machines without it.

Memory is what is resident without what is shared: Postgres' buffers would be counted once a backend.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

_PROC: Final = Path("/proc")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_RESIDENT: Final = re.compile(r"^Rss(?:Anon|File):\s+(\d+) kB$", re.MULTILINE)


class Usage(Struct, frozen=True):
    """Of a process and its children."""

    cpu_s: float
    """Since its start, with the children that have ended."""
    memory_bytes: int


class _Process(Struct, frozen=True):
    parent: int
    cpu_s: float


def usage(roots: Iterable[int]) -> dict[int, Usage]:
    """By process number, for those of them that run."""
    processes = {pid: found for pid in _pids() if (found := _read(pid)) is not None}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, process in processes.items():
        children[process.parent].append(pid)
    return {pid: _sum(pid, processes, children) for pid in roots if pid in processes}


def _sum(root: int, processes: dict[int, _Process], children: dict[int, list[int]]) -> Usage:
    family, waiting = [], [root]
    while waiting:
        family.append(waiting.pop())
        waiting += children.get(family[-1], [])
    return Usage(sum(processes[pid].cpu_s for pid in family), sum(map(_memory_bytes, family)))


def _pids() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()] if _PROC.is_dir() else []


def _read(pid: int) -> _Process | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return None
    fields = stat[stat.rindex(")") + 2 :].split()  # the program's name before it may hold anything
    return _Process(int(fields[1]), sum(map(int, fields[11:15])) / _TICKS)


def _memory_bytes(pid: int) -> int:
    try:
        status = (_PROC / str(pid) / "status").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, _RESIDENT.findall(status))) * 1024
