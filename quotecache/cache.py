"""A tier's view of the quotes: its own copy, the shared one in Valkey behind it, the slow quote server behind that.

A price is used here, or seen by others, only after its quoteServer event is durable. A want goes in rounds: one call to
Valkey asks for every symbol that is due. A symbol that has a quote is answered; one whose lock we won goes into flight
(quotecache.flights); one that somebody else fetches is told to us when it is there, and is asked for again after a second
in case the message was lost.
"""

import asyncio
from collections.abc import Callable

from redis.asyncio import Redis

from core import log
from core.clock import Clock
from core.errors import Unavailable
from core.limits import MAX_QUOTE_BATCH, QUOTE_ASK_AGAIN_MS, QUOTE_DEADLINE_MS, VALKEY_RETRY_MS
from core.serve import spawn
from quotecache.counts import Counts
from quotecache.flights import Flights, Store
from quotecache.freshness import Asker, Quote, is_fresh, newer
from quotecache.source import QuoteSource
from quotecache.trace import Trace
from quotecache.valkey import SharedQuotes
from quotecache.wanted import Want, Wanted


class QuoteCache:
    """Quotes for one process. All methods belong to the event loop's thread.

        redis = quotecache.valkey.connect(settings.redis_url, settings.redis_password)
        source = quotecache.source.QuoteSource(settings.quote_server, clock)
        store = db.quotes.QuoteStore(pool, settings.name)
        quotes = QuoteCache(redis, source, store, clock, settings.quote_life_ms, on_quote, on_failure)

    Every `want` of a symbol ends in exactly one of two calls, made on the loop and never from within `want` itself:
    `on_quote(quotes)` with a quote of that symbol among them, or `on_failure(symbol)`.
    """

    def __init__(
        self,
        redis: "Redis",
        source: QuoteSource,
        store: Store,
        clock: Clock,
        life_ms: int,
        on_quote: Callable[[list[Quote]], None],
        on_failure: Callable[[str], None],
    ) -> None:
        """`on_quote` gets every quote that became usable here, also those that nobody here asked for (other processes'
        hits), each once or, when it is wanted again, once more. `on_failure` gets a symbol that was wanted for
        limits.QUOTE_DEADLINE_MS without a price; who still wants it (a command that came later) calls `want` again.
        """
        self.counts = Counts()
        self._shared = SharedQuotes(redis, life_ms)
        self._clock = clock
        self._life_ms = life_ms
        self._on_quote = on_quote
        self._on_failure = on_failure
        self._own: dict[str, Quote] = {}
        self._wanted = Wanted()
        self._flights = Flights(
            self._shared, source, store, clock, life_ms, self.counts,
            self._usable, self._wanted.__contains__, self._landed,
        )  # fmt: skip
        self._offers: list[Quote] = []
        self._offered: set[str] = set()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, trace: Trace) -> None:
        """From now on it is told which command pays for which quote."""
        self._flights.trace = trace

    async def start(self) -> None:
        """Starts the background tasks. Does not wait for Valkey, the database or the quote server."""
        self._flights.start()
        self._tasks = [spawn(self._listen(), "quotes-listen"), spawn(self._rounds(), "quotes-rounds")]

    async def stop(self) -> None:
        """Makes what was paid for durable, gives up the rest and its locks, closes the connections."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._flights.stop()
        await self._shared.close()

    def get(self, symbol: str, now_ms: int) -> Quote | None:
        """This process's own copy when it is fresh at `now_ms`; never blocks. None: `want` it."""
        quote = self._fresh(symbol, now_ms)
        if quote is None:
            self.counts.missing += 1
        else:
            self.counts.found += 1
        return quote

    def _fresh(self, symbol: str, now_ms: int) -> Quote | None:
        quote = self._own.get(symbol)
        return quote if quote is not None and is_fresh(quote, now_ms, self._life_ms) else None

    @property
    def wanted(self) -> int:
        """Symbols that somebody here waits for."""
        return len(self._wanted)

    @property
    def fetching(self) -> int:
        """Symbols whose lock we hold."""
        return len(self._flights)

    @property
    def unrecorded(self) -> int:
        """Hits that are paid for and not durable yet."""
        return self._flights.unrecorded

    def want(self, askers: list[Asker]) -> None:
        """Symbols needed soon; never blocks. Everything wanted in one turn of the loop is asked for in one call to Valkey.

        A symbol that is wanted already keeps its first asker and its deadline. One whose quote is here already is
        answered by `on_quote` in the loop's next turn. When it is wanted again all the same, the asker's clock is ahead
        of ours, and there it is too old: then only a newer quote is an answer, and none is paid for before its time.
        """
        now_ms, monotonic_ms = self._clock.now_ms(), self._clock.monotonic_ms()
        for asker in askers:
            quote = self._fresh(asker.symbol, now_ms)
            if quote is not None and asker.symbol not in self._offered:
                self._offered.add(asker.symbol)
                self._offers.append(quote)
            else:
                self._wanted.add(asker, monotonic_ms, monotonic_ms + QUOTE_DEADLINE_MS)
        self._changed.set()

    async def _rounds(self) -> None:
        """Asks Valkey for everything that is due, as often as something is."""
        while True:
            await self._wait()
            offers, self._offers = self._offers, []
            if offers:
                self._on_quote(offers)
            for symbol in self._wanted.expired(self._clock.monotonic_ms()):
                self.counts.unavailable += 1
                self._on_failure(symbol)
            if symbols := self._due():
                await self._ask(symbols)

    async def _wait(self) -> None:
        """Until something changes or is due."""
        next_ms = self._wanted.next_ms()
        limit_s = None if next_ms is None else max(next_ms - self._clock.monotonic_ms(), 0) / 1000
        try:
            async with asyncio.timeout(limit_s):
                await self._changed.wait()
        except TimeoutError:
            return
        self._changed.clear()

    def _due(self) -> list[str]:
        """The symbols to ask for now. One whose lock we still have to give up would seem to be won."""
        now_ms = self._clock.monotonic_ms()
        due = self._wanted.due(now_ms, MAX_QUOTE_BATCH)
        for symbol in due:
            if symbol in self._flights:
                self._wanted.ask_again(symbol, now_ms + QUOTE_ASK_AGAIN_MS)
        return [symbol for symbol in due if symbol not in self._flights]

    async def _ask(self, symbols: list[str]) -> None:
        try:
            answers = await self._shared.ask(symbols, self._clock.now_ms())
        except Unavailable:
            self._ask_again(symbols, VALKEY_RETRY_MS)
            return
        quotes: list[Quote] = []
        departing: list[Want] = []
        undecided: list[str] = []
        for symbol, answer in zip(symbols, answers, strict=True):
            if isinstance(answer, Quote):
                quotes.append(answer)
            elif answer is None:
                undecided.append(symbol)
            elif answer:
                if want := self._wanted.fly(symbol):
                    departing.append(want)
                else:
                    self._flights.decline(symbol)
        flying = {want.asker.symbol for want in departing}
        self._ask_again([symbol for symbol in symbols if symbol not in flying], QUOTE_ASK_AGAIN_MS)
        self._ask_again(undecided, VALKEY_RETRY_MS)
        if quotes:
            self.counts.shared += len(quotes)
            self._usable(quotes)
        if departing:
            self._flights.take_off(departing)

    def _ask_again(self, symbols: list[str], pause_ms: int) -> None:
        ask_ms = self._clock.monotonic_ms() + pause_ms
        for symbol in symbols:
            self._wanted.ask_again(symbol, ask_ms)

    def _landed(self, symbol: str) -> None:
        """A flight is over; if its symbol is wanted still, it brought nothing of use."""
        if symbol in self._wanted:
            self._ask_again([symbol], QUOTE_ASK_AGAIN_MS)
            self._changed.set()

    async def _listen(self) -> None:
        """Takes in what others share. After each time away, what was told meanwhile is asked for."""
        while True:
            try:
                async for quotes in self._shared.told():
                    if quotes:
                        self.counts.told += len(quotes)
                        self._usable(quotes)
                    else:
                        log.get_logger().info("cache reached")
                        self._wanted.ask_all(self._clock.monotonic_ms())
                        self._changed.set()
            except Unavailable as error:
                log.get_logger().warning("cache away, trying again", reason=str(error))
            await asyncio.sleep(VALKEY_RETRY_MS / 1000)

    def _usable(self, quotes: list[Quote]) -> None:
        """Durable quotes, ours or others': the newer ones become our own copy, and who waits for one is told."""
        now_ms = self._clock.now_ms()
        news: list[Quote] = []
        for quote in quotes:
            own = self._own.get(quote.symbol)
            if changed := own is None or newer(quote, own):
                self._own[quote.symbol] = own = quote
                self._offered.discard(quote.symbol)
            assert own is not None
            if not is_fresh(own, now_ms, self._life_ms):
                continue
            waited = (changed or quote.symbol not in self._offered) and self._wanted.drop(quote.symbol)
            if waited and not changed:
                self._offered.add(quote.symbol)
            if waited or changed:
                news.append(own)
        if news:
            self._on_quote(news)
