"""What the corruptions share: places are chosen by what the contract says of them, never by what the grader finds."""

import random
from collections.abc import Callable

from tests.unit.grader.market import Record

Records = list[Record]
Plant = Callable[[Records, random.Random], bool]
"""Changes one thing in the records of a right log, in place; False when there is no place for it."""

LIFE_MS = 60_000
PRICED = ("QUOTE", "BUY", "SELL")


def pick(rng: random.Random, places: list[Record]) -> Record | None:
    """One of the places; None when there are none."""
    return rng.choice(places) if places else None


def commands(records: Records) -> list[Record]:
    """The commands among the records."""
    return [record for record in records if record.kind == "command"]


def of_kind(records: Records, kind: str) -> list[Record]:
    """The hits, expiries or fires."""
    return [record for record in records if record.kind == kind]


def cached_uses(records: Records) -> list[Record]:
    """Commands that used a cached price."""
    return [record for record in commands(records) if record.has("systemEvent")]


def drop(record: Record, kind: str) -> None:
    """Takes the first event of this kind out."""
    index = next(place for place, (name, _) in enumerate(record.events) if name == kind)
    del record.events[index]
