"""What is known of those who watch, and what is new for whom: rows in, events into streams. No input or output of its own."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from core.limits import MAX_EVENTS_A_LOOK, MAX_STREAM_SYMBOLS
from webclient import pushed
from webclient.stream import NOT_BEGUN, Stream

_NEVER: Final = -1
_EVER: Final = 2**62
_NO_DIGEST: Final = "-"
_UNKNOWN: Final = (0, 0, b"")
Row = tuple[Any, ...]


class Watched:
    """One user with at least one stream."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.streams: set[Stream] = set()
        self.met = False
        """Looked at before: what is different now has changed."""
        self.version = _NEVER
        self.digest = _NO_DIGEST
        self.seq = 0
        """The account's sequence at that version."""
        self.told = _EVER
        """Fires and expiries up to this sequence number were handed out."""
        self.traded: frozenset[str] = frozenset()
        """Stocks held, pending, or with a trigger."""
        self.listed: frozenset[str] = frozenset()
        """On the watch list, which `list_length` and `list_newest_ms` tell from any other that the user had."""
        self.list_length = _NEVER
        self.list_newest_ms = _NEVER
        self.symbols: frozenset[str] = frozenset()
        """All of these: the stocks whose quotes are told."""

    def catch_up(self, streams: Iterable[Stream]) -> None:
        """A newcomer may have missed what the others were told: it is asked for again."""
        missed = [
            s.since for s in streams if s.told == NOT_BEGUN and s.since is not None and s.since < self.told
        ]
        if missed:
            self.told = min(missed)
            self.version = _NEVER


class Found(Struct, frozen=True):
    """What one look at the database found: rows of the queries of that name (db/queries/web_stream.sql)."""

    accounts: list[Row]
    watched: list[Row]
    quotes: list[Row]


class Audience:
    """Everybody who watches, and the quotes of the stocks that they are interested in."""

    def __init__(self) -> None:
        self._interest: Counter[str] = Counter()
        """For how many users each stock's quotes are looked for."""
        self._quotes: dict[str, tuple[int, int, bytes]] = {}
        """Price, time and event of the known ones of these."""

    def account_question(self, users: Sequence[Watched]) -> dict[str, object]:
        """For the query `accounts`."""
        return {
            "users": ",".join([user.name for user in users]),
            "versions": ",".join([str(user.version) for user in users]),
            "digests": ",".join([user.digest for user in users]),
            "told": ",".join([str(user.told) for user in users]),
            "most_symbols": MAX_STREAM_SYMBOLS,
            "most_events": MAX_EVENTS_A_LOOK,
        }

    def list_question(self, users: Sequence[Watched]) -> dict[str, object]:
        """For the query `watched`."""
        return {
            "users": ",".join([user.name for user in users]),
            "lengths": ",".join([str(user.list_length) for user in users]),
            "newest": ",".join([str(user.list_newest_ms) for user in users]),
        }

    def quote_question(self) -> dict[str, object]:
        """For the query `quotes`."""
        known = [self._quotes.get(symbol, _UNKNOWN) for symbol in self._interest]
        return {
            "symbols": ",".join(self._interest),
            "prices": ",".join([str(price) for price, _, _ in known]),
            "times": ",".join([str(time_ms) for _, time_ms, _ in known]),
        }

    def leave(self, user: Watched) -> None:
        """Nobody watches this user any more."""
        self._set_symbols(user, frozenset(), frozenset())

    def apply(self, users: Iterable[Watched], streams: Mapping[str, list[Stream]], found: Found) -> None:
        """Tells every stream what is new for it; those that have not begun, all that they have to know."""
        accounts = {row[0]: row for row in found.accounts}
        lists = {row[0]: row for row in found.watched}
        changed = self._learn(found.quotes)
        for user in users:
            before = user.symbols
            events, news = self._account(user, accounts.get(user.name))
            self._list(user, lists.get(user.name))
            others = news
            if changed or user.symbols is not before:
                others += self._told(user.symbols & changed | user.symbols - before)
            for stream in streams[user.name]:
                if stream.told == NOT_BEGUN:
                    place = user.seq if stream.since is None else min(stream.since, user.seq)
                    stream.begin(place, pushed.hello(user.name, place))
                    stream.tell(events, self._told(user.symbols))
                elif events or others:
                    stream.tell(events, others)

    def _account(self, user: Watched, row: Row | None) -> tuple[list[tuple[int, bytes]], bytes]:
        """What the account's row tells: fires and expiries, and whether anything else is different."""
        events: list[tuple[int, bytes]] = []
        news = b""
        if row is not None:
            _, version, user.seq, digest, symbols, happened = row
            events = [pushed.happened(event) for event in happened]
            if digest != user.digest:
                news = pushed.ACCOUNT
                self._set_symbols(user, frozenset(symbols), user.listed)
            user.digest = digest
            more = len(events) == MAX_EVENTS_A_LOOK
            user.version = _NEVER if more else version
            user.told = events[-1][0] if more else user.seq
        elif not user.met:
            user.told = min(user.told, user.seq)
        user.met = True
        return events, news

    def _list(self, user: Watched, row: Row | None) -> None:
        """The watch list, where it is another."""
        if row is not None:
            _, user.list_length, user.list_newest_ms, symbols = row
            self._set_symbols(user, user.traded, frozenset(symbols))

    def _set_symbols(self, user: Watched, traded: frozenset[str], listed: frozenset[str]) -> None:
        user.traded, user.listed = traded, listed
        before, user.symbols = user.symbols, traded | listed
        self._interest.update(user.symbols - before)
        self._interest.subtract(before - user.symbols)
        for symbol in before - user.symbols:
            if not self._interest[symbol]:
                del self._interest[symbol]
                self._quotes.pop(symbol, None)

    def _learn(self, rows: Sequence[Row]) -> set[str]:
        """The symbols of which there is a new quote."""
        for symbol, price_cents, time_ms in rows:
            self._quotes[symbol] = price_cents, time_ms, pushed.quote(symbol, price_cents, time_ms)
        return {row[0] for row in rows}

    def _told(self, symbols: Iterable[str]) -> bytes:
        """The known quotes of these stocks as events."""
        return b"".join([self._quotes[symbol][2] for symbol in symbols if symbol in self._quotes])
