"""A client of the web API that costs little: HTTP/1.1 on kept connections (asyncio on uvloop), requests as ready bytes, and of an
answer only the status and the body looked at.

Each lane is one user with a connection of their own, who sends the next request when the one before is answered. `paced` is an
open loop: request k of lane i is due at a fixed time whatever the system does, and its latency counts from then. `flat_out` is a
closed one.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Final, cast

import uvloop
from msgspec import Struct

from bench._pacing import Schedule
from core.errors import ProtocolError

Render = Callable[[int, int], bytes]
"""The whole request of a lane at a place, both from 0."""
Address = tuple[str, int]

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length:"
_TICK_S: Final = 0.001
_PATIENCE_S: Final = 60.0
_MAX_HEAD_BYTES: Final = 16 * 1024


class Answer(Struct, frozen=True):
    """One request's outcome."""

    lane: int
    place: int
    status: int
    body: bytes
    ms: float
    """Paced: since it was due; flat out: since it was sent."""


class Reader:
    """Bytes in, (status, body) out; for one connection that is kept. Answers without a Content-Length are an error."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[int, bytes] | None:
        """The answer, once it is there. Raises ProtocolError."""
        self._buffer += data
        end = self._buffer.find(_HEAD_END)
        if end < 0:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise ProtocolError(f"a head without end: {bytes(self._buffer[:80])!r}")
            return None
        status, length = _read_head(bytes(self._buffer[: end + 2]))
        body_at = end + len(_HEAD_END)
        if len(self._buffer) < body_at + length:
            return None
        body = bytes(self._buffer[body_at : body_at + length])
        del self._buffer[: body_at + length]
        if self._buffer:
            raise ProtocolError(f"more than one answer: {bytes(self._buffer[:80])!r}")
        return status, body


def _read_head(head: bytes) -> tuple[int, int]:
    if not head.startswith(b"HTTP/1.1 ") or not head[9:12].isdigit():
        raise ProtocolError(f"no answer of HTTP/1.1: {head[:80]!r}")
    status, lower = int(head[9:12]), head.lower()
    if b"\r\nconnection: close" in lower:
        raise ProtocolError(f"the connection is not kept: {head!r}")
    found = lower.find(_LENGTH)
    if found < 0:
        if status in {204, 304}:
            return status, 0
        raise ProtocolError(f"no length: {head!r}")
    return status, int(lower[found + len(_LENGTH) : lower.index(b"\r\n", found + 2)])


def paced(address: Address, lanes: int, render: Render, rate: float, count: int) -> list[Answer]:
    """`count` requests at `rate` a second, the lanes in turn. Raises OSError, TimeoutError, ProtocolError."""
    return uvloop.run(_Paced(address, lanes, render, Schedule(rate, count)).run())


def flat_out(address: Address, lanes: int, render: Render, seconds: float, together: int = 1) -> list[Answer]:
    """Every lane sends as soon as it is answered, and ends after that time with a multiple of `together`. Raises as `paced`."""
    return uvloop.run(_FlatOut(address, lanes, render, seconds, together).run())


class _Lane(asyncio.Protocol):
    """One user's connection."""

    transport: asyncio.Transport

    def __init__(self, answered: Callable[["_Lane", int, bytes], None], lane: int) -> None:
        self.lane = lane
        self.waiting: deque[int] = deque()
        """Places that are due."""
        self.place: int | None = None
        """The one that is sent and not answered."""
        self.since_s = 0.0
        self.failure: Exception | None = None
        self._answered = answered
        self._reader = Reader()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            answer = self._reader.feed(data)
        except ProtocolError as error:
            self.failure = error
            self.transport.abort()
            return
        if answer is not None:
            self._answered(self, *answer)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.place is not None and self.failure is None:
            self.failure = exc or ConnectionResetError("a connection ended before its answer came")


class _Loop:
    """What both loops share."""

    def __init__(self, address: Address, lanes: int, render: Render) -> None:
        self._address = address
        self._count = lanes
        self._render = render
        self.answers: list[Answer] = []

    async def connect(self) -> list[_Lane]:
        found = []
        for lane in range(self._count):
            _, protocol = await asyncio.get_running_loop().create_connection(
                lambda lane=lane: _Lane(self.answered, lane),  # type: ignore[misc]
                *self._address,
            )
            found.append(protocol)
        return found

    def answered(self, lane: _Lane, status: int, body: bytes) -> None:
        assert lane.place is not None, "an answer to nothing"
        ms = (perf_counter() - lane.since_s) * 1000
        self.answers.append(Answer(lane.lane, lane.place, status, body, ms))
        lane.place = None
        self.next(lane)

    def next(self, lane: _Lane) -> None:
        raise NotImplementedError

    def send(self, lane: _Lane, place: int, since_s: float) -> None:
        lane.place, lane.since_s = place, since_s
        lane.transport.write(self._render(lane.lane, place))

    async def finish(self, lanes: list[_Lane], is_done: Callable[[], bool]) -> list[Answer]:
        """Waits for what is outstanding. Raises TimeoutError, or what broke a connection."""
        async with asyncio.timeout(_PATIENCE_S):
            while not is_done():
                if broken := [lane.failure for lane in lanes if lane.failure is not None]:
                    raise broken[0]
                await asyncio.sleep(_TICK_S)
        for lane in lanes:
            lane.transport.close()
        return self.answers


class _Paced(_Loop):
    def __init__(self, address: Address, lanes: int, render: Render, schedule: Schedule) -> None:
        super().__init__(address, lanes, render)
        self._schedule = schedule
        self._start_s = 0.0

    async def run(self) -> list[Answer]:
        lanes = await self.connect()
        self._start_s = perf_counter()
        planned = 0
        while planned < self._schedule.count:
            due = self._schedule.due(perf_counter() - self._start_s)
            for index in range(planned, due):
                place, lane = divmod(index, self._count)
                lanes[lane].waiting.append(place)
                if lanes[lane].place is None:
                    self.next(lanes[lane])
            planned = due
            await asyncio.sleep(_TICK_S)
        return await self.finish(lanes, lambda: len(self.answers) == self._schedule.count)

    def next(self, lane: _Lane) -> None:
        if lane.waiting:
            place = lane.waiting.popleft()
            due_at_s = self._schedule.due_at_s(place * self._count + lane.lane)
            self.send(lane, place, self._start_s + due_at_s)


class _FlatOut(_Loop):
    def __init__(self, address: Address, lanes: int, render: Render, seconds: float, together: int) -> None:
        super().__init__(address, lanes, render)
        self._seconds = seconds
        self._together = together
        self._end_s = 0.0
        self._sent = [0] * lanes

    async def run(self) -> list[Answer]:
        lanes = await self.connect()
        self._end_s = perf_counter() + self._seconds
        for lane in lanes:
            self.next(lane)
        is_done = lambda: perf_counter() > self._end_s and all(lane.place is None for lane in lanes)  # noqa: E731
        return await self.finish(lanes, is_done)

    def next(self, lane: _Lane) -> None:
        place, now = self._sent[lane.lane], perf_counter()
        if now < self._end_s or place % self._together:
            self._sent[lane.lane] += 1
            self.send(lane, place, now)
