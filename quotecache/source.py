"""Asks the legacy quote server (quote-server.md): one connection a quote, many at a time, again until the deadline.

A hit that the server has sent is never thrown away: it is paid for, so it must reach the audit log. And what is given
up is given up by a reset, so that the server does not count an answer that nobody will read.
"""

import asyncio
import random
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from core.clock import Clock
from core.errors import Unavailable
from core.limits import MAX_QUOTE_FETCHES, MAX_QUOTE_REPLY_BYTES, QUOTE_ATTEMPT_TIMEOUT_MS
from core.settings import Address
from quotecache.protocol import Answer, parse_reply, request_line

_FIRST_PAUSE_MS: Final = 50
_LONGEST_PAUSE_MS: Final = 300
"""Pauses between attempts double from the first to the longest, each cut by chance to between half and all of it. The
longest is short because a quote server that died is of use again within 2 s (invariants), and its start takes most of them."""

_LAST_LOOK_MS: Final = 100
"""The end of an attempt's time. A process that was stopped for longer than the attempt may take finds its timer run out
before it has read the reply that came meanwhile; the second, short wait reads it."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class QuoteSource:
    """The client of one quote server, shared by all fetches of a process."""

    def __init__(self, address: Address, clock: Clock) -> None:
        self._host, self._port = address
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_QUOTE_FETCHES)
        self._replies: set[_Reply] = set()
        self._closed = asyncio.Event()

    async def fetch(self, symbol: str, user: str, deadline_ms: int, wanted: Callable[[], bool]) -> Answer:
        """One hit. `deadline_ms` is monotonic; `wanted` is asked before each attempt.

        Raises Unavailable at the deadline, when it is not wanted any more, and when the source is closed.
        """
        pause_ms = _FIRST_PAUSE_MS
        while True:
            async with self._slots:
                left_ms = deadline_ms - self._clock.monotonic_ms()
                if left_ms <= 0 or self._closed.is_set() or not wanted():
                    raise Unavailable(f"no quote for {symbol}")
                answer = await self._attempt(symbol, user, min(left_ms, QUOTE_ATTEMPT_TIMEOUT_MS))
            if answer is not None:
                return answer
            await self._pause(random.uniform(pause_ms / 2, pause_ms))
            pause_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)

    def close(self) -> None:
        """Gives up the attempts that have no answer yet; their fetches, and all later ones, raise Unavailable."""
        self._closed.set()
        for reply in self._replies:
            reply.give_up()

    async def _attempt(self, symbol: str, user: str, timeout_ms: int) -> Answer | None:
        """One request; None when it brought no hit."""
        loop = asyncio.get_running_loop()
        reply = _Reply()
        end_s = loop.time() + timeout_ms / 1000
        try:
            async with asyncio.timeout_at(end_s):
                await loop.create_connection(lambda: reply, self._host, self._port)
        except (OSError, TimeoutError):
            return None
        self._replies.add(reply)
        try:
            reply.ask(request_line(symbol, user))
            # Not a timeout around the await: it would throw away a line that came in the same turn of the loop.
            for wait_s in (end_s - loop.time(), _LAST_LOOK_MS / 1000):
                if not reply.line.done():
                    await asyncio.wait({reply.line}, timeout=max(wait_s, 0))
        finally:
            self._replies.discard(reply)
            reply.give_up()
        line = reply.line.result()
        return None if line is None else parse_reply(line, symbol, user)

    async def _pause(self, pause_ms: float) -> None:
        """Waits, but not past `close`."""
        try:
            async with asyncio.timeout(pause_ms / 1000):
                await self._closed.wait()
        except TimeoutError:
            return


class _Reply(asyncio.Protocol):
    """One connection: sends a request, collects the line that answers it."""

    def __init__(self) -> None:
        self.line: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        """The reply without its LF; None when there is none and there will be none."""
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def ask(self, request: bytes) -> None:
        """Sends the request, unless the connection is lost already."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(request)

    def give_up(self) -> None:
        """Closes the connection: plainly after a whole line, else by a reset."""
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if not self.line.done():
                transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE
                )
            transport.abort()
        self._end(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        line, end, _ = self._received.partition(b"\n")
        if end:
            self._end(line)
        elif len(self._received) > MAX_QUOTE_REPLY_BYTES:
            self.give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(None)

    def _end(self, line: bytes | None) -> None:
        if not self.line.done():
            self.line.set_result(line)
