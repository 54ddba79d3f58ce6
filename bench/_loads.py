"""What is replayed: the course's file where it lies beside the project, else a generated one; the closing DUMPLOG apart."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import Struct

from core.commands import DUMPLOG
from stack.state import ROOT
from workload.driver import load
from workload.generate import generate
from workload.layout import Workload

SEED: Final = 1
_COURSE_FILE: Final = ROOT.parent / "shared" / "workloads" / "user100.txt"
_DUMP: Final = f" {DUMPLOG},".encode()


class Load(Struct, frozen=True):
    """A workload in two parts, to be replayed one after the other under one session, so that each has a time of its own."""

    name: str
    lines: list[bytes]
    """Each ends in LF."""
    dump: bytes | None
    """The closing DUMPLOG of everything."""

    @property
    def commands(self) -> Workload:
        """All lines but the closing DUMPLOG, laid out for the driver."""
        return load(self.lines)


def split(name: str, chunks: Iterable[bytes]) -> Load:
    """The load of a workload file's bytes."""
    lines = b"".join(chunks).splitlines(keepends=True)
    if lines and _DUMP in lines[-1] and lines[-1].count(b",") == 1:
        return Load(name, lines[:-1], lines[-1])
    return Load(name, lines, None)


def course(file: Path | None = None) -> Load:
    """That file; without one the course's 100 users, or as many generated ones where the file is not to be had."""
    if file is None and _COURSE_FILE.exists():
        file = _COURSE_FILE
    return split(file.name, [file.read_bytes()]) if file else crowd(100, 100_000)


def crowd(users: int, commands: int, seed: int = SEED, symbols: int | None = None) -> Load:
    """A generated load."""
    return split(
        f"{users:,} generated users, {commands:,} commands", generate(users, commands, seed, symbols)
    )
