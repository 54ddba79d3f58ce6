"""One user's account as a value in memory, and how its history is written down.

Only `transaction.decide` changes an account. What it changed is noted in `changed_holdings` and `changed_triggers`,
so that a commit writes those rows and no others; the account row itself is written for every command, because each one
moves its sequence, its timestamp and its history.
"""

from functools import cache
from sys import intern
from typing import Final

import msgspec
from msgspec import Struct

from core import commands, errors
from core.limits import HISTORY_LENGTH, MAX_COST_CENTS
from transaction.listing import Listing
from transaction.pendings import Pendings

BUY_SIDE: Final = 1
SELL_SIDE: Final = 2

OUTCOMES: Final = (
    "OK", errors.BAD_AMOUNT, errors.BAD_FILENAME, errors.BAD_REQUEST, errors.BAD_SYMBOL, errors.BAD_USER, errors.BUSY,
    errors.EXPIRED, errors.FORBIDDEN, errors.INSUFFICIENT_FUNDS, errors.INSUFFICIENT_SHARES, errors.NOTHING_PENDING,
    errors.NOT_SET, errors.NO_AMOUNT_SET, errors.QUOTE_UNAVAILABLE, errors.REUSED_NUMBER, errors.TOO_SMALL,
    errors.UNKNOWN_COMMAND, errors.UNKNOWN_USER,
)  # fmt: skip
"""An outcome's place here stands for it in stored histories: only ever to be added to at the end, below _COUNT_STRIDE."""
_OUTCOME_CODE: Final = {name: code for code, name in enumerate(OUTCOMES)}
COMMAND_NAMES: Final = ("", *commands.ARGUMENTS)
"""A command's name stands at the place of its code (core.commands.CODES)."""
_COUNT_STRIDE: Final = 32
"""A count's key is command code * 32 + outcome code: one small integer, so that the history stays a few hundred bytes."""


class Holding(Struct, gc=False):
    """Shares of one symbol: free ones, those that pending sells and an armed sell trigger reserve, and what all of them cost."""

    free: int = 0
    reserved: int = 0
    cost_cents: int = 0
    """0 if and only if there is no share: a sale takes its part of it rounded down, so the last share takes the rest."""


class TriggerOrder(Struct, frozen=True, gc=False):
    """SET_BUY_AMOUNT or SET_SELL_AMOUNT of one symbol; armed once it has a price.

    A buy reserves `amount_cents` from the start. A sell reserves `shares` when it is armed.
    """

    amount_cents: int
    price_cents: int | None
    shares: int
    session_id: int
    """With `number`: the SET_*_TRIGGER that set the price, else the SET_*_AMOUNT."""
    number: int
    armed_ms: int | None


TriggerKey = tuple[str, int]
"""Symbol and side."""


@cache
def trigger_key(symbol: str, side: int) -> TriggerKey:
    """One tuple for all accounts: there are 2 x 18,278 at most, and an account may have each."""
    return intern(symbol), side


class Recent(Struct, frozen=True, array_like=True, gc=False):
    """One of the newest commands, as DISPLAY_SUMMARY shows it."""

    number: int
    command: int
    symbol: str
    cents: int | None
    outcome: int
    timestamp_ms: int


_pack = msgspec.msgpack.Encoder().encode
_unpack_recent = msgspec.msgpack.Decoder(list[Recent]).decode
_PACKED_ARRAYS: Final = [bytes([0x90 | length]) for length in range(16)]
"""By length: how an array begins in msgpack, whose elements just follow."""
assert len(_PACKED_ARRAYS) > HISTORY_LENGTH


class History(Struct):
    """How often each command had which outcome, and the newest commands.

    Those are packed one by one: they are written after every command of the user, and looked at by every tenth only; as
    values they were sixty objects all over the memory.
    """

    counts: dict[int, int] = msgspec.field(default_factory=dict)
    """In the order of the keys."""
    recent: list[bytes] = msgspec.field(default_factory=list)
    """A `Recent` each, in msgpack, oldest first."""

    def record(
        self, number: int, command: int, symbol: str, cents: int | None, code: str, timestamp_ms: int
    ) -> None:
        """Counts one command (by its code, core.commands.CODES); `code` is empty for a success."""
        outcome = _OUTCOME_CODE[code] if code else 0
        key = command * _COUNT_STRIDE + outcome
        counts = self.counts
        if key in counts:
            counts[key] += 1
        else:
            self.counts = dict(sorted({**counts, key: 1}.items()))
        recent = self.recent
        recent.append(_pack((number, command, symbol, cents, outcome, timestamp_ms)))
        if len(recent) > HISTORY_LENGTH:
            del recent[0]

    def newest(self) -> list[Recent]:
        """The newest commands, the newest first."""
        commands = _unpack_recent(_packed_array(self.recent))
        commands.reverse()
        return commands


class Shown:
    """What an account's summaries show again and again: texts that `transaction.summary` makes and keeps here."""

    __slots__ = ("counts_template", "counts_worded", "holdings", "triggers")

    def __init__(self, holdings: set[str], triggers: set[TriggerKey]) -> None:
        """With what the account holds when its first summary is asked for."""
        self.holdings = Listing(holdings)
        self.triggers = Listing(triggers)
        self.counts_worded = 0
        """How many counts stand in the template: none ever leaves."""
        self.counts_template = "{}"


def count_names(key: int) -> tuple[str, str]:
    """Command and outcome (`OK` or the refusal's code) of a count's key."""
    command, outcome = divmod(key, _COUNT_STRIDE)
    return COMMAND_NAMES[command], OUTCOMES[outcome]


class Account:
    """Everything the system knows of one user. `exists` is false until the first ADD; `version` counts commits."""

    __slots__ = (
        "buys",
        "cash_cents",
        "changed_holdings",
        "changed_triggers",
        "exists",
        "history",
        "holdings",
        "reserved_cents",
        "sells",
        "seq",
        "shown",
        "timestamp_ms",
        "triggers",
        "user",
        "version",
    )

    def __init__(self, user: str) -> None:
        self.user = user
        self.exists = False
        self.version = 0
        self.cash_cents = 0
        self.reserved_cents = 0
        self.timestamp_ms = 0
        self.seq = 0
        self.buys = Pendings()
        self.sells = Pendings()
        self.holdings: dict[str, Holding] = {}
        self.triggers: dict[TriggerKey, TriggerOrder] = {}
        self.history = History()
        self.shown: Shown | None = None
        """Made by the first summary (transaction.summary)."""
        self.changed_holdings: set[str] = set()
        self.changed_triggers: set[TriggerKey] = set()

    def free_shares(self, symbol: str) -> int:
        """Shares of the symbol that nothing reserves."""
        holding = self.holdings.get(symbol)
        return holding.free if holding else 0

    def move_shares(self, symbol: str, free: int, reserved: int) -> None:
        """Adds to the free and to the reserved shares of a symbol; either may be negative, no result may."""
        symbol = intern(symbol)
        holding = self.holdings.get(symbol)
        if holding is None:
            holding = self.holdings[symbol] = Holding()
        holding.free += free
        holding.reserved += reserved
        assert holding.free >= 0, f"{self.user}: {holding.free} free shares of {symbol}"
        assert holding.reserved >= 0, f"{self.user}: {holding.reserved} reserved shares of {symbol}"
        self.changed_holdings.add(symbol)
        if self.shown is not None:
            self.shown.holdings.stale.add(symbol)

    def buy_shares(self, symbol: str, shares: int, cents: int) -> None:
        """Free shares arrive, and what was paid for them (cents) adds to what the holding cost, up to MAX_COST_CENTS."""
        self.move_shares(symbol, shares, 0)
        holding = self.holdings[symbol]
        holding.cost_cents = min(holding.cost_cents + cents, MAX_COST_CENTS)

    def sell_shares(self, symbol: str, shares: int) -> None:
        """Reserved shares leave, and with them their part of what all shares of the symbol cost, rounded down to a cent."""
        holding = self.holdings[symbol]
        holding.cost_cents -= holding.cost_cents * shares // (holding.free + holding.reserved)
        self.move_shares(symbol, 0, -shares)

    def move_cash(self, cash: int, reserved: int) -> None:
        """Adds to cash and to reserved cash (cents); either may be negative, no result may."""
        self.cash_cents += cash
        self.reserved_cents += reserved
        assert self.cash_cents >= 0, f"{self.user}: cash {self.cash_cents}"
        assert self.reserved_cents >= 0, f"{self.user}: reserved cash {self.reserved_cents}"

    def set_trigger(self, symbol: str, side: int, order: TriggerOrder | None) -> None:
        """Puts, replaces or (None) removes the trigger order of a symbol and side."""
        key = trigger_key(symbol, side)
        if order is None:
            del self.triggers[key]
        else:
            self.triggers[key] = order
        self.changed_triggers.add(key)
        if self.shown is not None:
            self.shown.triggers.stale.add(key)

    def check(self) -> None:
        """Asserts that what is reserved is what pendings and triggers hold (invariants.md, 2), and no shares no cost."""
        held = sum(pending.value_cents for pending in self.buys.items)
        held += sum(order.amount_cents for (_, side), order in self.triggers.items() if side == BUY_SIDE)
        assert held == self.reserved_cents, f"{self.user}: {self.reserved_cents} reserved, {held} held"
        shares: dict[str, int] = {}
        for pending in self.sells.items:
            shares[pending.symbol] = shares.get(pending.symbol, 0) + pending.shares
        for (symbol, side), order in self.triggers.items():
            if side == SELL_SIDE:
                shares[symbol] = shares.get(symbol, 0) + order.shares
        reserved = {symbol: holding.reserved for symbol, holding in self.holdings.items()}
        for symbol in reserved | shares:
            has, holds = reserved.get(symbol, 0), shares.get(symbol, 0)
            assert has == holds, f"{self.user}: {symbol} {has} reserved, {holds} held"
        for symbol, holding in self.holdings.items():
            has_shares = holding.free or holding.reserved
            assert has_shares or not holding.cost_cents, f"{self.user}: {symbol} cost {holding.cost_cents}"

    def has_pending_before(self, time_ms: int) -> bool:
        """Whether a pending is older than that. The first is the oldest: an account's timestamps never decrease."""
        buys, sells = self.buys.items, self.sells.items
        return bool(buys and buys[0].timestamp_ms < time_ms) or bool(
            sells and sells[0].timestamp_ms < time_ms
        )

    def oldest_pending_ms(self) -> int | None:
        """Timestamp of the pending that expires first; None when nothing is pending."""
        buys, sells = self.buys.items, self.sells.items
        if buys and sells:
            return min(buys[0].timestamp_ms, sells[0].timestamp_ms)
        first = buys or sells
        return first[0].timestamp_ms if first else None


class _Stored(Struct, array_like=True):
    """A history in the account row."""

    counts: dict[int, int]
    recent: list[msgspec.Raw]


_unpack = msgspec.msgpack.Decoder(_Stored).decode


def encode_history(history: History) -> bytes:
    """The history as it stands in the account row: [counts, [[number, command, symbol, cents, outcome, timestamp_ms], ...]]."""
    return _packed_array([_pack(history.counts), _packed_array(history.recent)])


def decode_history(data: bytes) -> History:
    """The history of an account row."""
    stored = _unpack(data)
    return History(stored.counts, [bytes(one) for one in stored.recent])


def _packed_array(packed: list[bytes]) -> bytes:
    return _PACKED_ARRAYS[len(packed)] + b"".join(packed)
