"""What every command does to an account, written from commands.md and audit-log.md alone.

Pure: values in, values out. Nothing here has seen the transaction tier, so that the two can be held against each other.
An Account is changed in place by `apply`, `expire` and `fire`; money is integer cents, shares are whole numbers, time is
milliseconds. Quotes are the caller's business: a price is given, or None when there was none to be had.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from msgspec import Struct

from core import commands, errors
from core.ids import is_user
from core.limits import PENDING_LIFE_MS
from core.money import is_amount

BUYING: Final = 0
SELLING: Final = 1
"""The two sides. What an account has twice (pendings, trigger orders) is indexed by them."""

_is_user: Final = lru_cache(maxsize=65_536)(is_user)

PRICED: Final = frozenset({commands.QUOTE, commands.BUY, commands.SELL})
"""The commands that use a quote."""

Moves = tuple[tuple[str, int], ...]
"""Changes of cash in order, as (`add` or `remove`, cents)."""


class Command(Struct, frozen=True, gc=False):
    """One command as its userCommand shows it; what was absent or not well-formed is empty or None."""

    name: str
    number: int
    time_ms: int
    user: str = ""
    symbol: str = ""
    cents: int | None = None
    """Amount or trigger price."""
    filename: str = ""
    count_ok: bool = True
    """It had the right number of arguments (a log alone does not show that)."""


class Pending(Struct, frozen=True, gc=False):
    """A BUY or SELL that waits for its COMMIT; it holds its price."""

    symbol: str
    shares: int
    price_cents: int
    time_ms: int
    number: int

    @property
    def cents(self) -> int:
        """What a buy has reserved, and what a sell will bring."""
        return self.shares * self.price_cents


class Outcome(Struct, frozen=True, gc=False):
    """What a command must have done: a refusal code, or None and the changes of cash."""

    code: str | None = None
    moves: Moves = ()
    priced: bool = False
    """The decision needed a price."""
    taken: Pending | None = None
    """What a COMMIT or CANCEL took: the newest pending."""


class TriggerOrder(Struct, frozen=True, gc=False):
    """SET_*_AMOUNT for one symbol, armed once it has a price."""

    amount_cents: int
    price_cents: int | None = None
    shares: int = 0
    """Reserved by an armed sell; a buy reserves `amount_cents` from the start."""
    number: int = 0
    """Of the SET_*_TRIGGER that set the price."""

    def fires_at(self, side: int, price_cents: int) -> bool:
        """True when the quote reaches this trigger's price and, for a buy, the reserve buys a whole share."""
        if self.price_cents is None:
            return False
        if side == SELLING:
            return price_cents >= self.price_cents
        return price_cents <= self.price_cents and self.amount_cents >= price_cents


class Account:
    """One user's account. `known` is False until the first ADD."""

    __slots__ = ("cash", "expired", "known", "orders", "pendings", "reserved", "shares")

    def __init__(self) -> None:
        self.known = False
        self.cash = 0
        self.shares: dict[str, int] = {}
        """Free shares by symbol."""
        self.reserved: dict[str, int] = {}
        """Shares held by pending sells and armed sell triggers, by symbol."""
        self.pendings: tuple[list[Pending], list[Pending]] = ([], [])
        """Pending buys and sells, the newest last."""
        self.orders: tuple[dict[str, TriggerOrder], dict[str, TriggerOrder]] = ({}, {})
        """Buy and sell triggers by symbol."""
        self.expired = [False, False]
        """Whether the last pending buy and the last pending sell to leave did so by expiry."""

    @property
    def reserved_cash(self) -> int:
        """Cents held by pending buys and buy triggers."""
        held = sum(pending.cents for pending in self.pendings[BUYING])
        return held + sum(order.amount_cents for order in self.orders[BUYING].values())

    def _reserve(self, symbol: str, shares: int) -> None:
        self.shares[symbol] = self.shares.get(symbol, 0) - shares
        self.reserved[symbol] = self.reserved.get(symbol, 0) + shares


_NOTHING: Final = Outcome()
_PRICED: Final = Outcome(priced=True)
_REFUSALS: Final = {code: Outcome(code=code) for code in errors.CODES}
_PRICED_REFUSALS: Final = {code: Outcome(code=code, priced=True) for code in errors.CODES}


def apply(account: Account, command: Command, price_cents: int | None = None) -> Outcome:
    """Decides the command and does it to the account. The caller has expired what was due (see `due`).

    Without a price a command that needs one is refused with QUOTE_UNAVAILABLE. A refusal changes nothing.
    """
    if (code := argument_refusal(command)) is not None:
        return _REFUSALS[code]
    name = command.name
    if (
        not account.known
        and name not in (commands.ADD, commands.QUOTE, commands.DISPLAY_SUMMARY)
        and command.user
    ):
        return _REFUSALS[errors.UNKNOWN_USER]
    if name == commands.QUOTE:
        return _PRICED if price_cents is not None else _PRICED_REFUSALS[errors.QUOTE_UNAVAILABLE]
    if name == commands.BUY:
        return _buy(account, command, price_cents)
    if name == commands.SELL:
        return _sell(account, command, price_cents)
    return _UNPRICED[name](account, command)


def argument_refusal(command: Command) -> str | None:
    """The code of the first argument that is wrong: their number, then from left to right (commands.md, Accounts)."""
    if not command.count_ok:
        return errors.BAD_REQUEST
    name = command.name
    if name == commands.DUMPLOG:
        if command.user and not _is_user(command.user):
            return errors.BAD_USER
        return None if command.filename else errors.BAD_FILENAME
    if not _is_user(command.user):
        return errors.BAD_USER
    if name in _WITH_SYMBOL and not command.symbol:
        return errors.BAD_SYMBOL
    if name in _WITH_AMOUNT and (command.cents is None or not is_amount(command.cents)):
        return errors.BAD_AMOUNT
    return None


def due(account: Account, now_ms: int, life_ms: int = PENDING_LIFE_MS) -> list[tuple[int, Pending]]:
    """(side, pending) of everything that is too old at `now_ms`; an age of exactly `life_ms` is valid."""
    found = []
    for side in (BUYING, SELLING):
        for pending in account.pendings[side]:
            if now_ms - pending.time_ms <= life_ms:
                break  # the oldest stand first
            found.append((side, pending))
    return found


def expire(account: Account, side: int, pending: Pending) -> Moves:
    """Takes a pending out and returns its reserve; the changes of cash."""
    account.pendings[side].remove(pending)
    account.expired[side] = True
    return _give_back(account, side, pending)


def fire(account: Account, side: int, symbol: str, price_cents: int) -> Moves:
    """Executes the armed trigger at the price, which the caller has judged, and takes it out; the changes of cash."""
    order = account.orders[side].pop(symbol)
    if side == BUYING:
        shares, rest = divmod(order.amount_cents, price_cents)
        account.shares[symbol] = account.shares.get(symbol, 0) + shares
        account.cash += rest
        return (("add", rest),) if rest else ()
    account.reserved[symbol] -= order.shares
    proceeds = order.shares * price_cents
    account.cash += proceeds
    return (("add", proceeds),)


def _amount(command: Command) -> int:
    assert command.cents is not None  # argument_refusal has seen to it
    return command.cents


def _buy(account: Account, command: Command, price_cents: int | None) -> Outcome:
    amount = _amount(command)
    if account.cash < amount:
        return _REFUSALS[errors.INSUFFICIENT_FUNDS]
    if price_cents is None:
        return _PRICED_REFUSALS[errors.QUOTE_UNAVAILABLE]
    shares = amount // price_cents
    if shares < 1:
        return _PRICED_REFUSALS[errors.TOO_SMALL]
    pending = Pending(command.symbol, shares, price_cents, command.time_ms, command.number)
    account.cash -= pending.cents
    account.pendings[BUYING].append(pending)
    return Outcome(moves=(("remove", pending.cents),), priced=True)


def _sell(account: Account, command: Command, price_cents: int | None) -> Outcome:
    amount = _amount(command)
    symbol = command.symbol
    free = account.shares.get(symbol, 0)
    if free < 1:
        return _REFUSALS[errors.INSUFFICIENT_SHARES]
    if price_cents is None:
        return _PRICED_REFUSALS[errors.QUOTE_UNAVAILABLE]
    shares = amount // price_cents
    if shares < 1:
        return _PRICED_REFUSALS[errors.TOO_SMALL]
    if shares > free:
        return _PRICED_REFUSALS[errors.INSUFFICIENT_SHARES]
    account._reserve(symbol, shares)
    account.pendings[SELLING].append(Pending(symbol, shares, price_cents, command.time_ms, command.number))
    return _PRICED


def _give_back(account: Account, side: int, pending: Pending) -> Moves:
    if side == SELLING:
        account._reserve(pending.symbol, -pending.shares)
        return ()
    account.cash += pending.cents
    return (("add", pending.cents),)


def _pop(account: Account, side: int) -> Pending | Outcome:
    """The newest pending, or the refusal when there is none."""
    if account.pendings[side]:
        account.expired[side] = False
        return account.pendings[side].pop()
    return _REFUSALS[errors.EXPIRED if account.expired[side] else errors.NOTHING_PENDING]


def _add(account: Account, command: Command) -> Outcome:
    account.known = True
    account.cash += _amount(command)
    return Outcome(moves=(("add", _amount(command)),))


def _commit_buy(account: Account, command: Command) -> Outcome:
    pending = _pop(account, BUYING)
    if isinstance(pending, Outcome):
        return pending
    account.shares[pending.symbol] = account.shares.get(pending.symbol, 0) + pending.shares
    return Outcome(taken=pending)


def _commit_sell(account: Account, command: Command) -> Outcome:
    pending = _pop(account, SELLING)
    if isinstance(pending, Outcome):
        return pending
    account.reserved[pending.symbol] -= pending.shares
    account.cash += pending.cents
    return Outcome(moves=(("add", pending.cents),), taken=pending)


def _cancel_pending(account: Account, side: int) -> Outcome:
    pending = _pop(account, side)
    if isinstance(pending, Outcome):
        return pending
    return Outcome(moves=_give_back(account, side, pending), taken=pending)


def _set_buy_amount(account: Account, command: Command) -> Outcome:
    amount = _amount(command)
    old = account.orders[BUYING].get(command.symbol)
    back = old.amount_cents if old else 0
    if account.cash + back < amount:
        return _REFUSALS[errors.INSUFFICIENT_FUNDS]
    account.cash += back - amount
    account.orders[BUYING][command.symbol] = TriggerOrder(
        amount, old.price_cents if old else None, 0, old.number if old else 0
    )
    return Outcome(moves=((("add", back),) if old else ()) + (("remove", amount),))


def _set_buy_trigger(account: Account, command: Command) -> Outcome:
    order = account.orders[BUYING].get(command.symbol)
    if order is None:
        return _REFUSALS[errors.NO_AMOUNT_SET]
    account.orders[BUYING][command.symbol] = TriggerOrder(
        order.amount_cents, _amount(command), 0, command.number
    )
    return _NOTHING


def _cancel_set_buy(account: Account, command: Command) -> Outcome:
    order = account.orders[BUYING].pop(command.symbol, None)
    if order is None:
        return _REFUSALS[errors.NOT_SET]
    account.cash += order.amount_cents
    return Outcome(moves=(("add", order.amount_cents),))


def _set_sell_amount(account: Account, command: Command) -> Outcome:
    old = account.orders[SELLING].get(command.symbol)
    back = old.shares if old else 0
    if account.shares.get(command.symbol, 0) + back < 1:
        return _REFUSALS[errors.INSUFFICIENT_SHARES]
    account._reserve(command.symbol, -back)
    account.orders[SELLING][command.symbol] = TriggerOrder(_amount(command))
    return _NOTHING


def _set_sell_trigger(account: Account, command: Command) -> Outcome:
    order = account.orders[SELLING].get(command.symbol)
    if order is None:
        return _REFUSALS[errors.NO_AMOUNT_SET]
    price = _amount(command)
    shares = order.amount_cents // price
    if shares < 1:
        return _REFUSALS[errors.TOO_SMALL]
    if shares > account.shares.get(command.symbol, 0) + order.shares:
        return _REFUSALS[errors.INSUFFICIENT_SHARES]
    account._reserve(command.symbol, shares - order.shares)
    account.orders[SELLING][command.symbol] = TriggerOrder(order.amount_cents, price, shares, command.number)
    return _NOTHING


def _cancel_set_sell(account: Account, command: Command) -> Outcome:
    order = account.orders[SELLING].pop(command.symbol, None)
    if order is None:
        return _REFUSALS[errors.NOT_SET]
    account._reserve(command.symbol, -order.shares)
    return _NOTHING


def _nothing(account: Account, command: Command) -> Outcome:
    return _NOTHING


_UNPRICED: Final[dict[str, Callable[[Account, Command], Outcome]]] = {
    commands.ADD: _add,
    commands.COMMIT_BUY: _commit_buy,
    commands.CANCEL_BUY: lambda account, command: _cancel_pending(account, BUYING),
    commands.COMMIT_SELL: _commit_sell,
    commands.CANCEL_SELL: lambda account, command: _cancel_pending(account, SELLING),
    commands.SET_BUY_AMOUNT: _set_buy_amount,
    commands.SET_BUY_TRIGGER: _set_buy_trigger,
    commands.CANCEL_SET_BUY: _cancel_set_buy,
    commands.SET_SELL_AMOUNT: _set_sell_amount,
    commands.SET_SELL_TRIGGER: _set_sell_trigger,
    commands.CANCEL_SET_SELL: _cancel_set_sell,
    commands.DISPLAY_SUMMARY: _nothing,
    commands.DUMPLOG: _nothing,
}

_WITH_AMOUNT: Final = frozenset(
    name for name, arguments in commands.ARGUMENTS.items() if commands.AMOUNT in arguments
)
_WITH_SYMBOL: Final = frozenset(
    name for name, arguments in commands.ARGUMENTS.items() if commands.SYMBOL in arguments
)
