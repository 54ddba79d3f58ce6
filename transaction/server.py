"""A transaction shard as a process: links from web servers in, a worker in the middle, dumps and sweeps beside it."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import msgspec
import psycopg

from core import codec, log, metrics
from core.clock import SystemClock
from core.errors import BUSY, ProtocolError, Unavailable
from core.framing import FrameDecoder
from core.ids import shard_of
from core.limits import (
    DOWN_DEADLINE_MS,
    DRAIN_DEADLINE_MS,
    MAX_FRAME_BYTES,
    MAX_OUTPUT_BYTES_PER_CONNECTION,
    MAX_WAITING_REQUESTS_PER_SHARD,
)
from core.serve import spawn
from core.settings import Settings
from db.dump import dump
from db.fires import changes
from db.pool import Pool, open_pool
from db.quotes import QuoteStore
from quotecache.cache import QuoteCache
from quotecache.freshness import Quote
from quotecache.source import QuoteSource
from quotecache.trace import Trace as QuoteTrace
from quotecache.valkey import connect
from transaction.batch import Entry
from transaction.decide import refusal_reply
from transaction.metrics import collect
from transaction.store import Store
from transaction.trace import Trace
from transaction.worker import Worker

SWEEP_EVERY_MS = 200
"""Expired pendings return within a second (commands.md): found at most this late."""
DUMPS_AT_ONCE = 2
DUMP_RETRY_MS = 500
"""Pause before a dump is tried again whose database or disk was away."""
MAX_REPLIES_BYTES = MAX_FRAME_BYTES // 4
"""Reply lines that go into one frame (a single one may be longer)."""


class Link(asyncio.Protocol):
    """One web server's connection. A broken message costs this connection and nothing else."""

    def __init__(self, shard: "Shard") -> None:
        self._shard = shard
        self._decoder = FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._full = False
        """The web server does not take its replies."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._transport.set_write_buffer_limits(high=MAX_OUTPUT_BYTES_PER_CONNECTION)
        self._shard.links.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._shard.links.discard(self)

    def pause_writing(self) -> None:
        self._full = True
        self._shard.throttle()

    def resume_writing(self) -> None:
        self._full = False
        self._shard.throttle()

    def data_received(self, data: bytes) -> None:
        try:
            for kind, payload in self._decoder.feed(data):
                if kind != codec.SHARD_MESSAGE:
                    raise ProtocolError(f"frame kind {kind}")
                self._handle(codec.decode(payload))
        except ProtocolError as error:
            log.get_logger().warning("link closed", error=str(error))
            self.close()

    def _handle(self, message: codec.Message) -> None:
        match message:
            case codec.Requests(items):
                self._shard.worker.arrive(self, items)
                self._shard.throttle()
            case codec.HighestQuery():
                spawn(self._shard.answer_highest(self, message), "highest number")
            case _:
                raise ProtocolError(f"a shard is not sent {type(message).__name__}")

    def send(self, replies: list[tuple[int, bytes]]) -> None:
        """Replies that belong to this web server, in as many frames as they need."""
        for part in in_frames(replies):
            self.write(codec.encode(codec.Replies(part)))

    def write(self, frame: bytes) -> None:
        """Sends a frame, unless the web server is gone: it asks again on its next connection."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def pause(self, paused: bool) -> None:
        """Stops or goes on reading; nothing is read from a web server that does not take its replies."""
        if self._transport is None or self._transport.is_closing():
            return
        paused = paused or self._full
        if paused and self._transport.is_reading():
            self._transport.pause_reading()
        elif not paused and not self._transport.is_reading():
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def in_frames(replies: list[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """The replies in order, cut into parts that a frame can hold."""
    start = size = 0
    for index, (_, line) in enumerate(replies):
        size += len(line)
        if size > MAX_REPLIES_BYTES and index > start:
            yield replies[start:index]
            start, size = index, len(line)
    yield replies[start:]


class Shard:
    """What a shard consists of, wired together."""

    def __init__(self, settings: Settings, pool: Pool) -> None:
        clock = SystemClock()
        assert settings.quote_server is not None, "DAYTRADE_QUOTE_SERVER is not set"
        self._settings = settings
        self._log_dir = settings.log_dir.resolve()
        self.links: set[Link] = set()
        self._pool = pool
        self._store = Store(pool, settings.name)
        self.quotes = QuoteCache(
            connect(settings.redis_url, settings.redis_password),
            QuoteSource(settings.quote_server, clock),
            QuoteStore(pool, settings.name),
            clock,
            settings.quote_life_ms,
            self._on_quote,
            self._on_failure,
        )
        self.worker = Worker(self._store, self.quotes, clock, settings.pending_life_ms, self._start_dump)
        if log.is_debug(settings.log_level):
            quote_trace = QuoteTrace()
            self.quotes.follow(quote_trace)
            self.worker.counts.trace = Trace(quote_trace)
        self._dumps = asyncio.Semaphore(DUMPS_AT_ONCE)
        self._stopping = False

    def _on_quote(self, quotes: list[Quote]) -> None:
        self.worker.on_quote(quotes)

    def _on_failure(self, symbol: str) -> None:
        self.worker.on_failure(symbol)

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set, then finishes what is being decided."""
        settings = self._settings
        metrics.serve(settings, "transaction", partial(collect, self.worker, self.quotes))
        await self._watch_pendings()
        await self.quotes.start()
        tasks = [
            spawn(self.worker.run(), "worker"),
            spawn(self._sweep(), "sweep"),
            spawn(self._listen(), "account changes"),
        ]
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Link(self), *settings.listen_address, backlog=1024)
        await stop.wait()
        server.close()
        self._stopping = True
        self.throttle()
        deadline = loop.time() + DRAIN_DEADLINE_MS / 1000
        while self.worker.waiting and loop.time() < deadline:
            await asyncio.sleep(0.02)
        for link in list(self.links):
            link.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.quotes.stop()
        await self._store.close()

    def throttle(self) -> None:
        """Back-pressure: no link is read while too much is waiting, nor when this shard is to stop."""
        throttled = self._stopping or self.worker.waiting > MAX_WAITING_REQUESTS_PER_SHARD
        for link in self.links:
            link.pause(throttled)

    async def answer_highest(self, link: Link, query: codec.HighestQuery) -> None:
        """The session's highest number in the database or waiting here; no answer while the database is away."""
        store = Store(self._pool, self._settings.name)
        try:
            stored = (await store.sessions([query.session]))[query.session].highest
        except Unavailable as error:
            log.get_logger().warning("highest number not known", error=str(error))
            return
        finally:
            await store.close()
        number = max(stored, self.worker.highest(query.session))
        link.write(codec.encode(codec.HighestReply(query.tag, number)))

    async def _watch_pendings(self) -> None:
        settings = self._settings
        while True:
            try:
                pendings = await self._store.pendings()
                break
            except Unavailable as error:
                log.get_logger().warning("database away", error=str(error))
                await asyncio.sleep(0.1)
        self.worker.watch_pendings(
            (user, oldest_ms)
            for user, oldest_ms in pendings
            if shard_of(user, settings.shard_count) == settings.shard
        )

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY_MS / 1000)
            self.worker.sweep()
            self.throttle()

    async def _listen(self) -> None:
        """Hears which accounts the trigger server changed. What is missed meanwhile the accounts' versions find."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._settings.database_url, autocommit=True
                ) as connection:
                    await connection.execute("LISTEN account_changed")
                    async for notice in connection.notifies():
                        self.worker.forget(changes(notice.payload))
            except psycopg.OperationalError as error:
                log.get_logger().warning("not listening", error=str(error))
            await asyncio.sleep(0.2)

    def _start_dump(self, entry: Entry) -> None:
        spawn(self._dump(entry), "dump")

    async def _dump(self, entry: Entry) -> None:
        request = entry.request
        assert request is not None
        path = self._log_dir / request.filename
        async with self._dumps:
            reply = await self._dumped(request.user or None, path)
        entry.link.send([(request.tag, f"[{request.number}] {reply}\n".encode())])
        if (trace := self.worker.counts.trace) is not None:
            trace.dumped(request, reply)
        self.worker.dumped(entry)

    async def _dumped(self, user: str | None, path: Path) -> str:
        """Writes the log and words the reply; BUSY when it cannot be written for DOWN_DEADLINE_MS."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DOWN_DEADLINE_MS / 1000
        while True:
            try:
                events = await dump(self._settings.database_url, path, user)
            except Unavailable as error:
                log.get_logger().warning("log not written", path=str(path), error=str(error))
                if loop.time() >= deadline:
                    return refusal_reply(BUSY, "the log cannot be written now; send the number again")
                await asyncio.sleep(DUMP_RETRY_MS / 1000)
            else:
                return "OK " + msgspec.json.encode({"path": str(path), "events": events}).decode()


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Runs one shard."""
    pool = await open_pool(settings.database_url, min_size=2, max_size=8, name=settings.name)
    try:
        await Shard(settings, pool).run(stop)
    finally:
        await pool.close()
