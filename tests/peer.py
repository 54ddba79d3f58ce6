"""The other end of a connection that speaks lines, for tests. Everything waits a bounded time."""

import socket


class Peer:
    """One connection."""

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self.socket = sock
        self._buffer = b""
        sock.settimeout(timeout_s)

    def line(self) -> bytes:
        """The next line without its LF; b"" when the other side has closed."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def lines(self, count: int) -> list[bytes]:
        """The next so many lines."""
        return [self.line() for _ in range(count)]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
