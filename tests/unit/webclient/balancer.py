"""A load balancer that does what the test says, line by line."""

import contextlib
import socket
from types import TracebackType

_PATIENCE_S = 10.0


class Connection:
    """One connection that the web client made. Everything waits a bounded time."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._buffer = b""
        sock.settimeout(_PATIENCE_S)

    def line(self) -> bytes:
        """The next line that came, without its LF; b"" when the client closed."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def lines(self, count: int) -> list[bytes]:
        return [self.line() for _ in range(count)]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, line: bytes) -> None:
        """Answers an ADD with its own user, so that whoever asked can tell that it is his answer."""
        number, user = line[1 : line.index(b"]")], line.split(b",")[1]
        self.send(b'[%b] OK {"cash":"1.00","user":"%b"}\n' % (number, user))

    def is_closed(self) -> bool:
        """Waits until the client has closed it."""
        with contextlib.suppress(ConnectionError):
            while self.socket.recv(1 << 16):
                pass
        return True

    def close(self) -> None:
        self.socket.close()


class Balancer:
    """Listens; every connection is handed to the test."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_PATIENCE_S)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._connections: list[Connection] = []

    def __enter__(self) -> "Balancer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go()
        for connection in self._connections:
            connection.close()

    def accept(self, greet: bool = True) -> Connection:
        """The next connection, its session opened."""
        connection = Connection(self._listener.accept()[0])
        self._connections.append(connection)
        if greet:
            assert connection.line().startswith(b"SESSION web-")
            connection.send(b"SESSION OK\n")
        return connection

    def go(self) -> None:
        """Refuses connections from now on."""
        self._listener.close()

    def come_back(self) -> None:
        """Listens again, at the same address."""
        self._listener = socket.create_server(self.address)
        self._listener.settimeout(_PATIENCE_S)
