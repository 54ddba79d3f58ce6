"""A TCP proxy between the clients and the load balancer: keeps the ledger, sets the pace, and is where connections suffer.

One thread with an event loop of its own; the strikes, in the main thread, only set the fields below and read counts.
"""

import asyncio
import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from typing import Final

from core.settings import Address
from faults.ledger import Ledger
from stack import ports

_READ_BYTES: Final = 64 * 1024
_PACED_BYTES: Final = 2 * 1024
"""About 60 lines: a pace is no pace when the lines go a thousand at a time."""
_BUFFER_BYTES: Final = 1024 * 1024
_SLICES_S: Final = 0.002
"""A pause after each 64 slices, so that the others get their turn."""
_BURST_S: Final = 0.1
_PACE_S: Final = 0.05
_END_S: Final = 0.02


class SharedLedger(Ledger):
    """A ledger that several threads write."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def sent(self, connection: int, lines: bytes) -> None:
        with self._lock:
            super().sent(connection, lines)

    def answered(self, connection: int, lines: bytes) -> None:
        with self._lock:
            super().answered(connection, lines)

    def lost(self, connection: int) -> None:
        with self._lock:
            super().lost(connection)


class Proxy:
    """Forwards connections to `target`. `start`, then clients connect to `address`; `stop` in the end."""

    def __init__(self, target: Address, ledger: Ledger, seed: int) -> None:
        self._target = target
        self._ledger = ledger
        self._chance = random.Random(seed)
        self._connections = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._up = threading.Event()
        self._port = 0
        self._stopping: asyncio.Event | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._next_s = 0.0
        self.rate: float | None = None
        """Request lines a second, all connections together; None for as many as go through."""
        self.requests_to_cut = 0
        """So many chunks of requests, the next ones, end within a line, and with them their connections."""
        self.replies_to_cut = 0
        """The same for chunks of replies."""
        self.slicing = False
        """Everything goes on byte by byte."""
        self.delay_s = 0.0
        """Every chunk waits for so long."""
        self.struck: Counter[str] = Counter()
        """What was done: requests cut, replies cut, slices, delays."""

    @property
    def address(self) -> Address:
        """Where clients connect."""
        return Address((ports.LOOPBACK, self._port))

    def start(self) -> None:
        """Returns when clients can connect."""
        self._thread.start()
        self._up.wait()

    def stop(self) -> None:
        """Ends all connections and the thread."""
        if self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._converse, ports.LOOPBACK, 0, limit=_BUFFER_BYTES)
        self._port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stopping.wait()
        server.close()
        self.rate = None
        while self._open:
            for writer in self._open:
                writer.transport.abort()
            await asyncio.sleep(_END_S)

    async def _converse(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        connection = next(self._connections)
        self._open.add(to_client)
        try:
            server, to_server = await asyncio.open_connection(*self._target, limit=_BUFFER_BYTES)
        except OSError:
            to_client.transport.abort()
            self._open.discard(to_client)
            return
        pumps = {
            asyncio.ensure_future(self._requests(connection, client, to_server)),
            asyncio.ensure_future(self._replies(connection, server, to_client)),
        }
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            to_client.transport.abort()
            to_server.transport.abort()
            self._ledger.lost(connection)
            self._open.discard(to_client)

    async def _requests(
        self, connection: int, client: asyncio.StreamReader, server: asyncio.StreamWriter
    ) -> None:
        rest = b""
        with contextlib.suppress(ConnectionError):
            while data := await client.read(_READ_BYTES if self.rate is None else _PACED_BYTES):
                data = rest + data
                whole = data.rfind(b"\n") + 1
                rest = data[whole:]
                await self._pace(data.count(b"\n"))
                cut = self._cut(data[:whole]) if self.requests_to_cut > 0 else 0
                lines = data[: cut or whole]
                self._ledger.sent(connection, lines[: lines.rfind(b"\n") + 1])
                await self._forward(server, lines)
                if cut:
                    self.requests_to_cut -= 1
                    self.struck["requests cut"] += 1
                    return

    async def _replies(
        self, connection: int, server: asyncio.StreamReader, client: asyncio.StreamWriter
    ) -> None:
        rest = b""
        with contextlib.suppress(ConnectionError):
            while data := await server.read(_READ_BYTES):
                lines = rest + data
                whole = lines.rfind(b"\n") + 1
                rest = lines[whole:]
                self._ledger.answered(connection, lines[:whole])
                cut = self._cut(data) if self.replies_to_cut > 0 else 0
                await self._forward(client, data[:cut] if cut else data)
                if cut:
                    self.replies_to_cut -= 1
                    self.struck["replies cut"] += 1
                    return

    def _cut(self, data: bytes) -> int:
        """A place within a line of `data`, where a connection may end; 0 when there is none."""
        place = self._chance.randrange(1, len(data)) if len(data) > 1 else 0
        return place - 1 if place and data[place - 1] == ord("\n") else place

    async def _pace(self, count: int) -> None:
        """Waits until so many more lines may go."""
        if self.rate is not None:
            self._next_s = max(self._next_s, time.monotonic() - _BURST_S) + count / self.rate
            while self.rate is not None and (wait_s := self._next_s - time.monotonic()) > 0:
                await asyncio.sleep(min(wait_s, _PACE_S))

    async def _forward(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        if self.delay_s:
            self.struck["delays"] += 1
            await asyncio.sleep(self.delay_s)
        if not self.slicing:
            writer.write(data)
            await writer.drain()
            return
        for place in range(len(data)):
            if not self.slicing:
                writer.write(data[place:])
                break
            writer.write(data[place : place + 1])
            self.struck["slices"] += 1
            if place % 64 == 63:
                await asyncio.sleep(_SLICES_S)
        await writer.drain()
