"""A process with a QuoteCache, for tests: each line of standard input is a JSON list of symbols that are wanted at once; the
answer is a line {"quotes": {symbol: key}, "failed": [symbol], "ms": how long it took}. Told by DAYTRADE_* as a tier is.
"""

import asyncio
import json
import sys

from core import serve
from core.clock import SystemClock
from core.settings import Settings
from db.pool import open_pool
from db.quotes import QuoteStore
from quotecache.cache import QuoteCache
from quotecache.freshness import Asker, Quote
from quotecache.source import QuoteSource
from quotecache.valkey import connect


class Desk:
    """Waits until every symbol of a round is answered."""

    def __init__(self) -> None:
        self.waiting: set[str] = set()
        self.quotes: dict[str, str] = {}
        self.failed: list[str] = []
        self.done = asyncio.Event()

    def on_quote(self, quotes: list[Quote]) -> None:
        for quote in quotes:
            if quote.symbol in self.waiting:
                self.waiting.discard(quote.symbol)
                self.quotes[quote.symbol] = quote.key
        self._check()

    def on_failure(self, symbol: str) -> None:
        self.waiting.discard(symbol)
        self.failed.append(symbol)
        self._check()

    def _check(self) -> None:
        if not self.waiting:
            self.done.set()


async def main(settings: Settings, stop: asyncio.Event) -> None:
    assert settings.quote_server is not None
    clock, desk = SystemClock(), Desk()
    pool = await open_pool(settings.database_url, 1, 2, settings.name)
    cache = QuoteCache(
        connect(settings.redis_url, settings.redis_password),
        QuoteSource(settings.quote_server, clock),
        QuoteStore(pool, settings.name),
        clock,
        settings.quote_life_ms,
        desk.on_quote,
        desk.on_failure,
    )
    await cache.start()
    orders = serve.spawn(take_orders(cache, desk, settings.name), "orders")
    await stop.wait()
    orders.cancel()
    await cache.stop()
    await pool.close()


async def take_orders(cache: QuoteCache, desk: Desk, name: str) -> None:
    lines = asyncio.StreamReader(limit=2**20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print("ready", flush=True)
    number, clock = 0, SystemClock()
    while line := await lines.readline():
        number, start_ms = number + 1, clock.monotonic_ms()
        symbols, now_ms = json.loads(line), clock.now_ms()
        desk.quotes = {s: q.key for s in symbols if (q := cache.get(s, now_ms))}
        desk.waiting, desk.failed = set(symbols) - set(desk.quotes), []
        desk.done.clear()
        cache.want([Asker(symbol, name, 1, number) for symbol in desk.waiting])
        if desk.waiting:
            await desk.done.wait()
        ms = clock.monotonic_ms() - start_ms
        print(json.dumps({"quotes": desk.quotes, "failed": desk.failed, "ms": ms}), flush=True)


if __name__ == "__main__":
    serve.run(main)
