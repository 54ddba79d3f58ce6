"""What happened to an account, read backwards from the audit log, which has no index on its users (ARCHITECTURE).

The log is read in windows of time that grow while they find little and shrink while they find much, so that what a page costs
is bounded: after BUDGET_MS it is handed out as it is, with the place where the next one goes on.
"""

import time
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from psycopg import Connection
from psycopg.errors import QueryCanceled
from psycopg.rows import TupleRow

from core import commands as c
from core.limits import MAX_NUMBER
from core.money import format_known, parse_decimal
from db import queries
from webclient.replies import Money, Shares, Symbol, Time
from webclient.store import Pool, connection

BUDGET_MS: Final = 1_000
"""For so long a page is looked for; then it is handed out although it is not full."""
_FIRST_WINDOW_MS: Final = 1_000
_GROWTH: Final = 8
_QUICK_MS: Final = 200
"""A window that took less is followed by a larger one."""
_TIMEOUT_MS: Final = 3_000
"""A window that takes longer is given up, and looked through in smaller ones."""
_SMALLER: Final = 64
EVER_MS: Final = 10**15 - 1
"""Later than any time: far beyond the year 9999."""
_REGISTRATION_SLACK_MS: Final = 600_000
"""A trader's history begins so long before the registration: the clocks of two processes may be set differently."""
OK: Final = "OK"
_SQL: Final = queries.load("web_history")
_NAMES: Final = {code: name for name, code in c.CODES.items()}
_PRICED: Final = [c.CODES[name] for name in (c.QUOTE, c.BUY, c.SELL)]
_SETTLING: Final = [c.CODES[name] for name in (c.COMMIT_BUY, c.CANCEL_BUY, c.COMMIT_SELL, c.CANCEL_SELL)]
_LOOKUPS: Final = [c.CODES[name] for name in (c.QUOTE, c.DISPLAY_SUMMARY, c.DUMPLOG)]
_TRIGGERS: Final = {c.CODES[c.SET_BUY_TRIGGER], c.CODES[c.SET_SELL_TRIGGER]}
_TRADES: Final = {c.CODES[c.BUY], c.CODES[c.SELL]}
_COMMAND: Final = 1
_KINDS: Final[Mapping[int, Literal["command", "expiry", "fire"]]] = {
    _COMMAND: "command",
    3: "expiry",
    4: "fire",
}
PLACE_PATTERN: Final = r"^[0-9]{1,18}_(-1|[0-9]{1,18})_[0-9]{1,18}_[0-9]{1,16}_[A-Za-z0-9_.-]{0,64}\Z"
"""What a cursor looks like: time, the account's sequence, session, number, user."""


class Entry(Struct, frozen=True, kw_only=True):
    """One command, one expired order or one trigger that fired."""

    at: Time
    user: Annotated[str, Meta(description="None for a command that named no user")] | None
    seq: Annotated[int, Meta(ge=0, description="The account's own count of its events")]
    kind: Literal["command", "fire", "expiry"]
    command: Annotated[
        str, Meta(description="Of a fire the command that armed it, of an expiry CANCEL_BUY or CANCEL_SELL")
    ]
    symbol: Symbol | None
    amount: Annotated[str, Meta(description="Dollars that the command named, as it gave them")] | None
    price: (
        Annotated[
            str, Meta(description="A share's: the one used, fired at, or that a trigger was to be set to")
        ]
        | None
    )
    shares: Shares | None
    cash_added: Money | None
    cash_removed: Money | None
    outcome: Annotated[str, Meta(description="OK, or the code of the refusal")]
    session: Annotated[str, Meta(description="With number: the request's key")]
    number: Annotated[int, Meta(ge=0, le=MAX_NUMBER)]
    server: str


BORDER: Final = -1
"""Before every sequence number: the place lies before all entries of its millisecond."""


class Place(Struct, frozen=True):
    """A place between two entries of the log: all those that come before this one, in the order of the log, are older."""

    at_ms: int
    seq: int = BORDER
    session_id: int = 0
    number: int = 0
    """At a border between two windows: how long the next one is to be, in ms; 0: as at the beginning."""
    user: str = ""

    def text(self) -> str:
        """As a cursor."""
        return f"{self.at_ms}_{self.seq}_{self.session_id}_{self.number}_{self.user}"

    @classmethod
    def parse(cls, text: str) -> "Place":
        """The place that a cursor names. Raises ValueError for what does not fit PLACE_PATTERN."""
        at_ms, seq, session_id, number, user = text.split("_", 4)
        return cls(int(at_ms), int(seq), int(session_id), int(number), user)


class Wanted(Struct, frozen=True, kw_only=True):
    """Which entries."""

    user: str | None
    """None: everybody's."""
    since_ms: int = 0
    before_ms: int = EVER_MS
    command: str | None = None
    symbol: str | None = None
    outcome: str | None = None
    lookups: bool = True
    """Also QUOTE, DISPLAY_SUMMARY and DUMPLOG, which change nothing."""


class Walk:
    """The way back through the log."""

    def __init__(
        self, pool: Pool, wanted: Wanted, now_ms: int, place: Place | None = None, *, own: bool = False
    ) -> None:
        """From a place, or from the newest entry. `own`: a trader's, which need not be looked for before the registration."""
        self.place = start = place or Place(wanted.before_ms)
        self.done = False
        """There is nothing older."""
        self._pool = pool
        self._wanted = wanted
        self._now_ms = now_ms
        self._own = own
        self._span_ms = start.number if start.seq == BORDER and start.number else _FIRST_WINDOW_MS
        self._bottom_ms: int | None = None
        self._newest_ms = now_ms

    def take(self, most: int, budget_ms: int = BUDGET_MS) -> list[Entry]:
        """The next entries, newest first: fewer than `most` when there are no more (`done`) or when it takes too long.

        Raises Problem UNAVAILABLE when the database is away.
        """
        deadline = time.monotonic() + budget_ms / 1000
        found: list[Entry] = []
        while not self.done and len(found) < most:
            with connection(self._pool) as one:
                self._look(one, found, most, deadline)
            if time.monotonic() >= deadline:
                break
        return found

    def _look(self, one: Connection[TupleRow], found: list[Entry], most: int, deadline: float) -> None:
        """Windows, until there is enough, or too much time was taken, or one was too large for the database."""
        try:
            with one.transaction():
                one.execute(_SQL["care"], {"timeout_ms": _TIMEOUT_MS})
                if self._bottom_ms is None:
                    self._find_ends(one)
                while not self.done and len(found) < most:
                    found += self._window(one, most - len(found))
                    if time.monotonic() >= deadline:
                        return
        except QueryCanceled:
            if self._span_ms == 1:
                raise
            self._span_ms = max(1, self._span_ms // _SMALLER)
            self._bottom_ms = 0
            if self.place.seq == BORDER:
                self.place = Place(self.place.at_ms, number=self._span_ms)

    def _window(self, one: Connection[TupleRow], most: int) -> list[Entry]:
        """The newest entries of one window; the next one follows where they end."""
        assert self._bottom_ms is not None
        begun = time.monotonic()
        oldest_ms = self._wanted.since_ms
        top_ms = min(self.place.at_ms, self._newest_ms)
        since_ms = max(top_ms - self._span_ms, oldest_ms)
        if since_ms <= self._bottom_ms:
            since_ms = oldest_ms
        rows = one.execute(_SQL["window"], self._parameters(since_ms, most)).fetchall()
        if len(rows) == most:
            at_ms, user, seq, session_id, number = rows[-1][:5]
            self.place = Place(at_ms, seq, session_id, number, user)
            self._span_ms = max(1, top_ms - at_ms)
        else:
            self.done = since_ms <= oldest_ms
            self._resize((time.monotonic() - begun) * 1000)
            self.place = Place(since_ms, number=self._span_ms)
        return [_entry(row) for row in rows]

    def _resize(self, took_ms: float) -> None:
        """Too little was found: a larger window, unless this one took long."""
        if took_ms < _QUICK_MS:
            self._span_ms = min(_GROWTH * self._span_ms, EVER_MS)
        elif took_ms > 2 * _QUICK_MS:
            self._span_ms = max(1, self._span_ms // 2)

    def _parameters(self, since_ms: int, most: int) -> dict[str, object]:
        wanted, place = self._wanted, self.place
        return {
            "user": wanted.user,
            "command": c.CODES[wanted.command] if wanted.command else None,
            "symbol": wanted.symbol,
            "outcome": wanted.outcome,
            "hidden": None if wanted.lookups else _LOOKUPS,
            "priced": _PRICED,
            "settling": _SETTLING,
            "since": since_ms,
            "at": place.at_ms,
            "before_user": place.user,
            "before_seq": place.seq,
            "before_session": place.session_id,
            "before_number": place.number,
            "most": most,
        }

    def _find_ends(self, one: Connection[TupleRow]) -> None:
        """About when what is wanted begins and ends. Beyond that there is little: it is looked through in one window."""
        wanted = self._wanted
        row = one.execute(_SQL["ends"], {"user": wanted.user}).fetchone()
        assert row is not None
        oldest, newest, last, registered = row
        self._bottom_ms = self._now_ms if oldest is None else oldest
        self._newest_ms = last or newest or self._now_ms
        if self._own and registered is not None:
            since_ms = max(wanted.since_ms, registered - _REGISTRATION_SLACK_MS)
            self._wanted = msgspec.structs.replace(wanted, since_ms=since_ms)


class _Settled(Struct, frozen=True):
    """The order that a COMMIT or CANCEL was about, as its reply tells it."""

    symbol: str
    shares: int
    price: str | None = None
    """A cancelled sell gives shares back, whatever their price was."""


_settled: Final = msgspec.json.Decoder(_Settled).decode


def _entry(row: TupleRow) -> Entry:
    """An entry from a row of the query `window`."""
    at_ms, user, seq, _, number, kind, command, symbol, funds, price, shares, *rest = row
    added, removed, refusal, session, server, reply = rest
    if reply is not None:
        settled = _settled(reply.removeprefix("OK ").encode())
        symbol, shares, price = settled.symbol, settled.shares, parse_decimal(settled.price or "")
    if kind == _COMMAND and command in _TRIGGERS:
        funds, price = None, funds
    if kind == _COMMAND and command in _TRADES and price and funds and not refusal:
        shares = funds // price  # commands.md: whole shares that the amount buys or sells
    return Entry(
        at=at_ms,
        user=user or None,
        seq=seq,
        kind=_KINDS[kind],
        command=_NAMES[command],
        symbol=symbol,
        amount=format_known(funds),
        price=format_known(price),
        shares=shares,
        cash_added=format_known(added),
        cash_removed=format_known(removed),
        outcome=refusal or OK,
        session=session or "",
        number=number,
        server=server,
    )
