"""The balancer's health checker: a thread that pings every web server and connects to those that answer.

It pings over connections of its own. On the link that carries the lines a ping would stand behind them, and a web server
that stops reading because its shard is slow would look dead.
"""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Sequence

from core.clock import Clock
from core.errors import ProtocolError
from core.framing import LINK_PING, FrameDecoder, encode_link
from core.limits import PING_INTERVAL_MS, PONG_DEADLINE_MS, RECONNECT_MS
from core.settings import Address

_PING = encode_link(LINK_PING, 0, b"", b"")
_CONNECT_S = 0.5


class _Probe:
    """What is known of one web server."""

    def __init__(self, server: int, address: Address) -> None:
        self.server = server
        self.address = address
        self.socket: socket.socket | None = None
        self.decoder = FrameDecoder()
        self.asked_ms: int | None = None
        """When the ping went out that is not answered yet."""
        self.alive = False
        self.linked = False
        """Whether the loop has a link to it."""
        self.told = False
        """Whether the last thing said about it was that it is up."""


class Checker:
    """Finds out which web servers are alive, and links to them."""

    def __init__(self, addresses: Sequence[Address], clock: Clock) -> None:
        self._probes = [_Probe(server, address) for server, address in enumerate(addresses)]
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._stop = threading.Event()

    def lost(self, server: int) -> None:
        """The link to a web server broke; it gets a new one while it answers pings. May be called by another thread."""
        self._probes[server].linked = False

    def stop(self) -> None:
        """Has `run` return soon. May be called by another thread."""
        self._stop.set()

    def run(self, up: Callable[[int, socket.socket], None], down: Callable[[int], None]) -> None:
        """Checks until stopped: `up(server, socket)` gets a fresh link to a live server without one; `down` the dead."""
        while not self._stop.is_set():
            for probe in self._probes:
                self._ask(probe)
            # Pongs come at once, so a short look is enough; the rest of the pause needs no open eye.
            for key, _ in self._selector.select(RECONNECT_MS / 1000):
                self._hear(key.data)
            for probe in self._probes:
                self._judge(probe)
                self._report(probe, up, down)
            well = all(probe.alive and probe.linked for probe in self._probes)
            self._stop.wait((PING_INTERVAL_MS if well else RECONNECT_MS) / 1000)
        for probe in self._probes:
            self._close(probe)
        self._selector.close()

    def _ask(self, probe: _Probe) -> None:
        if probe.asked_ms is not None:
            return
        try:
            if probe.socket is None:
                probe.socket = socket.create_connection(probe.address, _CONNECT_S)
                probe.socket.setblocking(False)
                probe.decoder = FrameDecoder()
                self._selector.register(probe.socket, selectors.EVENT_READ, probe)
            probe.socket.send(_PING)
            probe.asked_ms = self._clock.monotonic_ms()
        except OSError:
            self._die(probe)

    def _hear(self, probe: _Probe) -> None:
        if probe.socket is None:
            return
        try:
            data = probe.socket.recv(4096)
            frames = probe.decoder.feed(data)
        except (OSError, ProtocolError):
            self._die(probe)
            return
        if not data:
            self._die(probe)
        elif any(kind == LINK_PING for kind, _ in frames):
            probe.asked_ms = None
            probe.alive = True

    def _judge(self, probe: _Probe) -> None:
        if probe.asked_ms is not None and self._clock.monotonic_ms() - probe.asked_ms >= PONG_DEADLINE_MS:
            self._die(probe)

    def _report(
        self, probe: _Probe, up: Callable[[int, socket.socket], None], down: Callable[[int], None]
    ) -> None:
        if probe.told and not probe.alive:
            probe.told = False
            down(probe.server)
        elif probe.alive and not probe.linked:
            with contextlib.suppress(OSError):
                link = socket.create_connection(probe.address, _CONNECT_S)
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                probe.linked = probe.told = True
                up(probe.server, link)

    def _die(self, probe: _Probe) -> None:
        self._close(probe)
        probe.alive = False

    def _close(self, probe: _Probe) -> None:
        probe.asked_ms = None
        if probe.socket is not None:
            self._selector.unregister(probe.socket)
            probe.socket.close()
            probe.socket = None
