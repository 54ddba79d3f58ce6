"""A parsed file laid out by user and in segments, compactly: what a Plan walks through.

A file is a row of segments. Lines of one segment may be outstanding together; a segment begins when all lines of the
one before it are answered. A full DUMPLOG is a segment of its own; and a number that a segment already holds begins a
new one, so that of a number occurring twice the first is answered before the second is sent (commands.md).
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from core.commands import DUMPLOG
from workload.parse import Item, Malformed

MAX_MALFORMED_KEPT: Final = 1_000
"""Malformed lines that are remembered with their reason; all of them are counted."""


class UserLines:
    """All lines of one user in order, as one run of bytes: about 50 bytes a line in memory."""

    __slots__ = ("ends", "numbers", "text", "user")

    def __init__(self, user: bytes | None) -> None:
        self.user = user
        self.text = bytearray()
        self.ends = array("Q", [0])
        """Line i is text[ends[i]:ends[i + 1]]."""
        self.numbers = array("Q")

    def append(self, number: int, line: bytes) -> None:
        """Adds a line, which ends in LF."""
        self.text += line
        self.ends.append(len(self.text))
        self.numbers.append(number)

    def slice(self, start: int, end: int) -> bytearray:
        """Lines start to end - 1."""
        return self.text[self.ends[start] : self.ends[end]]


class Workload:
    """Everything a file asks for: the lines to send, by user and in segments, and the lines that are not sent."""

    def __init__(self) -> None:
        self.users: list[UserLines] = []
        """In order of first appearance. The full DUMPLOGs are kept like a user's lines, under user None."""
        self.segments: list[dict[int, int]] = []
        """For each segment: index into `users` -> end of that user's lines in it."""
        self.sizes: list[int] = []
        """Lines in each segment."""
        self.dumps: dict[int, bool] = {}
        """Numbers of the DUMPLOG lines -> True for one without a user."""
        self.malformed: list[Malformed] = []
        self.malformed_count = 0

    @property
    def total(self) -> int:
        """Lines to send."""
        return sum(self.sizes)

    @property
    def user_count(self) -> int:
        """Different users that the lines name."""
        return sum(1 for lines in self.users if lines.user)


def lay_out(items: Iterable[Item | Malformed]) -> Workload:
    """The workload of these parsed lines, which are read once."""
    workload = Workload()
    places: dict[bytes | None, int] = {}
    numbers = _SegmentNumbers()
    barrier_before = True
    for item in items:
        if isinstance(item, Malformed):
            _note_malformed(workload, item)
            continue
        number, user, command, line = item
        if not numbers.add(number) or barrier_before or user is None:
            workload.segments.append({})
            workload.sizes.append(0)
            numbers.restart(number)
        barrier_before = user is None
        place = places.get(user)
        if place is None:
            place = places[user] = len(workload.users)
            workload.users.append(UserLines(user))
        lines = workload.users[place]
        lines.append(number, line)
        workload.segments[-1][place] = len(lines.numbers)
        workload.sizes[-1] += 1
        if command == DUMPLOG:
            workload.dumps[number] = user is None
    return workload


def _note_malformed(workload: Workload, item: Malformed) -> None:
    workload.malformed_count += 1
    if len(workload.malformed) < MAX_MALFORMED_KEPT:
        workload.malformed.append(item)


class _SegmentNumbers:
    """The numbers of the segment that is being filled. Rising ones, as in nearly every file, cost eight bytes each."""

    def __init__(self) -> None:
        self._rising = array("Q")
        self._others: set[int] = set()

    def restart(self, number: int) -> None:
        """A new segment, with this number in it."""
        self._rising = array("Q", [number])
        self._others = set()

    def add(self, number: int) -> bool:
        """Adds a number. False when the segment had it already."""
        rising = self._rising
        if not rising or number > rising[-1]:
            rising.append(number)
            return True
        if rising[bisect_left(rising, number)] == number or number in self._others:
            return False
        self._others.add(number)
        return True
