"""A load balancer that does what the test says, line by line."""

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tests.peer import Peer

_PATIENCE_S = 10.0


class Connection(Peer):
    """One connection that the web client made."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock, _PATIENCE_S)

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

    def __enter__(self) -> Self:
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
            assert connection.line().startswith(b"SESSION web")
            connection.send(b"SESSION OK\n")
        return connection

    def go(self) -> None:
        """Refuses connections from now on."""
        self._listener.close()

    def come_back(self) -> None:
        """Listens again, at the same address."""
        self._listener = socket.create_server(self.address)
        self._listener.settimeout(_PATIENCE_S)


class Tiers(Balancer):
    """A balancer, and all that is behind it: answers every line at once, with the same words."""

    def __init__(self) -> None:
        super().__init__()
        self.says = b""
        """What follows the number."""
        self.lines: list[tuple[str, int, str]] = []
        """Session, number and command of what came."""
        self.before_answer: Callable[[str], object] = lambda command: None
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = self.accept(greet=False)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        session = connection.line().decode().removeprefix("SESSION ")
        connection.send(b"SESSION OK\n")
        with contextlib.suppress(OSError):
            while found := re.match(rb"\[(\d+)\] (.*)", connection.line()):
                number, command = int(found[1]), found[2].decode()
                self.lines.append((session, number, command))
                self.before_answer(command)
                connection.send(b"[%d] %b\n" % (number, self.says))
