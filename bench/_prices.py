"""Changes prices of a running stack, by the very way that a tier takes with a hit (db.quotes, then Valkey), and hears of fires.

Everything runs in a thread with an event loop of its own, so that a replay in this process goes on meanwhile.
"""

import asyncio
import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Final

import psycopg

from bench._arming import FIRING_CENTS
from core.limits import QUOTE_LIFE_MS
from db.fires import changes
from db.pool import open_pool
from db.quotes import record_hits
from quotecache.freshness import Hit, Quote
from quotecache.valkey import SharedQuotes, connect
from stack.launcher import Stack

_NAME: Final = "bench"
_CHANNEL: Final = "account_changed"
_WITHIN_S: Final = 30.0
_CHANGES: Final = 8
"""Of prices, at the same time."""


class Market:
    """Prices at our command."""

    def __init__(self, stack: Stack) -> None:
        self._state = stack.state
        file = self._state.redis_password_file
        self._password = Path(file).read_text().strip() if file else None
        self._heard: dict[str, float] = {}
        self._expected: set[str] = set()
        self._all_heard = asyncio.Event()

    async def open(self) -> None:
        """Connects. Raises Unavailable."""
        self._pool = await open_pool(self._state.admin_url, 1, _CHANGES, _NAME)
        self._shared = SharedQuotes(connect(self._state.redis_url, self._password), QUOTE_LIFE_MS)
        self._listener = await psycopg.AsyncConnection.connect(self._state.admin_url, autocommit=True)
        await self._listener.execute(f"LISTEN {_CHANNEL}")
        self._hearing = asyncio.create_task(self._hear())

    async def close(self) -> None:
        """Ends the connections."""
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)
        await self._listener.close()
        await self._shared.close()
        await self._pool.close()

    async def change(self, symbols: list[str], cents: int = FIRING_CENTS) -> None:
        """A hit for each of these: durable, then told to everybody."""
        now_ms = time.time_ns() // 1_000_000
        quotes = [Quote(symbol, cents, _NAME, now_ms, secrets.token_hex(28), 1, 1) for symbol in symbols]
        await record_hits(self._pool, _NAME, [Hit(quote, now_ms) for quote in quotes])
        await self._shared.share(quotes, [], now_ms)

    async def fire(self, symbols: list[str], users: set[str]) -> list[float]:
        """Changes the prices and waits until a fire of each of the users is durable: milliseconds of each from the start.

        Raises TimeoutError.
        """
        self._heard, self._expected = {}, set(users)
        self._all_heard.clear()
        start = time.perf_counter()
        await self.change(symbols)
        async with asyncio.timeout(_WITHIN_S):
            await self._all_heard.wait()
        return [(self._heard[user] - start) * 1000 for user in users]

    async def keep_firing(self, symbols: list[str], per_second: float, stop: threading.Event) -> int:
        """Changes the price of one symbol after the other at that pace until told to stop; how many it changed.

        On time also when the system takes long for each: several may be under way.
        """
        start = time.monotonic()
        async with asyncio.TaskGroup() as changes:
            for count, symbol in enumerate(symbols):
                await asyncio.sleep(max(0.0, start + count / per_second - time.monotonic()))
                if stop.is_set():
                    return count
                changes.create_task(self.change([symbol]))
        return len(symbols)

    async def _hear(self) -> None:
        """A notification is sent with the COMMIT, so what it tells is durable."""
        async for notification in self._listener.notifies():
            now = time.perf_counter()
            for user, _ in changes(notification.payload):
                self._heard.setdefault(user, now)
            if self._expected and self._expected <= self._heard.keys():
                self._all_heard.set()


class Thread:
    """A market with its loop in a thread, for callers that have none."""

    def __init__(self, stack: Stack) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="market")
        self._market = Market(stack)

    def fire(self, symbols: list[str], users: set[str]) -> list[float]:
        """See Market.fire."""
        return asyncio.run_coroutine_threadsafe(self._market.fire(symbols, users), self._loop).result()

    def start_firing(self, symbols: list[str], per_second: float, stop: threading.Event) -> "Future[int]":
        """See Market.keep_firing."""
        return asyncio.run_coroutine_threadsafe(
            self._market.keep_firing(symbols, per_second, stop), self._loop
        )

    def start(self) -> None:
        """Opens the market. Raises Unavailable."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._market.open(), self._loop).result()

    def stop(self) -> None:
        """Closes it and ends the thread."""
        asyncio.run_coroutine_threadsafe(self._market.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def market(stack: Stack) -> Iterator[Thread]:
    """A market for the length of a `with`."""
    thread = Thread(stack)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
