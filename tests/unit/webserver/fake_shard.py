"""A transaction shard for tests: keeps the promises of the real one (once, in order, repeats from memory), decides nothing.

Its replies say which request of the user this was: `[N] OK {"user":"u","turn":3}`, so that a client can check the order.
As a process of its own: `python -m tests.unit.webserver.fake_shard PORT`.
"""

import asyncio
import sys
import threading
from collections import Counter
from typing import cast

import uvloop

from core import codec
from core.framing import FrameDecoder


class FakeShard:
    """What it was sent and did, over all its connections."""

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.applied: list[codec.Request] = []
        """In the order of their effects."""
        self.received: list[codec.Request] = []
        self.replies: dict[tuple[str, int], bytes] = {}
        self.links: set[_Link] = set()
        self.silent = False
        """Whether it takes requests and answers none of them (they count as decided)."""
        self.highest: dict[str, int] = {}
        self._turns: Counter[str] = Counter()

    async def listen(self, port: int) -> asyncio.Server:
        """Accepts web servers."""
        return await asyncio.get_running_loop().create_server(lambda: _Link(self), "127.0.0.1", port)

    def cut(self) -> None:
        """Breaks all its connections."""
        for link in list(self.links):
            link.transport.abort()

    def decide(self, request: codec.Request) -> bytes:
        """The reply; the same for a repeat."""
        self.received.append(request)
        key = (request.session, request.number)
        reply = self.replies.get(key)
        if reply is None:
            reply = self.replies[key] = self._apply(request)
        return reply

    def _apply(self, request: codec.Request) -> bytes:
        self.applied.append(request)
        self.highest[request.session] = max(self.highest.get(request.session, 0), request.number)
        if request.refusal:
            code, _, text = request.refusal.partition(": ")
            return codec.error_reply(request.number, code, text)
        self._turns[request.user] += 1
        return codec.ok_reply(
            request.number, f'{{"user":"{request.user}","turn":{self._turns[request.user]}}}'
        )


class _Link(asyncio.Protocol):
    def __init__(self, shard: FakeShard) -> None:
        self._shard = shard
        self._decoder = FrameDecoder()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._shard.links.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._shard.links.discard(self)

    def data_received(self, data: bytes) -> None:
        for _, payload in self._decoder.feed(data):
            message = codec.decode(payload)
            if isinstance(message, codec.Requests):
                replies = codec.Replies([(item.tag, self._shard.decide(item)) for item in message.items])
                answer = codec.encode(replies)
            else:
                assert isinstance(message, codec.HighestQuery)
                highest = self._shard.highest.get(message.session, 0)
                answer = codec.encode(codec.HighestReply(message.tag, highest))
            if not self._shard.silent:
                asyncio.get_running_loop().call_later(self._shard.delay_s, self._answer, answer)

    def _answer(self, frame: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(frame)


class ShardThread:
    """A FakeShard that serves in a thread of the test."""

    def __init__(self, port: int, delay_s: float = 0.0) -> None:
        self.port = port
        self.shard = FakeShard(delay_s)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> "ShardThread":
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        self.away()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def listen(self) -> None:
        """Accepts connections (again)."""
        self._server = asyncio.run_coroutine_threadsafe(self.shard.listen(self.port), self._loop).result(10)

    def away(self) -> None:
        """Breaks all connections and accepts no more; what it decided it remembers."""

        async def close() -> None:
            if self._server is not None:
                self._server.close()
                self._server = None
            self.shard.cut()

        asyncio.run_coroutine_threadsafe(close(), self._loop).result(10)


async def _serve(port: int) -> None:
    await FakeShard().listen(port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
