"""What a process does with the locks it won: look, fetch, record, share.

Each symbol it may fetch is in flight from the moment its lock is won until the lock is given up. A hit goes through two
queues, each emptied by one task that takes all that is ready: `record` commits, then the price may be used here; `share`
tells everybody and gives up the lock. So a slow database or an absent Valkey makes larger batches, and loses nothing.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from core import log
from core.clock import Clock
from core.errors import Unavailable
from core.limits import MAX_QUOTE_BATCH, QUOTE_RENEW_MS, QUOTE_STOP_MS, VALKEY_RETRY_MS
from core.serve import spawn
from quotecache.counts import Counts
from quotecache.freshness import Hit, Quote
from quotecache.source import QuoteSource
from quotecache.trace import Trace
from quotecache.valkey import SharedQuotes
from quotecache.wanted import Want

_STORE_RETRY_S: Final = 0.1
"""Between two attempts to reach the database while it is away."""
_STOP_SHARE_MS: Final = 500
"""So long a clean stop tries to give up the locks; those left behind end by themselves."""


class Store(Protocol):
    """What outlives the cache. db.quotes.QuoteStore(pool, server) is one. Both raise Unavailable."""

    async def record(self, hits: list[Hit]) -> None:
        """Commits the quoteServer events and the newest quotes; recording a hit again changes nothing."""

    async def newest(self, symbols: list[str], not_before_ms: int) -> list[Quote]:
        """The newest quote of each symbol whose quoteServerTime is at least `not_before_ms`."""


class Flights:
    """The symbols that this process is fetching."""

    def __init__(
        self,
        shared: SharedQuotes,
        source: QuoteSource,
        store: Store,
        clock: Clock,
        life_ms: int,
        counts: Counts,
        usable: Callable[[list[Quote]], None],
        still_wanted: Callable[[str], bool],
        landed: Callable[[str], None],
    ) -> None:
        """`usable` gets quotes as soon as they are durable, also one that came too old to be used; `landed` gets each
        symbol that is not being fetched any more."""
        self._shared = shared
        self._source = source
        self._store = store
        self._clock = clock
        self._life_ms = life_ms
        self._counts = counts
        self._usable = usable
        self._still_wanted = still_wanted
        self._landed = landed
        self._held: set[str] = set()
        self._aloft: set[str] = set()
        self._hits: list[Hit] = []
        self._quotes: dict[str, Quote] = {}
        self._given_up: set[str] = set()
        self._to_record = asyncio.Event()
        self._to_share = asyncio.Event()
        self._stopping = False
        self.trace: Trace | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def __contains__(self, symbol: str) -> bool:
        """True while we have the symbol's lock."""
        return symbol in self._held

    def __len__(self) -> int:
        """Symbols whose locks we have."""
        return len(self._held)

    @property
    def unrecorded(self) -> int:
        """Hits that are not durable yet."""
        return len(self._hits)

    def start(self) -> None:
        """Starts the tasks that record, share and renew."""
        self._tasks = [
            spawn(self._record_forever(), "quotes-record"),
            spawn(self._share_forever(), "quotes-share"),
            spawn(self._renew_forever(), "quotes-renew"),
        ]

    async def stop(self) -> None:
        """Takes no more answers, makes those that came durable, gives up all locks; within about QUOTE_STOP_MS."""
        self._stopping = True
        self._source.close()
        await self._until(lambda: not self._aloft and not self._hits, QUOTE_STOP_MS)
        await self._until(lambda: not self._held, _STOP_SHARE_MS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for hit in self._hits:
            log.get_logger().error("hit not recorded", hit=msgspec.to_builtins(hit))

    async def _until(self, done: Callable[[], bool], limit_ms: int) -> None:
        end_ms = self._clock.monotonic_ms() + limit_ms
        while not done() and self._clock.monotonic_ms() < end_ms:
            await asyncio.sleep(0.01)

    def take_off(self, wants: list[Want]) -> None:
        """Fetches symbols whose locks were just won."""
        symbols = {want.asker.symbol for want in wants}
        self._held |= symbols
        self._aloft |= symbols
        spawn(self._look(wants), "quotes-look")

    def decline(self, symbol: str) -> None:
        """Gives up a lock that was won and is not needed."""
        self._held.add(symbol)
        self._give_up(symbol)

    async def _look(self, wants: list[Want]) -> None:
        """Before anything is paid for: perhaps the quote is in the database, and only the cache has lost it."""
        found = await self._newest(
            [want.asker.symbol for want in wants], min(want.deadline_ms for want in wants)
        )
        if found is None:
            for want in wants:
                self._give_up(want.asker.symbol)
            return
        self._counts.recalled += len(found)
        self._arrive(found)
        known = {quote.symbol for quote in found}
        for want in wants:
            if want.asker.symbol not in known:
                spawn(self._fetch(want), f"quote-{want.asker.symbol}")

    async def _newest(self, symbols: list[str], deadline_ms: int) -> list[Quote] | None:
        """What the database knows; None when it cannot be asked until the deadline."""
        while not self._stopping and self._clock.monotonic_ms() < deadline_ms:
            try:
                return await self._store.newest(symbols, self._clock.now_ms() - self._life_ms)
            except Unavailable:
                await asyncio.sleep(_STORE_RETRY_S)
        return None

    async def _fetch(self, want: Want) -> None:
        asker = want.asker
        symbol = asker.symbol
        began_ms = self._clock.monotonic_ms()
        if self.trace is not None:
            self.trace.fetching(asker)
        try:
            answer = await self._source.fetch(
                symbol, asker.user, want.deadline_ms, lambda: self._still_wanted(symbol)
            )
        except Unavailable:
            self._counts.lost += 1
            if self.trace is not None:
                self.trace.lost(asker)
            self._give_up(symbol)
            return
        self._counts.fetch_seconds.observe((self._clock.monotonic_ms() - began_ms) / 1000)
        quote = Quote(
            symbol, answer.price_cents, asker.user, answer.time_ms, answer.key, asker.session_id, asker.number
        )
        self._hits.append(Hit(quote, self._clock.now_ms()))
        self._to_record.set()

    async def _record_forever(self) -> None:
        """Commits all hits that are there, then those that came meanwhile. While the database is away it keeps trying:
        the hits were made and will be charged."""
        while True:
            await self._to_record.wait()
            hits = self._hits[:MAX_QUOTE_BATCH]
            try:
                await self._store.record(hits)
            except Unavailable:
                await asyncio.sleep(_STORE_RETRY_S)
                continue
            del self._hits[: len(hits)]
            self._counts.paid += len(hits)
            if self.trace is not None:
                self.trace.recorded(hits)
            if not self._hits:
                self._to_record.clear()
            self._arrive([hit.quote for hit in hits])

    def _arrive(self, quotes: list[Quote]) -> None:
        """These are durable. One that came too old is of no use to anybody: whoever still wants its symbol asks again."""
        if not quotes:
            return
        self._quotes |= {quote.symbol: quote for quote in quotes}
        self._to_share.set()
        self._usable(quotes)
        for quote in quotes:
            self._land(quote.symbol)

    def _give_up(self, symbol: str) -> None:
        self._given_up.add(symbol)
        self._to_share.set()
        self._land(symbol)

    def _land(self, symbol: str) -> None:
        self._aloft.discard(symbol)
        self._landed(symbol)

    async def _share_forever(self) -> None:
        """Tells all quotes that are there and gives up their locks; while Valkey is away, it keeps trying."""
        while True:
            await self._to_share.wait()
            quotes = list(self._quotes.values())[:MAX_QUOTE_BATCH]
            given_up = list(self._given_up)[:MAX_QUOTE_BATCH]
            try:
                await self._shared.share(quotes, given_up, self._clock.now_ms())
            except Unavailable:
                await asyncio.sleep(VALKEY_RETRY_MS / 1000)
                continue
            for symbol in [quote.symbol for quote in quotes]:
                del self._quotes[symbol]
            self._given_up.difference_update(given_up)
            self._held.difference_update(given_up, (quote.symbol for quote in quotes))
            if not self._quotes and not self._given_up:
                self._to_share.clear()

    async def _renew_forever(self) -> None:
        """However slow a fetch is, or a database: nobody else fetches the same meanwhile."""
        while True:
            await asyncio.sleep(QUOTE_RENEW_MS / 1000)
            if not self._held:
                continue
            # An absent Valkey renews nothing; the next turn is soon enough (ask.lua's pause outlasts two).
            with suppress(Unavailable):
                await self._shared.hold(self._held)
