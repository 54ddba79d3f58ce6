"""The simulator's doors: the protocol, and what it counts as a hit."""

import asyncio
import json
import socket
import struct
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from core.clock import SystemClock
from core.money import parse_decimal
from quotecache.legacy.delays import parse_delay
from quotecache.legacy.faults import Faults
from quotecache.legacy.prices import parse_price
from quotecache.legacy.record import Record
from quotecache.legacy.server import LegacyServer
from quotecache.protocol import parse_reply

CLOCK = SystemClock()


class Doors:
    """An open simulator."""

    def __init__(self, quotes: asyncio.Server, control: asyncio.Server) -> None:
        self.address: tuple[str, int] = quotes.sockets[0].getsockname()
        self._control: tuple[str, int] = control.sockets[0].getsockname()

    async def say(self, request: bytes, half_close: bool = False) -> bytes:
        """All that comes back until the server closes."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(request)
        if half_close:
            writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()

    async def counts(self) -> dict[str, Any]:
        reader, writer = await asyncio.open_connection(*self._control)
        line = await reader.read()
        writer.close()
        assert line.endswith(b"}\n")
        counts: dict[str, Any] = json.loads(line)
        return counts


@asynccontextmanager
async def simulator(
    delay: str = "none", price: str = "walk", fault: str = "", seed: int = 1, record: Path | None = None
) -> AsyncIterator[Doors]:
    loop = asyncio.get_running_loop()
    server = LegacyServer(
        parse_delay(delay, seed),
        parse_price(price, seed),
        Faults.parse(fault, seed),
        CLOCK,
        Record(record, CLOCK),
    )
    quotes = await loop.create_server(server.quote_door, "127.0.0.1", 0, backlog=4096)
    control = await loop.create_server(server.control_door, "127.0.0.1", 0)
    yield Doors(quotes, control)
    quotes.close()
    control.close()


def test_a_valid_reply_is_a_hit_with_a_key_of_its_own() -> None:
    async def body() -> None:
        async with simulator() as doors:
            before_ms = CLOCK.now_ms()
            replies = [await doors.say(b"ABC,ann\n") for _ in range(50)]
            keys = set()
            for reply in replies:
                answer = parse_reply(reply[:-1], "ABC", "ann")
                assert answer is not None
                assert before_ms <= answer.time_ms <= CLOCK.now_ms()
                assert len(answer.key) == 56
                assert len(b64decode(answer.key, validate=True)) == 42
                keys.add(answer.key)
            assert len(keys) == 50
            counts = await doors.counts()
            assert (counts["hits"], counts["by_symbol"]) == (50, {"ABC": 50})

    uvloop.run(body())


def test_symbol_and_user_come_back_as_they_were_sent() -> None:
    async def body() -> None:
        async with simulator(price="fixed:1234") as doors:
            assert (await doors.say(b"aBc,Ann.B_c-1\r\n")).startswith(b"12.34,aBc,Ann.B_c-1,")
            assert (await doors.counts())["by_symbol"] == {"ABC": 1}

    uvloop.run(body())


def test_bad_requests_are_answered_na_and_are_no_hits() -> None:
    requests = [
        b"\n",
        b"ABC\n",
        b"ABC,\n",
        b",ann\n",
        b"ABCD,ann\n",
        b"A C,ann\n",
        b"ABC,a b\n",
        b"\xff,\xff\n",
        b"x" * 600,
    ]

    async def body() -> None:
        async with simulator() as doors:
            for request in requests:
                price, _, user, _, _ = (await doors.say(request)).split(b",")
                assert (price, user) == (b"0.00", b"NA")
            counts = await doors.counts()
            assert (counts["hits"], counts["requests"], counts["bad_requests"]) == (0, 0, len(requests))

    uvloop.run(body())


def test_who_closes_the_sending_half_still_gets_the_reply() -> None:
    async def body() -> None:
        async with simulator(delay="fixed:50") as doors:
            assert parse_reply((await doors.say(b"ABC,ann\n", half_close=True))[:-1], "ABC", "ann")

    uvloop.run(body())


def test_who_closes_without_a_request_gets_nothing() -> None:
    async def body() -> None:
        async with simulator() as doors:
            assert await doors.say(b"", half_close=True) == b""
            assert (await doors.counts())["abandoned"] == 0

    uvloop.run(body())


def test_the_kth_hit_of_a_symbol_is_the_same_in_whatever_order_symbols_come() -> None:
    async def prices(order: str, seed: int) -> dict[str, list[int | None]]:
        seen: dict[str, list[int | None]] = {}
        async with simulator(seed=seed) as doors:
            for symbol in order:
                reply = await doors.say(f"{symbol},ann\n".encode())
                seen.setdefault(symbol, []).append(parse_decimal(reply.split(b",")[0].decode()))
        return seen

    async def body() -> None:
        assert await prices("AABBCC", 1) == await prices("CABACB", 1)
        assert await prices("AABBCC", 1) != await prices("AABBCC", 2)

    uvloop.run(body())


def test_a_drip_is_a_hit_once_the_last_byte_is_sent() -> None:
    async def body() -> None:
        async with simulator(fault="drip:1") as doors:
            reader, writer = await asyncio.open_connection(*doors.address)
            writer.write(b"ABC,ann\n")
            first = await reader.readexactly(40)
            assert (await doors.counts())["hits"] == 0
            assert parse_reply((first + await reader.read())[:-1], "ABC", "ann")
            assert (await doors.counts())["hits"] == 1
            writer.close()

    uvloop.run(body())


def test_faulty_replies_are_no_hits() -> None:
    async def body() -> None:
        async with simulator(fault="garbage:0.6,cut:0.4") as doors:
            for _ in range(60):
                reply = await doors.say(b"ABC,ann\n")
                assert parse_reply(reply.partition(b"\n")[0], "ABC", "ann") is None or b"\n" not in reply
            counts = await doors.counts()
            assert (counts["hits"], counts["requests"]) == (0, 60)
            assert set(counts["faults"]) == {"garbage", "cut"}

    uvloop.run(body())


def test_refuse_resets_and_hang_never_answers() -> None:
    async def body() -> None:
        async with simulator(fault="refuse:1") as doors:
            with pytest.raises(ConnectionResetError):
                await doors.say(b"ABC,ann\n")
            assert (await doors.counts())["faults"] == {"refuse": 1}
        async with simulator(fault="hang:1") as doors:
            reader, writer = await asyncio.open_connection(*doors.address)
            writer.write(b"ABC,ann\n")
            done, _ = await asyncio.wait({asyncio.create_task(reader.read())}, timeout=0.3)
            assert not done
            counts = await doors.counts()
            assert (counts["open"], counts["faults"]) == (1, {"hang": 1})
            writer.close()

    uvloop.run(body())


def test_a_client_that_resets_before_its_reply_is_not_charged() -> None:
    async def body() -> None:
        async with simulator(delay="fixed:200") as doors:
            client = socket.create_connection(doors.address)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(b"ABC,ann\n")
            await asyncio.sleep(0.05)
            client.close()
            await asyncio.sleep(0.3)
            counts = await doors.counts()
            assert (counts["hits"], counts["abandoned"]) == (0, 1)

    uvloop.run(body())


def test_two_thousand_at_once() -> None:
    async def body() -> None:
        async with simulator(delay="fixed:1000", price="fixed:100") as doors:
            replies = await asyncio.gather(*(doors.say(f"ABC,u{n}\n".encode()) for n in range(2_000)))
            assert all(parse_reply(r[:-1], "ABC", f"u{n}") for n, r in enumerate(replies))
            assert (await doors.counts())["hits"] == 2_000

    uvloop.run(body())


def test_hits_and_faults_stand_in_the_record_before_the_client_knows(tmp_path: Path) -> None:
    path = tmp_path / "record"

    async def ask_both() -> tuple[bytes, bytes]:
        async with simulator(record=path) as doors:
            good = await doors.say(b"ABC,ann\n")
        async with simulator(record=path, fault="garbage:1") as doors:
            return good, await doors.say(b"ABC,bob\n")

    good, _ = uvloop.run(ask_both())
    hit, fault = (line.split(" ") for line in path.read_text().splitlines())
    assert [hit[0], *hit[2:]] == ["hit", "ABC", "ann", good.decode().rstrip("\n").split(",")[4]]
    assert [fault[0], fault[2]] == ["garbage", "ABC"]
