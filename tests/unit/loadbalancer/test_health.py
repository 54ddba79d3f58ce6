"""The health checker against sockets that answer, are silent, or vanish."""

import contextlib
import queue
import select
import socket
import threading
from collections.abc import Iterator

import pytest

from core.clock import SystemClock
from core.settings import Address
from loadbalancer.health import Checker
from tests.unit.loadbalancer.tiers import free_port

Events = queue.Queue[str]


class Echo:
    """A web server that can only ping: sends every byte back, or nothing while `silent`."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", port))
        self._connections: list[socket.socket] = []
        self._stop = threading.Event()
        self.silent = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            ready, _, _ = select.select([self._listener, *self._connections], [], [], 0.05)
            for sock in ready:
                if sock is self._listener:
                    self._connections.append(sock.accept()[0])
                    continue
                with contextlib.suppress(OSError):
                    data = sock.recv(1000)
                    if not self.silent:
                        sock.sendall(data)
                    if data:
                        continue
                self._connections.remove(sock)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for sock in [self._listener, *self._connections]:
            sock.close()


class Watch:
    """A checker on one address, and what it reported."""

    def __init__(self, port: int) -> None:
        self.events: Events = queue.Queue()
        self.links: list[socket.socket] = []
        self.checker = Checker([Address(("127.0.0.1", port))], SystemClock())
        self._thread = threading.Thread(target=self.checker.run, args=(self._up, self._down))
        self._thread.start()

    def _up(self, server: int, link: socket.socket) -> None:
        self.links.append(link)
        self.events.put(f"up {server}")

    def _down(self, server: int) -> None:
        self.events.put(f"down {server}")
        self.checker.lost(server)

    def next(self) -> str:
        return self.events.get(timeout=10)

    def close(self) -> None:
        self.checker.stop()
        self._thread.join()
        for link in self.links:
            link.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def watch(port: int) -> Iterator[Watch]:
    made = Watch(port)
    yield made
    made.close()


def test_a_server_that_answers_gets_a_link(port: int, watch: Watch) -> None:
    echo = Echo(port)
    assert watch.next() == "up 0"
    watch.links[0].sendall(b"hello")
    assert watch.links[0].recv(10) == b"hello"
    assert watch.events.empty()
    echo.close()
    assert watch.next() == "down 0"
    echo = Echo(port)
    assert watch.next() == "up 0"
    echo.close()


def test_a_server_that_is_silent_is_dead_until_it_speaks(port: int, watch: Watch) -> None:
    echo = Echo(port)
    assert watch.next() == "up 0"
    echo.silent = True
    assert watch.next() == "down 0"
    assert watch.events.empty()
    echo.silent = False
    assert watch.next() == "up 0"
    echo.close()


def test_a_lost_link_is_made_again_while_the_server_lives(port: int, watch: Watch) -> None:
    echo = Echo(port)
    assert watch.next() == "up 0"
    watch.checker.lost(0)
    assert watch.next() == "up 0"
    echo.close()
