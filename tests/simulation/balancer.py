"""A load balancer's process: the real Loop and Balancer, with an epoll, sockets and a health checker of the fake network.

The real loop blocks in epoll and runs for ever; here each call of its `run` makes one round, when a socket is ready, when
somebody posted work, or when its own timer is due.
"""

import asyncio
import errno
import select as real_select
from collections.abc import Callable
from typing import Any, Final

from loadbalancer.balance import Balancer
from loadbalancer.client import Client
from loadbalancer.loop import Loop
from tests.simulation.network import Address, End, Network
from tests.simulation.world import Process

_CHECK_S: Final = 0.05
_STILL_CHECK_S: Final = 0.2
_FULL_US: Final = 20_000
"""The longest that a socket takes nothing."""
_DEAD_AFTER_US: Final = 1_000_000


class NumberedClient(Client):
    """A client connection that hashes the same in every run: sets of them are walked through."""

    __slots__ = ()

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return self is other


class Socket:
    """A non-blocking socket as the loop uses it. Now and then it takes a part of what it is given, and nothing for a while."""

    def __init__(self, end: End, descriptor: int) -> None:
        self._end = end
        self._descriptor = descriptor
        self._full_until_us = 0

    def fileno(self) -> int:
        return self._descriptor

    def setblocking(self, blocking: bool) -> None:
        """It never blocks."""

    def setsockopt(self, *option: object) -> None:
        """Options change nothing here."""

    def recv(self, size: int) -> bytes:
        end = self._end
        if end.inbox:
            return end.receive()
        if end.over == "reset":
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        if end.over:
            return b""
        raise BlockingIOError

    def send(self, data: bytes | memoryview) -> int:
        end = self._end
        if end.over == "reset":
            raise BrokenPipeError(errno.EPIPE, "reset")
        if end.network.world.now_us < self._full_until_us:
            raise BlockingIOError
        chance = end.network.world.chance.random
        size = len(data)
        if chance() < end.network.weather.slices:
            size = int(chance() * size)
            self._fill_up(int(chance() * _FULL_US))
        if not size:
            raise BlockingIOError
        end.send(bytes(data[:size]))
        return size

    def _fill_up(self, duration_us: int) -> None:
        """It takes nothing for so long."""
        world = self._end.network.world
        self._full_until_us = world.now_us + duration_us
        world.after(duration_us, self._end.wake)

    def shutdown(self, how: int) -> None:
        """Half-closing: the other side reads the end."""
        self._end.network.carry(self._end, b"")

    def close(self) -> None:
        epoll = Epoll.of(self._end.process)
        epoll.forget(self._descriptor)
        self._end.close()

    @property
    def event(self) -> int:
        """What epoll has to say about it."""
        end = self._end
        if end.over == "reset":
            return real_select.EPOLLIN | real_select.EPOLLHUP | real_select.EPOLLERR | real_select.EPOLLOUT
        takes = end.network.world.now_us >= self._full_until_us
        return (real_select.EPOLLIN if end.inbox or end.over else 0) | (real_select.EPOLLOUT if takes else 0)


class Epoll:
    """select.epoll, and os.eventfd beside it, of one process."""

    def __init__(self) -> None:
        process = asyncio.get_running_loop()
        assert isinstance(process, Process)
        self._process = process
        process.epoll = self  # type: ignore[attr-defined]
        self._sockets: dict[int, tuple[Socket, int]] = {}
        self._queued = False
        self._posted = False
        self._timer: Any = None
        self.round: Callable[[], None] = lambda: None

    @staticmethod
    def of(process: Process) -> "Epoll":
        """The process's epoll."""
        epoll: Epoll = process.epoll  # type: ignore[attr-defined]
        return epoll

    def register(self, socket: Any, mask: int) -> None:
        if isinstance(socket, Socket):
            self._sockets[socket.fileno()] = (socket, mask)
            self.wake()

    def modify(self, socket: Socket, mask: int) -> None:
        self._sockets[socket.fileno()] = (socket, mask)

    def forget(self, descriptor: int) -> None:
        self._sockets.pop(descriptor, None)

    def close(self) -> None:
        """The process ends."""

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        if timeout is not None and (self._timer is None or self._timer.cancelled()):
            self._timer = self._process.call_later(timeout, self._ring)
        found = self._due()
        self._process.world.chance.shuffle(found)
        return found

    def _due(self) -> list[tuple[int, int]]:
        always = real_select.EPOLLHUP | real_select.EPOLLERR
        events = [(number, sock.event & (mask | always)) for number, (sock, mask) in self._sockets.items()]
        return [(number, event) for number, event in events if event]

    def _ring(self) -> None:
        self._timer = None
        self.wake()

    def post(self) -> None:
        """Something was posted."""
        self._posted = True
        self.wake()

    def wake(self) -> None:
        """A round is needed."""
        if not self._queued:
            self._queued = True
            self._process.call_soon(self._go)

    def _go(self) -> None:
        self._queued = self._posted = False
        self.round()
        if self._posted:
            self.wake()
        elif self._due():
            # Not at once: a socket that takes nothing now would be asked without end at one moment of time.
            self._queued = True
            self._process.call_later(20e-6, self._go)


class SelectModule:
    """The `select` that loadbalancer.loop sees."""

    epoll = Epoll
    EPOLLIN, EPOLLOUT = real_select.EPOLLIN, real_select.EPOLLOUT
    EPOLLHUP, EPOLLERR = real_select.EPOLLHUP, real_select.EPOLLERR


class OsModule:
    """The `os` that loadbalancer.loop sees: an event that wakes the epoll of the process that writes."""

    EFD_NONBLOCK = EFD_CLOEXEC = 0

    @staticmethod
    def eventfd(value: int, flags: int) -> int:
        return 0

    @staticmethod
    def eventfd_write(descriptor: int, value: int) -> None:
        process = asyncio.get_running_loop()
        assert isinstance(process, Process)
        Epoll.of(process).post()

    @staticmethod
    def eventfd_read(descriptor: int) -> None:
        """It was read."""


class OneRound(Loop):
    """The real loop, one round a call."""

    _rounds_left = 0

    def once(self) -> None:
        """A round."""
        self._rounds_left = 1
        self.run()

    def _stopped(self) -> bool:
        self._rounds_left -= 1
        return self._rounds_left < 0

    def _close_all(self) -> None:
        """There is a next round."""


class BalancerProcess:
    """Boots a balancer on a process, and checks the health of its web servers."""

    def __init__(
        self, process: Process, network: Network, address: Address, web_servers: list[Address]
    ) -> None:
        self._process = process
        self._network = network
        self._web_servers = web_servers
        self._linked: set[int] = set()
        self._last_descriptor = 0
        self._last_session = 0
        names = [f"{host}:{port}" for host, port in web_servers]
        self.loop = OneRound(Balancer(names, self._new_session), process.clock, self._linked.discard)
        Epoll.of(process).round = self.loop.once
        network.accept(process, address, lambda end: self.loop.add_client(self._socket(end)))  # type: ignore[arg-type]
        for server, where in enumerate(web_servers):
            process.start(self._check(server, where))

    def _new_session(self) -> bytes:
        self._last_session += 1
        return f"own-{self._process.name}-{self._last_session}".encode()

    def _socket(self, end: End) -> Socket:
        self._last_descriptor += 1
        end.wake = Epoll.of(self._process).wake
        return Socket(end, self._last_descriptor)

    async def _check(self, server: int, address: Address) -> None:
        """As loadbalancer.health does: links to who is alive, gives up who has been silent for a second."""
        silent_since_us: int | None = None
        while True:
            now_us = self._process.world.now_us
            listener = self._network.listens(address)
            if listener is not None and listener.stalled:
                silent_since_us = now_us if silent_since_us is None else silent_since_us
                if server in self._linked and now_us - silent_since_us > _DEAD_AFTER_US:
                    self.loop.drop_link(server)
            else:
                silent_since_us = None
                if listener is not None and server not in self._linked:
                    await self._link(server, address)
            await asyncio.sleep(_STILL_CHECK_S if server in self._linked else _CHECK_S)

    async def _link(self, server: int, address: Address) -> None:
        try:
            end = await self._network.dial(self._process, address)
        except ConnectionRefusedError:
            return
        self._linked.add(server)
        self.loop.add_link(server, self._socket(end))  # type: ignore[arg-type]

    def misjudge(self, server: int) -> None:
        """The checker takes a living server for dead."""
        self._process.call_soon(self.loop.drop_link, server)
