"""One lane of a replay: a connection that is opened again when it dies, with what was outstanding on it sent once more."""

import asyncio
from time import monotonic, perf_counter_ns
from typing import Final, Protocol, cast

from msgspec import Struct

from core.errors import ProtocolError
from workload.plan import Plan
from workload.replies import ReplyDecoder

_ATTEMPT_S: Final = 5.0
_PAUSE_S: Final = 0.05
_PAUSE_MAX_S: Final = 1.0


class Patience(Struct, frozen=True):
    """How long a replay puts up with what, in seconds, before it fails."""

    connect_s: float = 10.0
    """At the start: no connection with a session can be had."""
    reconnect_s: float = 60.0
    """Later: a lost one cannot be had again. Everything killed at once is back within 15 s."""
    silence_s: float = 300.0
    """Lines are outstanding and none gets its final reply, on any connection."""


class Broken(Exception):
    """Why a replay cannot go on."""


class Owner(Protocol):
    """What a lane needs of its replay."""

    plan: Plan
    address: tuple[str, int]
    session: str
    patience: Patience
    reconnects: int
    buffer: memoryview
    """For reading into, one for all lanes."""

    def connected(self) -> None:
        """A connection is there and lines are about to be sent."""

    def received(self, lane: int, replies: list[tuple[bytes, bytes]], lines: bytes) -> None:
        """Replies came. Raises ProtocolError when one of them answers nothing."""


class Lane:
    """A share of the users and the connection that serves them at present."""

    def __init__(self, owner: Owner, index: int) -> None:
        self._owner = owner
        self._index = index
        self._connection: _Connection | None = None

    async def run(self) -> None:
        """Keeps the lane connected until cancelled. Raises Broken when that cannot be done, or the server talks nonsense."""
        patience_s, down_since_s, pause_s = self._owner.patience.connect_s, monotonic(), _PAUSE_S
        while True:
            connection = _Connection(self._owner, self._index)
            self._connection = connection
            try:
                reason = await self._live(connection)
            finally:
                self._connection = None
                connection.close()
            if connection.was_open:
                self._owner.reconnects += 1
                patience_s, down_since_s, pause_s = self._owner.patience.reconnect_s, monotonic(), _PAUSE_S
            if monotonic() - down_since_s > patience_s:
                host, port = self._owner.address
                raise Broken(f"no connection to {host}:{port} for {patience_s:g} s: {reason}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSE_MAX_S)

    async def _live(self, connection: "_Connection") -> str:
        """From connecting until the connection ends; why it did."""
        try:
            async with asyncio.timeout(_ATTEMPT_S):
                await asyncio.get_running_loop().create_connection(lambda: connection, *self._owner.address)
        except TimeoutError:
            return f"no answer within {_ATTEMPT_S:g} s"
        except OSError as error:
            return str(error)
        return await connection.lost

    def send(self) -> None:
        """Sends what the plan allows."""
        if self._connection is not None:
            self._connection.send()

    def retry(self) -> None:
        """Sends once more what was answered BUSY."""
        if self._connection is not None:
            self._connection.retry()


class _Connection(asyncio.BufferedProtocol):
    """One connection, from its SESSION line to its end.

    The buffer is larger than what is there to read as a rule: the event loop reads a connection again at once, up to 32
    times, when a read has filled its buffer, and a fast server's other connections then wait for half a second.
    """

    def __init__(self, owner: Owner, lane: int) -> None:
        self._owner = owner
        self._lane = lane
        self._decoder = ReplyDecoder()
        self._transport: asyncio.Transport | None = None
        self._can_write = False
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        """Done when the connection has ended: with the reason, or Broken when the replay must end too."""

    @property
    def was_open(self) -> bool:
        """The server accepted the session."""
        return self._decoder.is_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._can_write = True
        self._owner.connected()
        opening = b"SESSION %b\n" % self._owner.session.encode()
        self._transport.write(opening + self._owner.plan.resend(self._lane))
        self.send()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._owner.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.lost.done():
            return
        try:
            replies, lines = self._decoder.feed(bytes(self._owner.buffer[:nbytes]))
            if replies:
                self._owner.received(self._lane, replies, lines)
        except ProtocolError as error:
            self.lost.set_exception(Broken(str(error)))
            return
        self.send()

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        self._can_write = False
        if not self.lost.done():
            self.lost.set_result(str(error) if error else "the server closed the connection")

    def send(self) -> None:
        """Sends what the plan allows, until the socket takes no more."""
        while self._can_write and self._transport is not None and not self._transport.is_closing():
            chunk = self._owner.plan.take(self._lane, perf_counter_ns())
            if not chunk:
                return
            self._transport.write(chunk)

    def retry(self) -> None:
        """Sends once more what was answered BUSY."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._owner.plan.retry(self._lane))

    def close(self) -> None:
        """Ends the connection, if there is one."""
        self.lost.cancel()
        if self._transport is not None:
            self._transport.abort()
