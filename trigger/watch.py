"""The trigger server's loop: learn what is armed, look at the cached prices, fire what they reach, ask for those missing.

All that it knows is a picture that the database gives anew at any time, so start-up, a database that was away and a
second trigger server beside this one are all the same case. What fires is decided by the database alone (db.fires).
"""

import asyncio
from collections.abc import Iterable
from typing import Final, Protocol

from core import log
from core.clock import Clock, stopwatch_s
from core.errors import Unavailable
from core.histogram import SECONDS, Histogram
from core.limits import MAX_FIRES_FOUND, MAX_FIRES_PER_TRANSACTION
from db import fires
from db.pool import Connection, Pool, connection
from quotecache.freshness import Asker, Quote
from trigger.rules import Picture
from trigger.trace import Trace

_RETRY_DATABASE_S: Final = 0.1
_TRIES: Final = 6
"""How often accounts that another writer holds are left alone before they are waited for."""
_RETRY_HELD_S: Final = 0.005
"""Between two tries: a shard holds its users while a batch is written and not while the next is decided, so a few tries meet such
a gap. Waiting for one shard while holding accounts of another would make both stand still."""


class Quotes(Protocol):
    """What is needed of quotecache.cache.QuoteCache."""

    def get(self, symbol: str, now_ms: int) -> Quote | None: ...
    def want(self, askers: list[Asker]) -> None: ...


class Watch:
    """Watches the prices until `stop`. Its three callbacks belong to the event loop and never block."""

    def __init__(
        self, clock: Clock, server: str, quote_life_ms: int, poll_ms: int, stop: asyncio.Event
    ) -> None:
        """`server` is the tier's name in the audit log."""
        self._clock = clock
        self._server = server
        self._quote_life_ms = quote_life_ms
        self._poll_ms = poll_ms
        self._stop = stop
        self._picture = Picture()
        self._asked: set[str] = set()
        self._published: set[str] = set()
        self._wake = asyncio.Event()
        self.ready = asyncio.Event()
        """Set once everything that is armed is known."""
        self.fired = 0
        """Fires that this process knows to be durable."""
        self.found = 0
        """Armed triggers that a price was found to reach, each time it was."""
        self.held = 0
        """How often accounts were held by another writer and tried again."""
        self.trace: Trace | None = None
        """Is told the way of each trigger."""
        self.poll_seconds = Histogram(SECONDS)
        self.fire_seconds = Histogram(SECONDS)

    @property
    def symbols(self) -> int:
        """Symbols on which something is armed, as far as is known."""
        return len(self._picture)

    @property
    def asked(self) -> int:
        """Symbols whose quote was asked for and has not come."""
        return len(self._asked)

    def on_quote(self, quotes: list[Quote]) -> None:
        """Quotes that have just become usable; those that fire something are looked at without waiting for the poll."""
        for quote in quotes:
            self._asked.discard(quote.symbol)
            if self._picture.is_reached(quote.symbol, quote.price_cents):
                self._published.add(quote.symbol)
                self._wake.set()

    def on_failure(self, symbol: str) -> None:
        """A quote that was asked for does not come; the next poll asks again if it is still needed."""
        self._asked.discard(symbol)

    def on_stop(self) -> None:
        """`stop` was set."""
        self._wake.set()

    async def run(self, pool: Pool, quotes: Quotes) -> None:
        """Returns after `stop`. A database that is away is waited for."""
        while not self._stop.is_set():
            try:
                async with connection(pool) as one:
                    await self._watch(one, quotes)
            except Unavailable as error:
                log.get_logger().warning("database away", error=str(error))
                await asyncio.sleep(_RETRY_DATABASE_S)

    async def _watch(self, one: Connection, quotes: Quotes) -> None:
        """Polls on one connection as long as it lives."""
        self._picture = Picture()
        marker = fires.EVERYTHING
        while not self._stop.is_set():
            due_ms = self._clock.monotonic_ms() + self._poll_ms
            began_s = stopwatch_s()
            marker, armed = await fires.armed_since(one, marker)
            self._picture.add(armed)
            self._published.clear()
            await self._look(one, quotes, self._picture.symbols())
            self.poll_seconds.observe(stopwatch_s() - began_s)
            self.ready.set()
            while await self._is_woken(due_ms):
                published = list(self._published)
                self._published.clear()
                await self._look(one, quotes, published)

    async def _is_woken(self, due_ms: int) -> bool:
        """Waits for a quote that fires something; False when the next poll is due or the server stops."""
        try:
            async with asyncio.timeout(max(0, due_ms - self._clock.monotonic_ms()) / 1000):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return not self._stop.is_set()

    async def _look(self, one: Connection, quotes: Quotes, symbols: Iterable[str]) -> None:
        now_ms = self._clock.now_ms()
        reached: list[Quote] = []
        missing: list[str] = []
        for symbol in symbols:
            quote = quotes.get(symbol, now_ms)
            if quote is None:
                missing.append(symbol)
            elif self._picture.is_reached(symbol, quote.price_cents):
                reached.append(quote)
        if unasked := [symbol for symbol in missing if symbol not in self._asked]:
            await self._ask(one, quotes, unasked)
        if reached:
            await self._fire(one, reached)

    async def _ask(self, one: Connection, quotes: Quotes, symbols: list[str]) -> None:
        """Asks for fresh quotes on behalf of the longest armed triggers; forgets symbols on which nothing is armed."""
        askers = await fires.longest_armed(one, symbols)
        if self.trace is not None:
            await self.trace.asked(one, askers)
        needed = {asker.symbol for asker in askers}
        self._picture.replace((symbol, None, None) for symbol in symbols if symbol not in needed)
        self._asked |= needed
        quotes.want(askers)

    async def _fire(self, one: Connection, reached: list[Quote]) -> None:
        """Fires what the quotes reach: as soon as nobody holds it, in the end waiting for it."""
        began_s = stopwatch_s()
        for wait in (*[False] * _TRIES, True):
            now_ms = self._clock.now_ms()
            found = await fires.candidates(one, reached, now_ms, self._quote_life_ms, MAX_FIRES_FOUND)
            fired = await self._fire_all(one, found, wait=wait)
            self.found += len(found)
            if fired == len(found) or self._stop.is_set():
                break
            self.held += 1
            await asyncio.sleep(_RETRY_HELD_S)
        self.fire_seconds.observe(stopwatch_s() - began_s)
        self._picture.replace(await fires.reaches(one, [quote.symbol for quote in reached]))

    async def _fire_all(self, one: Connection, found: list[fires.Candidate], *, wait: bool) -> int:
        before = self.fired
        for start in range(0, len(found), MAX_FIRES_PER_TRANSACTION):
            group = found[start : start + MAX_FIRES_PER_TRANSACTION]
            now_ms, life_ms = self._clock.now_ms(), self._quote_life_ms
            before_fire = await self.trace.armed(one, group) if self.trace is not None else {}
            fired = await fires.fire(one, group, now_ms, life_ms, self._server, wait=wait)
            if fired and self.trace is not None:
                self.trace.fired(before_fire, await self.trace.armed(one, group), group, fired)
            self.fired += fired
            if self._stop.is_set() or (wait and not fired):
                break  # somebody sits on an account: the others must not wait for it, the next poll comes back to it
        if self.fired > before:
            log.get_logger().info("fired", triggers=self.fired - before, found=len(found))
        return self.fired - before
