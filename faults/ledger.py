"""What became of each request: acknowledged, refused, or unknown until it was asked again. Pure: bytes in, counts out.

Kept by whoever stands between the clients and the system (faults.proxy) and sees every whole line in both directions.
A request is *unknown* when its connection ended before its reply; it is known again when it was sent once more and
answered. Of one number every final reply must be the same, but for commands that are done again (core.commands).
"""

import re
from typing import Final

from core.commands import REPEATABLE
from core.errors import BUSY

_REQUEST: Final = re.compile(rb"(?m)^\[([0-9]{1,16})\] ?([A-Z_]*)")
_REPLY: Final = re.compile(rb"(?m)^\[([0-9]{1,16})\] (.*)$")
_REPEATABLE: Final = frozenset(name.encode() for name in REPEATABLE)
_BUSY: Final = b'ERR {"code":"%b"' % BUSY.encode()
MAX_CONTRADICTIONS: Final = 20
"""Kept as sentences; all are counted."""


class Ledger:
    """All requests of one session, over any number of connections (known by numbers that the caller gives)."""

    def __init__(self) -> None:
        self.replies: dict[int, bytes] = {}
        """Number to its final reply, without the number."""
        self.unknown: set[int] = set()
        """Sent whole, and the connection ended before the reply."""
        self.ever_unknown = 0
        self.resent = 0
        """Requests sent again after their final reply or while they were unknown."""
        self.busy = 0
        self.contradictions: list[str] = []
        self.contradiction_count = 0
        self._seen: set[int] = set()
        self._again: set[int] = set()
        """Numbers of commands that are done again when repeated."""
        self._outstanding: dict[int, dict[int, None]] = {}

    @property
    def outstanding(self) -> list[int]:
        """Numbers that are with the system at this moment."""
        return [number for numbers in list(self._outstanding.values()) for number in list(numbers)]

    @property
    def sent_count(self) -> int:
        """Different requests that were sent."""
        return len(self._seen)

    @property
    def acknowledged(self) -> int:
        """Requests whose final reply is OK."""
        return sum(1 for reply in self.replies.values() if reply.startswith(b"OK"))

    @property
    def refused(self) -> int:
        """Requests whose final reply is a refusal."""
        return len(self.replies) - self.acknowledged

    @property
    def unanswered(self) -> set[int]:
        """Requests that were sent and have no final reply."""
        return self._seen - self.replies.keys()

    def done_again(self, number: int) -> bool:
        """Whether a repeat of this request may be answered differently."""
        return number in self._again

    def sent(self, connection: int, lines: bytes) -> None:
        """Whole lines go to the system. Call before they leave: their replies must not be here first."""
        outstanding = self._outstanding.setdefault(connection, {})
        for digits, command in _REQUEST.findall(lines):
            number = int(digits)
            if number in self._seen:
                self.resent += 1
            self._seen.add(number)
            if command in _REPEATABLE:
                self._again.add(number)
            outstanding[number] = None

    def answered(self, connection: int, lines: bytes) -> None:
        """Whole lines came from the system."""
        outstanding = self._outstanding.get(connection, {})
        for digits, reply in _REPLY.findall(lines):
            number = int(digits)
            if number not in outstanding:
                self._contradict(f"[{number}] was answered and not asked on that connection: {reply[:80]!r}")
                continue
            del outstanding[number]
            self._take(number, reply)

    def lost(self, connection: int) -> None:
        """The connection ended: what was outstanding on it is unknown now."""
        outstanding = self._outstanding.pop(connection, {})
        unknown = {number for number in outstanding if number not in self.replies}
        self.ever_unknown += len(unknown - self.unknown)
        self.unknown |= unknown

    def _take(self, number: int, reply: bytes) -> None:
        if reply.startswith(_BUSY):
            self.busy += 1
            return
        self.unknown.discard(number)
        before = self.replies.get(number)
        if before is None:
            self.replies[number] = reply
        elif before != reply and number not in self._again:
            self._contradict(f"[{number}] was answered {before[:80]!r} and then {reply[:80]!r}")

    def _contradict(self, sentence: str) -> None:
        self.contradiction_count += 1
        if len(self.contradictions) < MAX_CONTRADICTIONS:
            self.contradictions.append(sentence)
