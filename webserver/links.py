"""The web server's connections: asyncio protocols that feed the desk and carry what it sends."""

import asyncio
from typing import cast

from core import log
from core.clock import Clock
from core.codec import SHARD_MESSAGE
from core.errors import ProtocolError
from core.framing import LINK_PING, FrameDecoder
from core.limits import MAX_OUTPUT_BYTES_PER_CONNECTION
from webserver.desk import Desk


class _Link(asyncio.Protocol):
    """A connection that carries frames."""

    _transport: asyncio.Transport

    def __init__(self, links: "BalancerLinks") -> None:
        self._links = links
        self._decoder = FrameDecoder()
        self.closed = asyncio.get_running_loop().create_future()
        """Done when the connection is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but class
        self._transport.set_write_buffer_limits(MAX_OUTPUT_BYTES_PER_CONNECTION)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._links.bytes_in += len(data)
        try:
            self.received(self._decoder.feed(data))
        except ProtocolError as error:
            log.get_logger().warning("link dropped", link=type(self).__name__, why=str(error))
            self._transport.abort()

    def received(self, frames: list[tuple[int, bytes]]) -> None:
        """The frames that a chunk completed."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Sends bytes, or forgets them if the connection is closed."""
        if not self._transport.is_closing():  # uvloop raises on a closed transport
            self._links.bytes_out += len(data)
            self._transport.write(data)

    def close(self) -> None:
        """Closes once everything written has gone out."""
        self._transport.close()


class BalancerLinks:
    """All links from load balancers: they are read while the desk has room."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk = desk
        self.clock = clock
        self.open: set[BalancerLink] = set()
        self.full = False
        """Whether links that carry lines are not read now. Those with pings only are: this server is alive."""
        self.stopped = False
        """Whether nothing is read any more."""
        self.chunks = 0
        """Reads that brought lines or questions."""
        self.bytes_in = self.bytes_out = 0
        """From and to load balancers and shards."""

    def watch_fullness(self) -> None:
        """Stops reading when the desk is full, goes on when it has room again."""
        if self.full != (not self.desk.roomy if self.full else self.desk.full):
            self.full = not self.full
            self._watch_all()

    def stop(self) -> None:
        """Reads nothing more from anybody."""
        self.stopped = True
        self._watch_all()

    def _watch_all(self) -> None:
        for link in self.open:
            link.watch()


class BalancerLink(_Link):
    """A connection from a load balancer: lines and questions, or pings."""

    def __init__(self, links: BalancerLinks) -> None:
        super().__init__(links)
        self._choked = False
        self._reading = True
        self._only_pings = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._links.open.add(self)
        self.watch()

    def connection_lost(self, error: Exception | None) -> None:
        self._links.open.discard(self)
        super().connection_lost(error)

    def received(self, frames: list[tuple[int, bytes]]) -> None:
        if self._only_pings:
            self._only_pings = all(kind == LINK_PING for kind, _ in frames)
        self._links.chunks += not self._only_pings
        self._links.desk.frames(self, frames, self._links.clock.monotonic_ms())
        self._links.watch_fullness()

    def pause_writing(self) -> None:
        self._choked = True
        self.watch()

    def resume_writing(self) -> None:
        self._choked = False
        self.watch()

    def watch(self) -> None:
        """Reads or does not, as things are."""
        links = self._links
        reads = not (links.stopped or self._choked or (links.full and not self._only_pings))
        if reads != self._reading and not self._transport.is_closing():
            self._reading = reads
            if reads:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()


class ShardLink(_Link):
    """A connection to a transaction shard."""

    def __init__(self, shard: int, links: BalancerLinks) -> None:
        super().__init__(links)
        self._shard = shard

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        log.get_logger().info("shard up", shard=self._shard)
        self._links.desk.shard_up(self._shard, self)

    def connection_lost(self, error: Exception | None) -> None:
        log.get_logger().warning("shard down", shard=self._shard, why=str(error or "closed"))
        self._links.desk.shard_down(self._shard)
        super().connection_lost(error)

    def received(self, frames: list[tuple[int, bytes]]) -> None:
        if any(kind != SHARD_MESSAGE for kind, _ in frames):
            raise ProtocolError("a frame that no shard sends")
        self._links.desk.messages(self._shard, frames)
        self._links.watch_fullness()
