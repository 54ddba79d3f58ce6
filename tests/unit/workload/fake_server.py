"""A server for the driver's tests: keeps the promises of commands.md, and behaves as badly towards connections as told.

It applies a (session, number) once and answers repeats from its memory, keeps the order of each user, and mixes users.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

from core.framing import LineDecoder, split_number, user_field


@dataclass
class Faults:
    """How it misbehaves; shares are chances between 0 and 1."""

    cut: float = 0.0
    """For each flush: send part of a line and close."""
    busy: float = 0.0
    """For each request that is new."""
    slice_bytes: int | None = None
    """Send at most so many bytes at once."""
    max_cuts: int = 20
    refuse_session: bool = False
    garbage: bytes = b""
    """Sent in place of the first replies."""
    silent: bool = False


@dataclass
class FakeServer:
    """What it was sent and did."""

    seed: int
    faults: Faults
    applied: list[tuple[str, int, bytes]] = field(default_factory=list)
    """(session, number, body) in the order of their effects."""
    received: int = 0
    cuts: int = 0
    busy: int = 0
    replies: dict[tuple[str, int], bytes] = field(default_factory=dict)
    connections: int = 0
    address: tuple[str, int] = ("", 0)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)

    @contextlib.asynccontextmanager
    async def serve(self) -> AsyncIterator["FakeServer"]:
        """Listens on a free port until the block ends."""
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.address = server.sockets[0].getsockname()[:2]
        try:
            yield self
        finally:
            server.close()
            for writer in self.writers:
                writer.transport.abort()

    def body_order(self, user: bytes) -> list[int]:
        """Numbers of a user's requests in the order of their effects."""
        return [number for _, number, body in self.applied if user_field(body) == user]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.add(writer)
        with contextlib.suppress(ConnectionError):
            await self._serve_client(reader, writer)
        self.writers.discard(writer)
        writer.close()

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder, session = LineDecoder(), ""
        waiting: dict[bytes, deque[bytes]] = defaultdict(deque)
        while data := await reader.read(self.random.choice([64, 1000, 65536])):
            for line in decoder.feed(data):
                if not session:
                    session = line.removeprefix(b"SESSION ").decode()
                    writer.write(b"[0] ERR {}\n" if self.faults.refuse_session else b"SESSION OK\n")
                    continue
                self.received += 1
                number, body = split_number(line)
                assert number
                waiting[user_field(body)].append(self._apply(session, number, body))
            if not self.faults.silent and not await self._flush(waiting, writer):
                return

    def _apply(self, session: str, number: int, body: bytes) -> bytes:
        key = (session, number)
        if key in self.replies:
            if (session, number, body) in self.applied:
                return self.replies[key]
            return b'[%d] ERR {"code":"REUSED_NUMBER","message":""}\n' % number
        if self.random.random() < self.faults.busy:
            self.busy += 1
            return b'[%d] ERR {"code":"BUSY","message":"later"}\n' % number
        self.applied.append((session, number, body))
        if body.startswith(b"DUMPLOG"):
            reply = b'[%d] OK {"path":"/logs/%b","events":7}\n' % (number, body.rpartition(b"/")[2])
        elif body.startswith(b"SELL"):
            reply = b'[%d] ERR {"code":"INSUFFICIENT_SHARES","message":"none"}\n' % number
        else:
            reply = b'[%d] OK {"cash":"1.00"}\n' % number
        self.replies[key] = reply
        return reply

    async def _flush(self, waiting: dict[bytes, deque[bytes]], writer: asyncio.StreamWriter) -> bool:
        """Sends everything that waits, users mixed. False when it cut the connection instead."""
        out = [self.faults.garbage] if self.faults.garbage else []
        while waiting:
            user = self.random.choice(list(waiting))
            out.append(waiting[user].popleft())
            if not waiting[user]:
                del waiting[user]
        data = b"".join(out)
        if data and self.cuts < self.faults.max_cuts and self.random.random() < self.faults.cut:
            self.cuts += 1
            writer.write(data[: self.random.randrange(len(data))])
            return False
        size = self.faults.slice_bytes or len(data) or 1
        for start in range(0, len(data), size):
            writer.write(data[start : start + size])
            if self.faults.slice_bytes:
                await writer.drain()
                await asyncio.sleep(0)
        return True
