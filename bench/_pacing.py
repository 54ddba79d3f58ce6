"""An open loop: lines leave at a set rate whatever the system does, and latency counts from when each was due.

So a system that stalls for 100 ms is charged with all that should have been sent meanwhile (no coordinated omission).
"""

import asyncio
import secrets
from array import array
from collections.abc import Sequence
from time import perf_counter
from typing import Final, cast
from zlib import crc32

import uvloop

from core.framing import split_number, user_field
from workload.replies import ReplyDecoder

_TICK_S: Final = 0.001
_LANES: Final = 4
_PATIENCE_S: Final = 30.0


class Schedule:
    """Line i is due i / rate seconds after the start."""

    def __init__(self, rate: float, count: int) -> None:
        self.rate = rate
        self.count = count

    def due(self, elapsed_s: float) -> int:
        """How many lines should have left by then."""
        return min(self.count, int(elapsed_s * self.rate) + 1)

    def due_at_s(self, index: int) -> float:
        """When line `index` is due."""
        return index / self.rate


def send(lines: Sequence[bytes], address: tuple[str, int], rate: float) -> "array[float]":
    """Sends numbered lines at `rate` a second over a few connections; milliseconds of each, in their order.

    Lines of one user keep their order. Raises TimeoutError when replies do not come, ProtocolError for nonsense.
    """
    return uvloop.run(_Loop(lines, address, rate).run())


class _Loop:
    def __init__(self, lines: Sequence[bytes], address: tuple[str, int], rate: float) -> None:
        self._lines = lines
        self._address = address
        self._schedule = Schedule(rate, len(lines))
        split = [split_number(line) for line in lines]
        self._index = {b"%d" % (number or 0): index for index, (number, _) in enumerate(split)}
        assert len(self._index) == len(lines), "each line needs a number of its own"
        self._lane_of = [crc32(user_field(body)) % _LANES for _, body in split]
        self.latencies_ms = array("d", bytes(8 * len(lines)))
        self._left = len(lines)
        self._start_s = 0.0
        self._done = asyncio.Event()

    async def run(self) -> "array[float]":
        lanes = [await self._connect() for _ in range(_LANES)]
        self._start_s = perf_counter()
        sent = 0
        while sent < len(self._lines):
            due = self._schedule.due(perf_counter() - self._start_s)
            self._send(lanes, sent, due)
            sent = due
            await asyncio.sleep(_TICK_S)
        async with asyncio.timeout(_PATIENCE_S):
            await self._done.wait()
        for lane in lanes:
            lane.transport.close()
        return self.latencies_ms

    async def _connect(self) -> "_Lane":
        _, protocol = await asyncio.get_running_loop().create_connection(lambda: _Lane(self), *self._address)
        protocol.transport.write(b"SESSION %b\n" % secrets.token_hex(16).encode())
        async with asyncio.timeout(_PATIENCE_S):
            await protocol.opened.wait()
        return protocol

    def _send(self, lanes: "list[_Lane]", first: int, end: int) -> None:
        chunks: list[list[bytes]] = [[] for _ in lanes]
        for index in range(first, end):
            chunks[self._lane_of[index]].append(self._lines[index])
        for lane, chunk in zip(lanes, chunks, strict=True):
            if chunk:
                lane.transport.write(b"".join(chunk))

    def answered(self, replies: list[tuple[bytes, bytes]]) -> None:
        """Takes down when replies came."""
        elapsed_s = perf_counter() - self._start_s
        for digits, _ in replies:
            index = self._index[digits]
            self.latencies_ms[index] = (elapsed_s - self._schedule.due_at_s(index)) * 1000
        self._left -= len(replies)
        if not self._left:
            self._done.set()


class _Lane(asyncio.Protocol):
    """One connection, with a session of its own."""

    transport: asyncio.Transport

    def __init__(self, loop: _Loop) -> None:
        self._loop = loop
        self._decoder = ReplyDecoder()
        self.opened = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        replies, _ = self._decoder.feed(data)
        if self._decoder.is_open:
            self.opened.set()
        if replies:
            self._loop.answered(replies)
