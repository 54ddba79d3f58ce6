"""The client of the quote server: what is no hit is asked for again, and no hit is lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from core.clock import SystemClock
from core.errors import Unavailable
from core.settings import Address
from quotecache import source as source_module
from quotecache.protocol import Answer
from quotecache.source import QuoteSource

CLOCK = SystemClock()
VALID = b"12.34,ABC,ann,1167631200000,key\n"
ANSWER = Answer(1234, 1167631200000, "key")

Answers = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """Calls `answer` with the connection's number, from 1, once the request is read; closes after it."""

    def __init__(self, answer: Answers) -> None:
        self._answer = answer
        self.connections = self.open = self.most_open = self.resets = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[QuoteSource]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        yield QuoteSource(Address(("127.0.0.1", server.sockets[0].getsockname()[1])), CLOCK)
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            assert await reader.readline() == b"ABC,ann\n"
            await self._answer(number, reader, writer)
        except ConnectionResetError:
            self.resets += 1
        finally:
            self.open -= 1
            writer.close()


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    uvloop.run(coroutine)


async def fetch(
    source: QuoteSource, patience_ms: int = 5_000, wanted: Callable[[], bool] = lambda: True
) -> Answer:
    return await source.fetch("ABC", "ann", CLOCK.monotonic_ms() + patience_ms, wanted)


async def hang(_: int, reader: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await reader.read()


def test_a_reply_may_come_in_pieces() -> None:
    async def bytewise(_: int, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for place in range(len(VALID)):
            writer.write(VALID[place : place + 1])
            await writer.drain()
            await asyncio.sleep(0.001)

    async def body() -> None:
        async with Server(bytewise).listening() as source:
            assert await fetch(source) == ANSWER

    run(body())


def test_what_is_no_hit_is_asked_for_again() -> None:
    replies = [b"", b"NA\n", VALID[:-1], VALID.replace(b"ABC", b"XYZ"), b"x" * 5_000, b"\n", VALID]

    async def answer(number: int, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(replies[number - 1])
        await writer.drain()

    async def body() -> None:
        server = Server(answer)
        async with server.listening() as source:
            assert await fetch(source) == ANSWER
        assert server.connections == len(replies)

    run(body())


def test_a_server_that_never_ends_a_line_is_left() -> None:
    async def pour(_: int, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"7" * 1_000)
            await writer.drain()
            await asyncio.sleep(0.001)

    async def body() -> None:
        server = Server(pour)
        async with server.listening() as source:
            with pytest.raises(Unavailable):
                await fetch(source, 400)
        await asyncio.sleep(0.05)
        assert server.connections > 1
        assert server.open == 0

    run(body())


def test_the_deadline_ends_an_attempt_that_hangs_by_a_reset() -> None:
    async def body() -> None:
        server = Server(hang)
        async with server.listening() as source:
            with pytest.raises(Unavailable, match="no quote for ABC"):
                await fetch(source, 200)
            await asyncio.sleep(0.05)
        assert (server.connections, server.resets, server.open) == (1, 1, 0)

    run(body())


def test_a_port_where_nobody_listens_is_tried_until_the_deadline() -> None:
    async def body() -> None:
        async with Server(hang).listening() as source:
            pass
        with pytest.raises(Unavailable):
            await fetch(source, 200)

    run(body())


def test_what_is_not_wanted_any_more_is_not_asked_for() -> None:
    async def garbage(_: int, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"garbage\n")

    async def body() -> None:
        server = Server(garbage)
        wanted = iter([True, True, False])
        async with server.listening() as source:
            with pytest.raises(Unavailable):
                await fetch(source, wanted=lambda: next(wanted))
        assert server.connections == 2

    run(body())


def test_close_gives_up_what_has_no_answer_and_keeps_what_has() -> None:
    async def second_hangs(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if number == 2:
            await reader.read()
        writer.write(VALID)
        await writer.drain()
        await reader.read()

    async def body() -> None:
        server = Server(second_hangs)
        async with server.listening() as source:
            first = asyncio.create_task(fetch(source))
            await asyncio.sleep(0.05)
            second = asyncio.create_task(fetch(source))
            await asyncio.sleep(0.05)
            source.close()
            assert await first == ANSWER
            with pytest.raises(Unavailable):
                await second
            with pytest.raises(Unavailable):
                await fetch(source)
            await asyncio.sleep(0.05)
        assert (server.connections, server.resets) == (2, 1)

    run(body())


def test_connections_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "MAX_QUOTE_FETCHES", 3)

    async def slow(_: int, __: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        writer.write(VALID)

    async def body() -> None:
        server = Server(slow)
        async with server.listening() as source:
            assert await asyncio.gather(*(fetch(source) for _ in range(20))) == [ANSWER] * 20
        assert server.most_open == 3

    run(body())


def test_a_reply_that_came_while_the_process_was_stopped_counts() -> None:
    """The timer has run out when the process goes on, but the hit is there and paid for."""

    async def soon(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(VALID)
        await writer.drain()
        await reader.read()

    async def body() -> None:
        server = Server(soon)
        async with server.listening() as source:
            fetching = asyncio.create_task(fetch(source, 50))
            while server.connections == 0:
                await asyncio.sleep(0)
            time.sleep(0.1)  # noqa: ASYNC251
            assert await fetching == ANSWER

    run(body())
