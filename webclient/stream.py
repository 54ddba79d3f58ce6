"""One reader of events: what waits to be sent to it, in a queue that is bounded, as bytes of a response that lasts.

The hub puts, the reader's own thread (greenlet) takes. Whoever reads too slowly is hung up on, and comes back by itself.
"""

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from core.limits import MAX_STREAM_BYTES, STREAM_HEARTBEAT_MS
from webclient.pushed import HEARTBEAT, RETRY

_SEND_BUFFER: Final = 64 * 1024
_ESTABLISHED: Final = 1
"""TCP_ESTABLISHED in TCP_INFO: neither side has closed."""

NOT_BEGUN: Final = -1
"""Before any sequence number."""
Told = list[tuple[int, bytes]]
"""Fires and expiries with their sequence numbers."""


class Line:
    """The connection below a stream, where it is known: it tells what the stream itself cannot see."""

    def __init__(self, connection: socket.socket | None) -> None:
        self._connection = connection
        if connection is not None:
            with contextlib.suppress(OSError):  # closed already
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3 * STREAM_HEARTBEAT_MS)

    @classmethod
    def of(cls, environ: dict[str, Any]) -> "Line":
        """The connection of a request, as gunicorn gives it."""
        return cls(environ.get("gunicorn.socket"))

    def is_gone(self) -> bool:
        """Whether the reader has closed it. (Nothing is read, nothing waits; an SSL connection can be asked, too.)"""
        if self._connection is None:
            return False
        try:
            return self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED
        except OSError:
            return True

    def hang_up(self) -> None:
        """Ends it, also under a thread that is sending."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


class Stream:
    """An iterable of bytes that ends when the stream is closed."""

    def __init__(
        self, user: str, token: bytes, since: int | None, line: Line, forget: Callable[["Stream"], None]
    ) -> None:
        """`token` is the digest of the session's id; `since` the last sequence number that the reader has seen."""
        self.user = user
        self.token = token
        self.since = since
        self.told = NOT_BEGUN
        """The last sequence number that was put."""
        self._line = line
        self._forget = forget
        self._change = threading.Condition()
        self._waiting: list[bytes] = [RETRY]
        self._waiting_bytes = 0
        self._closed = False

    def begin(self, seq: int, hello: bytes) -> None:
        """The hub has found the reader's place."""
        self.told = seq
        self._put(hello)

    def tell(self, events: Told, others: bytes) -> None:
        """Fires and expiries, of which those pass that were not told before; then what has no number."""
        new = [event for seq, event in events if seq > self.told]
        if events:
            self.told = max(self.told, events[-1][0])
        self._put(b"".join(new) + others)

    def _put(self, data: bytes) -> None:
        if not data:
            return
        with self._change:
            self._waiting.append(data)
            self._waiting_bytes += len(data)
            too_slow = self._waiting_bytes > MAX_STREAM_BYTES
            self._change.notify()
        if too_slow:
            self.close()
            self._line.hang_up()

    def is_gone(self) -> bool:
        """Whether nobody reads any more."""
        return self._closed or self._line.is_gone()

    def close(self) -> None:
        """Ends it: what waits is still sent. May be called again, by anybody."""
        with self._change:
            if self._closed:
                return
            self._closed = True
            self._change.notify()
        self._forget(self)

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> bytes:
        """What there is to send; a heartbeat when there was nothing for too long."""
        with self._change:
            if not self._waiting and not self._closed:
                self._change.wait(STREAM_HEARTBEAT_MS / 1000)
            if self._waiting:
                data = b"".join(self._waiting)
                self._waiting.clear()
                self._waiting_bytes = 0
                return data
            if self._closed:
                raise StopIteration
            return HEARTBEAT
