"""The quotes that a log shows: which price was alive when, whose hit it was, and which hits were one too many."""

from collections import deque
from typing import Final

from msgspec import Struct

from grader.events import Event
from grader.findings import Findings

MAX_AHEAD: Final = 20_000
"""Hits kept for commands that have not come; then those are forgotten that are older than AHEAD_MS."""
AHEAD_MS: Final = 600_000
SKEW_MS: Final = 60_000
"""A quoteServerTime so far before its own event, or over a second after it, shows clocks that do not agree."""
AHEAD_OF_CLOCK_MS: Final = 1_000

LIVE: Final = "live"
STALE: Final = "stale"
UNQUOTED: Final = "unquoted"


class Hit(Struct, frozen=True, gc=False):
    """One quoteServer event."""

    symbol: str
    price_cents: int
    quote_time_ms: int
    known_ms: int
    """Timestamp of the event: from then on the price may be used."""
    user: str
    number: int
    line: int


class _Symbol:
    """The quotes of one symbol."""

    __slots__ = ("counted_ms", "latest", "recent")

    def __init__(self) -> None:
        self.latest: dict[int, int] = {}
        """Price to the newest quoteServerTime at which it was quoted."""
        self.recent: deque[Hit] = deque()
        """Hits that may still be alive, in the order of the file."""
        self.counted_ms: int | None = None
        """quoteServerTime of the last hit that was needed."""


class QuoteBook:
    """All hits up to the place in the log where the reader stands."""

    def __init__(self, life_ms: int, findings: Findings) -> None:
        self._life_ms = life_ms
        self._findings = findings
        self._symbols: dict[str, _Symbol] = {}
        self._keys: set[int] = set()
        self._own: dict[tuple[str, int], list[Hit]] = {}
        self._claimed: set[int] = set()
        """Lines of hits that seem to be triggers'."""
        self.hits = 0
        self.needed = 0
        self.skewed = 0

    def record(self, event: Event) -> Hit | None:
        """Takes a quoteServer event in; None when its price or symbol cannot be read."""
        self.hits += 1
        if event.damaged or event.cents is None or not event.symbol:
            return None
        hit = Hit(
            event.symbol,
            event.cents,
            event.quote_time_ms,
            event.timestamp_ms,
            event.user,
            event.number,
            event.line,
        )
        if hit.price_cents <= 0:
            self._findings.violation(
                "hit-price", "a hit without a positive price", hit.line, hit.user, hit.number
            )
            return None
        lag_ms = hit.known_ms - hit.quote_time_ms
        self.skewed += lag_ms > SKEW_MS or lag_ms < -AHEAD_OF_CLOCK_MS
        quotes = self._symbols.setdefault(hit.symbol, _Symbol())
        self._check_new(event.text.strip(), hit, quotes)
        self._count_needed(hit, quotes)
        quotes.latest[hit.price_cents] = max(hit.quote_time_ms, quotes.latest.get(hit.price_cents, 0))
        while quotes.recent and hit.known_ms - quotes.recent[0].quote_time_ms > self._life_ms:
            quotes.recent.popleft()
        quotes.recent.append(hit)
        self._own.setdefault((hit.user, hit.number), []).append(hit)
        if len(self._own) > MAX_AHEAD:
            self._forget(hit.known_ms - AHEAD_MS)
        return hit

    def state(self, symbol: str, price_cents: int, now_ms: int) -> str:
        """LIVE, STALE or UNQUOTED: what is known at `now_ms` of this price (asked once all hits up to then are recorded)."""
        quotes = self._symbols.get(symbol)
        time_ms = quotes.latest.get(price_cents) if quotes else None
        if time_ms is None:
            return UNQUOTED
        return LIVE if now_ms - time_ms <= self._life_ms else STALE

    def live_prices(self, symbol: str, now_ms: int) -> set[int]:
        """All prices of quotes that are alive."""
        quotes = self._symbols.get(symbol)
        recent = quotes.recent if quotes else ()
        return {hit.price_cents for hit in recent if now_ms - hit.quote_time_ms <= self._life_ms}

    def take_own(self, user: str, number: int, symbol: str) -> Hit | None:
        """The newest hit for this command, which is judged now; its hits are not kept any longer."""
        hits = self._own.pop((user, number), ())
        return max(
            (hit for hit in hits if hit.symbol == symbol), key=lambda hit: hit.quote_time_ms, default=None
        )

    def claim(self, hit: Hit) -> None:
        """The hit seems to be a trigger's. Another session may have a command of this number, so it stays a command's too."""
        self._claimed.add(hit.line)

    def surely_used(self, own: Hit, now_ms: int) -> bool:
        """True when this live hit of the command itself is the only one that has its price: no other can have been used."""
        return (
            own.line not in self._claimed
            and now_ms - own.quote_time_ms <= self._life_ms
            and not any(
                hit.price_cents == own.price_cents
                and (hit.user, hit.number) != (own.user, own.number)
                and now_ms - hit.quote_time_ms <= self._life_ms
                for hit in self._symbols[own.symbol].recent
            )
        )

    def _check_new(self, key: str, hit: Hit, quotes: _Symbol) -> None:
        digest = hash(key)
        if digest in self._keys:
            self._findings.violation(
                "key-reused", f"cryptokey {key[:16]}... of another hit", hit.line, hit.user, hit.number
            )
        elif any(
            old.quote_time_ms == hit.quote_time_ms and old.price_cents == hit.price_cents
            for old in quotes.recent
        ):
            self._findings.violation(
                "hit-cached",
                f"the quote of {hit.symbol} of {hit.quote_time_ms} once more, with another key",
                hit.line, hit.user, hit.number,
            )  # fmt: skip
        self._keys.add(digest)

    def _count_needed(self, hit: Hit, quotes: _Symbol) -> None:
        if quotes.counted_ms is None or hit.quote_time_ms - quotes.counted_ms > self._life_ms:
            quotes.counted_ms = hit.quote_time_ms
            self.needed += 1
            return
        age_ms = hit.quote_time_ms - quotes.counted_ms
        self._findings.warning(
            "hit-unneeded", f"{hit.symbol} was quoted {age_ms} ms before", hit.line, hit.user, hit.number
        )

    def _forget(self, before_ms: int) -> None:
        self._own = {asker: hits for asker, hits in self._own.items() if hits[-1].known_ms >= before_ms}
