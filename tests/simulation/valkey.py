"""The fake Valkey: values with a life, locks, one channel; it forgets everything, is away, and answers that get lost.

The three scripts of quotecache/scripts do here what their Lua says; `test_fidelity.py` holds both against each other.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any, Final

import msgspec
from redis.exceptions import ConnectionError as LostConnection

from quotecache.freshness import Quote, newer
from tests.simulation.world import Broken, Process, World

_quote = msgspec.json.Decoder(Quote).decode
_quotes = msgspec.json.Decoder(list[Quote]).decode


class Valkey:
    """The server."""

    def __init__(
        self, world: World, is_durable: Callable[[Quote], bool], lost_share: float, usual_us: int
    ) -> None:
        self.world = world
        self.away = False
        self.lost_share = lost_share
        self._usual_us = usual_us
        self._is_durable = is_durable
        self._values: dict[str, tuple[bytes, int | None]] = {}
        self._subscribers: list[tuple[Process, asyncio.Queue[bytes | None]]] = []

    def travel_us(self) -> int:
        return int(self.world.chance.random() * self._usual_us) + 10

    def flush(self) -> None:
        """FLUSHALL."""
        self._values.clear()

    def stop(self, duration_us: int, keep: bool) -> None:
        """It is away for a while; it comes back empty, unless it was only out of reach."""
        self.away = True
        if not keep:
            self._values.clear()
        subscribers, self._subscribers = self._subscribers, []
        for process, queue in subscribers:
            self.world.after(self.travel_us(), process.call_soon, queue.put_nowait, None)
        self.world.after(duration_us, self._start)

    def _start(self) -> None:
        self.away = False

    def subscribe(self, process: Process, queue: "asyncio.Queue[bytes | None]") -> None:
        self._subscribers.append((process, queue))

    # Commands.

    def get(self, key: str) -> bytes | None:
        value, end_us = self._values.get(key, (None, None))
        if end_us is not None and end_us <= self.world.now_us:
            del self._values[key]
            return None
        return value

    def set(self, key: str, value: bytes, life_ms: int | None = None) -> None:
        end_us = None if life_ms is None else self.world.now_us + life_ms * 1000
        self._values[key] = (value, end_us)

    def _enter(self, era: str, pause: str, pause_ms: int, knows: bool) -> None:
        if self.get(era) is None:
            self.set(era, b"1")
            if knows:
                self.set(pause, b"1", pause_ms)

    def ask(self, keys: list[str], arguments: list[Any]) -> list[bytes | int]:
        """ask.lua"""
        token, lock_ms, now_ms, life_ms, pause_ms, knows = arguments
        self._enter(keys[0], keys[1], pause_ms, knows == "1")
        paused = self.get(keys[1]) is not None
        answers: list[bytes | int] = []
        for quote_key, lock_key in zip(keys[2::2], keys[3::2], strict=True):
            answer: bytes | int = 0
            stored = self.get(quote_key)
            if stored is not None and now_ms - _quote(stored).time_ms <= life_ms:
                answer = stored
            else:
                owner = self.get(lock_key)
                if owner == token.encode():
                    answer = 1
                elif owner is None and paused:
                    answer = -1
                elif owner is None:
                    self.set(lock_key, token.encode(), lock_ms)
                    answer = 1
            answers.append(answer)
        return answers

    def hold(self, keys: list[str], arguments: list[Any]) -> None:
        """hold.lua"""
        token, lock_ms, pause_ms = arguments
        self._enter(keys[0], keys[1], pause_ms, True)
        for key in keys[2:]:
            if self.get(key) in (None, token.encode()):
                self.set(key, token.encode(), lock_ms)

    def share(self, keys: list[str], arguments: list[Any]) -> None:
        """share.lua; nothing is shared that is not durable."""
        token, _, message, *rest = arguments
        for place in range(0, len(keys), 2):
            text, keep_ms = rest[place], int(rest[place + 1])
            if text and keep_ms > 0:
                self._check(_quote(text))
                stored = self.get(keys[place])
                if stored is None or newer(_quote(text), _quote(stored)):
                    self.set(keys[place], text, keep_ms)
            if self.get(keys[place + 1]) == token.encode():
                del self._values[keys[place + 1]]
        if message:
            for quote in _quotes(message):
                self._check(quote)
            for process, queue in self._subscribers:
                self.world.after(self.travel_us(), process.call_soon, queue.put_nowait, message)

    def _check(self, quote: Quote) -> None:
        if not self._is_durable(quote):
            raise Broken(f"a quote of {quote.symbol} was shared before its hit was durable")

    # Access.

    def run(
        self, process: Process, name: str, keys: list[str], arguments: list[Any]
    ) -> "asyncio.Future[Any]":
        """A script on its way there and back."""
        future = process.create_future()
        self.world.after(self.travel_us(), self._execute, process, future, name, keys, arguments)
        return future

    def _execute(
        self,
        process: Process,
        future: "asyncio.Future[Any]",
        name: str,
        keys: list[str],
        arguments: list[Any],
    ) -> None:
        chance = self.world.chance.random
        lost = chance() < self.lost_share
        if lost:
            self.world.counts["cache call lost"] += 1
        value = None
        if not self.away and not (lost and chance() < 0.5):
            value = getattr(self, name)(keys, arguments)
            self.world.note("cache", process.name, name)
            if name == "share" or len(keys) > 2:
                self.world.on_event(name, process)
        failed = lost or self.away
        self.world.after(self.travel_us(), process.call_soon, _settle, future, value, failed)


class SimulatedRedis:
    """redis.asyncio.Redis as quotecache.valkey uses it."""

    class connection_pool:
        connection_kwargs: Final = {"db": 0}

    def __init__(self, server: Valkey, process: Process) -> None:
        self._server = server
        self._process = process

    def register_script(self, text: str) -> Callable[..., Any]:
        """`text` is the script's name (seams.py)."""
        return partial(self._run, text)

    def _run(self, name: str, keys: list[str], args: list[Any]) -> "asyncio.Future[Any]":
        return self._server.run(self._process, name, keys, list(args))

    def pubsub(self) -> "Channel":
        return Channel(self._server, self._process)

    async def aclose(self) -> None:
        """There is nothing to close."""


class Channel:
    """A subscription."""

    def __init__(self, server: Valkey, process: Process) -> None:
        self._server = server
        self._process = process
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def __aenter__(self) -> "Channel":
        return self

    async def __aexit__(self, *problem: object) -> None:
        """What still comes is read by nobody."""

    async def subscribe(self, name: str) -> None:
        server = self._server
        await asyncio.sleep(server.travel_us() / 1e6)
        if server.away:
            raise LostConnection("refused")
        server.subscribe(self._process, self._queue)

    async def listen(self) -> AsyncGenerator[dict[str, Any], None]:
        yield {"type": "subscribe"}
        while True:
            data = await self._queue.get()
            if data is None:
                raise LostConnection("closed")
            yield {"type": "message", "data": data}


def _settle(future: "asyncio.Future[Any]", value: Any, failed: bool) -> None:
    if future.done():
        return
    if failed:
        future.set_exception(LostConnection("connection lost"))
    else:
        future.set_result(value)
