"""One command's way through the logs of all tiers, by its key (session/N)."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

KEY: Final = re.compile(r"[A-Za-z0-9_.#-]{1,64}/[0-9]{1,16}\Z")
_NOT_SHOWN: Final = ("key", "tier", "event", "timestamp", "level")


class Line(Struct, frozen=True):
    """One line of a log."""

    timestamp: str
    """ISO 8601, UTC: as text they sort by time."""
    tier: str
    event: str
    details: dict[str, object]
    """Whatever else it says."""


def logs(directory: Path) -> list[Path]:
    """The tiers' logs in a stack's folder, those that were moved aside first."""
    folder = directory / "logs"
    return [*sorted(folder.glob("*.log.1")), *sorted(folder.glob("*.log"))]


def trail(paths: Iterable[Path], key: str) -> list[Line]:
    """Every line with that key, in order of time; those of one moment as they stand. A line cut in two by a kill is no line."""
    return sorted((line for path in paths for line in _lines(path, key)), key=lambda line: line.timestamp)


def _lines(path: Path, key: str) -> Iterator[Line]:
    mark = msgspec.json.encode(key)
    with path.open("rb") as file:
        for text in file:
            if mark not in text:
                continue
            try:
                found = msgspec.json.decode(text, type=dict[str, object])
            except msgspec.DecodeError:
                continue
            if found.get("key") != key:
                continue
            details = {
                name: value for name, value in found.items() if name not in _NOT_SHOWN and value is not None
            }
            tier = str(found.get("tier", path.name.partition(".")[0]))
            yield Line(str(found.get("timestamp", "")), tier, str(found.get("event", "")), details)
