"""The balancer's one I/O thread: epoll over non-blocking sockets, chunks in, one send per destination and round.

One thread, because four were slower: the interpreter's lock changes hands at every call. Other threads hand work over
with `post`. Idle connections cost a place in epoll's table and nothing else.
"""

import contextlib
import os
import select
import socket
from collections import deque
from collections.abc import Callable

from core import log
from core.clock import Clock
from core.errors import ProtocolError
from core.framing import FrameDecoder
from core.limits import DRAIN_DEADLINE_MS, LINGER_MS, MAX_WAITING_BYTES
from loadbalancer.balance import Balancer
from loadbalancer.client import Client

_RECEIVE_BYTES = 256 * 1024
_TICK_S = 0.25


class _ClientPort:
    """A client's socket."""

    __slots__ = ("client", "ended", "linger_until_ms", "mask", "socket")

    def __init__(self, sock: socket.socket, client: Client) -> None:
        self.socket = sock
        self.client = client
        self.mask = 0
        self.ended = False
        """Whether the client closed its side."""
        self.linger_until_ms = 0
        """Set once a connection that broke the protocol has had its last reply."""


class _LinkPort:
    """The socket of a link to a web server."""

    __slots__ = ("decoder", "mask", "server", "socket")

    def __init__(self, sock: socket.socket, server: int) -> None:
        self.socket = sock
        self.server = server
        self.mask = 0
        self.decoder = FrameDecoder()


class Loop:
    """Moves bytes between sockets and the Balancer."""

    def __init__(self, balancer: Balancer, clock: Clock, lost: Callable[[int], None]) -> None:
        """`lost` is told when a link to a web server breaks, so that somebody makes a new one."""
        self._balancer = balancer
        self._clock = clock
        self._lost = lost
        self._epoll = select.epoll()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._wake, select.EPOLLIN)
        self._inbox: deque[Callable[[], None]] = deque()
        self._ports: dict[int, _ClientPort | _LinkPort] = {}
        self._clients: dict[Client, _ClientPort] = {}
        self._links: dict[int, _LinkPort] = {}
        self._lingering: set[_ClientPort] = set()
        self._paused: set[_ClientPort] = set()
        self._full = False
        self._stop_at_ms: int | None = None
        self._accepted = 0
        self._closed = 0

    # What other threads may call.

    def post(self, work: Callable[[], None]) -> None:
        """Has the loop do something at the end of its round."""
        self._inbox.append(work)
        os.eventfd_write(self._wake, 1)

    def add_client(self, sock: socket.socket) -> None:
        """Hands over an accepted connection. Called by one thread only."""
        self._accepted += 1
        self.post(lambda: self._adopt_client(sock))

    def add_link(self, server: int, sock: socket.socket) -> None:
        """Hands over a connection to a web server that is alive."""
        self.post(lambda: self._adopt_link(server, sock))

    def drop_link(self, server: int) -> None:
        """Says that a web server is dead, whatever its link looks like."""
        self.post(lambda: self._drop_link(server, "no pong"))

    def stop(self) -> None:
        """Has the loop end when everything taken is answered, or after DRAIN_DEADLINE_MS."""
        self.post(self._begin_stop)

    @property
    def client_count(self) -> int:
        """Client connections that were handed over and are not closed."""
        return self._accepted - self._closed

    @property
    def accepted(self) -> int:
        """Client connections so far."""
        return self._accepted

    @property
    def link_count(self) -> int:
        """Web servers that a link leads to."""
        return len(self._links)

    @property
    def full(self) -> bool:
        """Whether nobody is read because all lines together need too much memory."""
        return self._full

    # The rounds.

    def run(self) -> None:
        """Works until stopped."""
        while not self._stopped():
            timed = self._lingering or self._stop_at_ms is not None or self._balancer.needs_time
            for descriptor, event in self._epoll.poll(_TICK_S if timed else None):
                port = self._ports.get(descriptor)
                if descriptor == self._wake:
                    os.eventfd_read(self._wake)
                elif isinstance(port, _ClientPort):
                    self._serve_client(port, event)
                elif port is not None:
                    self._serve_link(port, event)
            self._do_posted()
            if timed:
                self._tick()
            self._send_to_links()
            self._send_to_clients()
            self._watch_fullness()
        self._close_all()

    def _do_posted(self) -> None:
        # After the events, so that no event of this round can meet a new socket that has a closed one's descriptor.
        while self._inbox:
            self._inbox.popleft()()

    def _tick(self) -> None:
        now_ms = self._clock.monotonic_ms()
        self._balancer.expire(now_ms)
        for port in [port for port in self._lingering if port.linger_until_ms <= now_ms]:
            self._close_client(port)

    def _stopped(self) -> bool:
        if self._stop_at_ms is None:
            return False
        idle = not self._balancer.waiting_bytes and not self._balancer.output_bytes
        return idle or self._clock.monotonic_ms() >= self._stop_at_ms

    def _begin_stop(self) -> None:
        self._stop_at_ms = self._clock.monotonic_ms() + DRAIN_DEADLINE_MS
        for port in self._clients.values():
            self._watch_client(port)

    def _close_all(self) -> None:
        for port in self._ports.values():
            port.socket.close()
        self._epoll.close()

    # Clients.

    def _adopt_client(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = _ClientPort(sock, self._balancer.connected())
        self._clients[port.client] = self._ports[sock.fileno()] = port
        self._epoll.register(sock, port.mask)
        self._watch_client(port)

    def _serve_client(self, port: _ClientPort, event: int) -> None:
        if event & (select.EPOLLHUP | select.EPOLLERR) and not event & select.EPOLLIN:
            self._close_client(port)
            return
        if event & select.EPOLLIN:
            self._read_client(port)
        if event & select.EPOLLOUT and port.client in self._clients:
            self._balancer.changed.add(port.client)

    def _read_client(self, port: _ClientPort) -> None:
        if not port.mask & select.EPOLLIN:
            return
        try:
            data = port.socket.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._close_client(port)
            return
        if not data:
            port.ended = True
            self._balancer.ended(port.client)
        elif not port.client.finished:
            self._balancer.counts.bytes_in += len(data)
            self._balancer.received(port.client, data, self._clock.monotonic_ms())

    def _send_to_clients(self) -> None:
        changed, self._balancer.changed = self._balancer.changed, set()
        for client in changed:
            port = self._clients[client]
            if client.output.size:
                try:
                    sent = client.output.flush(port.socket)
                    self._balancer.sent(sent)
                    self._balancer.counts.bytes_out += sent
                except OSError:
                    self._close_client(port)
                    continue
            if client.drained:
                self._finish_client(port)
            if client in self._clients:
                self._watch_client(port)

    def _finish_client(self, port: _ClientPort) -> None:
        """All is said. Where the client still talks (its line was too long), closing now could destroy the last reply."""
        if port.ended:
            self._close_client(port)
        elif not port.linger_until_ms:
            port.linger_until_ms = self._clock.monotonic_ms() + LINGER_MS
            self._lingering.add(port)
            with contextlib.suppress(OSError):
                port.socket.shutdown(socket.SHUT_WR)

    def _watch_client(self, port: _ClientPort) -> None:
        """Tells epoll what to look for: bytes if there is room for them, or if they are to be thrown away."""
        client = port.client
        discards = client.finished and not port.ended
        reads = discards or (
            not self._full and self._stop_at_ms is None and self._balancer.wants_input(client)
        )
        mask = (select.EPOLLIN if reads else 0) | (select.EPOLLOUT if client.output.size else 0)
        if mask != port.mask:
            self._epoll.modify(port.socket, mask)
            port.mask = mask
        if self._full and not client.finished:
            self._paused.add(port)

    def _watch_fullness(self) -> None:
        """Reads from nobody while all lines together need too much memory; from all again at half of that."""
        if self._full and self._balancer.waiting_bytes < MAX_WAITING_BYTES // 2:
            self._full = False
            paused, self._paused = self._paused, set()
            for port in paused:
                self._watch_client(port)
        elif not self._full and self._balancer.waiting_bytes >= MAX_WAITING_BYTES:
            self._full = True
            for port in self._clients.values():
                self._watch_client(port)

    def _close_client(self, port: _ClientPort) -> None:
        del self._ports[port.socket.fileno()], self._clients[port.client]
        self._lingering.discard(port)
        self._paused.discard(port)
        self._balancer.gone(port.client)
        port.socket.close()
        self._closed += 1

    # Links to web servers.

    def _adopt_link(self, server: int, sock: socket.socket) -> None:
        self._drop_link(server, "replaced")
        sock.setblocking(False)
        port = _LinkPort(sock, server)
        self._links[server] = self._ports[sock.fileno()] = port
        self._epoll.register(sock, select.EPOLLIN)
        port.mask = select.EPOLLIN
        log.get_logger().info("web server up", server=server)
        self._balancer.server_up(server, self._clock.monotonic_ms())

    def _serve_link(self, port: _LinkPort, event: int) -> None:
        if not event & ~select.EPOLLOUT:
            return
        now_ms = self._clock.monotonic_ms()
        try:
            data = port.socket.recv(_RECEIVE_BYTES)
            for kind, payload in port.decoder.feed(data):
                self._balancer.heard(port.server, kind, payload, now_ms)
        except BlockingIOError:
            return
        except (OSError, ProtocolError) as error:
            self._drop_link(port.server, str(error))
            return
        if not data:
            self._drop_link(port.server, "closed")

    def _send_to_links(self) -> None:
        for port in list(self._links.values()):
            output = self._balancer.links[port.server]
            if output.size:
                try:
                    output.flush(port.socket)
                except OSError as error:
                    self._drop_link(port.server, str(error))
                    self._send_to_links()  # what was its own is now the others', who may have had their turn
                    return
            mask = select.EPOLLIN | (select.EPOLLOUT if output.size else 0)
            if mask != port.mask:
                self._epoll.modify(port.socket, mask)
                port.mask = mask

    def _drop_link(self, server: int, why: str) -> None:
        port = self._links.pop(server, None)
        if port is not None:
            del self._ports[port.socket.fileno()]
            port.socket.close()
            log.get_logger().warning("web server down", server=server, why=why)
            self._balancer.server_down(server, self._clock.monotonic_ms())
            self._lost(server)
