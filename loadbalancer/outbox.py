"""Bytes that wait until a socket takes them."""

from collections import deque
from typing import Protocol

_PIECE_BYTES = 1024 * 1024


class Sender(Protocol):
    """The part of a non-blocking socket that is needed here."""

    def send(self, data: bytes | memoryview, /) -> int:
        """Sends what fits and says how much. Raises BlockingIOError when nothing does."""


class Outbox:
    """A queue of bytes for one socket. Its owner bounds it by looking at `size`."""

    __slots__ = ("_parts", "size")

    def __init__(self) -> None:
        self._parts: deque[bytes | memoryview] = deque()
        self.size = 0
        """Bytes in it."""

    def put(self, data: bytes) -> None:
        """Appends bytes."""
        self._parts.append(data)
        self.size += len(data)

    def clear(self) -> None:
        """Forgets everything: the socket is gone."""
        self._parts.clear()
        self.size = 0

    def flush(self, socket: Sender) -> int:
        """Sends as much as the socket takes, in few calls; returns how many bytes went. Raises OSError of a dead socket."""
        before = self.size
        while self._parts:
            piece = self._next_piece()
            try:
                sent = socket.send(piece)
            except BlockingIOError:
                sent = 0
            self.size -= sent
            if sent < len(piece):
                self._parts.appendleft(memoryview(piece)[sent:])
                break
        return before - self.size

    def _next_piece(self) -> bytes | memoryview:
        first = self._parts.popleft()
        if not self._parts or len(first) >= _PIECE_BYTES:
            return first
        pieces, total = [first], len(first)
        while self._parts and total < _PIECE_BYTES:
            pieces.append(self._parts.popleft())
            total += len(pieces[-1])
        return b"".join(pieces)
