"""The rules of commands.md, one function a command: the account and the command in, an Effect out.

A rule either changes the account and returns its Effect, or changes nothing and returns why it is Refused (a value: two of
five commands of a course workload are refused, and raising costs as much as deciding). It need not think of expiry,
sequence, timestamps, history or the audit log: `transaction.decide` keeps those around it, and sees to it that the user is known.
"""

from collections.abc import Callable, Mapping
from sys import intern
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from core import commands as c
from core import errors
from core.codec import Request
from core.limits import MAX_CASH_CENTS, MAX_SHARES
from core.money import format_cents
from transaction.account import BUY_SIDE, SELL_SIDE, Account, TriggerOrder
from transaction.pendings import Pending
from transaction.summary import summary


class Price(Struct, frozen=True, gc=False):
    """The quote a command may use: its price, and whether it is the newest hit made for this very command."""

    cents: int
    time_ms: int
    own_hit: bool


class Effect(Struct, frozen=True, gc=False):
    """What a rule did: the fields of its reply, and cash that came and went (cents)."""

    reply: str
    added_cents: int = 0
    removed_cents: int = 0


class Refused(Struct, frozen=True, gc=False):
    """The command is refused; the account is as it was. The message is plain words for the one who sent it."""

    code: str
    message: str


class Context(Struct, frozen=True, gc=False):
    """What a rule is given besides the account: the command, its time, and its price where it needs one."""

    request: Request
    session_id: int
    now_ms: int
    pending_life_ms: int
    price: Price | None
    """Given if and only if the decision needs one (and one was to be had): then it counts as used, also by a refusal."""

    @property
    def amount(self) -> int:
        """Amount or trigger price in cents; validation has seen to it that it is there."""
        cents = self.request.cents
        assert cents is not None
        return cents


_NO_PRICE: Final = Refused(errors.QUOTE_UNAVAILABLE, "the quote server gives no price at the moment")
_NO_ROOM: Final = Refused(errors.BAD_AMOUNT, "the account cannot hold so much cash")
_NO_BUY: Final = Refused(errors.NOTHING_PENDING, "no buy is pending")
_NO_SELL: Final = Refused(errors.NOTHING_PENDING, "no sell is pending")
_LATE_BUY: Final = Refused(errors.EXPIRED, "the pending buy is older than its life")
_LATE_SELL: Final = Refused(errors.EXPIRED, "the pending sell is older than its life")


def _cash(account: Account) -> str:
    return f'"cash":"{format_cents(account.cash_cents)}"'


def _trade(pending: Pending, sum_name: str) -> str:
    return (
        f'"symbol":"{pending.symbol}","shares":{pending.shares},"price":"{format_cents(pending.price_cents)}",'
        f'"{sum_name}":"{format_cents(pending.value_cents)}"'
    )


def _has_room(account: Account, cents: int) -> bool:
    """Cash may come as long as it and the reserve, which may return to it, stay within what a column holds."""
    return account.cash_cents + account.reserved_cents + cents <= MAX_CASH_CENTS


def _has_room_for_shares(account: Account, symbol: str, shares: int) -> bool:
    holding = account.holdings.get(symbol)
    return holding is None or holding.free + holding.reserved + shares <= MAX_SHARES


def _poor(has_cents: int, needs_cents: int) -> Refused:
    words = f"cash {format_cents(has_cents)} is less than {format_cents(needs_cents)}"
    return Refused(errors.INSUFFICIENT_FUNDS, words)


def _too_small(amount_cents: int, symbol: str, price_cents: int) -> Refused:
    words = f"{format_cents(amount_cents)} is no whole share of {symbol} at {format_cents(price_cents)}"
    return Refused(errors.TOO_SMALL, words)


def _too_few(free: int, symbol: str, shares: int) -> Refused:
    return Refused(errors.INSUFFICIENT_SHARES, f"{free} free shares of {symbol}, {shares} needed")


def _add(account: Account, context: Context) -> Effect | Refused:
    amount = context.amount
    if not _has_room(account, amount):
        return _NO_ROOM
    account.exists = True
    account.move_cash(amount, 0)
    return Effect(_cash(account), added_cents=amount)


def _quote(account: Account, context: Context) -> Effect | Refused:
    price = context.price
    if price is None:
        return _NO_PRICE
    return Effect(
        f'"symbol":"{context.request.symbol}","price":"{format_cents(price.cents)}","quoted_at":{price.time_ms}'
    )


def _buy(account: Account, context: Context) -> Effect | Refused:
    amount = context.amount
    if account.cash_cents < amount:
        return _poor(account.cash_cents, amount)
    price = context.price
    if price is None:
        return _NO_PRICE
    shares = amount // price.cents
    if shares < 1:
        return _too_small(amount, context.request.symbol, price.cents)
    pending = _pending(context, shares, price.cents)
    cost = pending.value_cents
    account.move_cash(-cost, cost)
    account.buys.push(pending)
    expires = context.now_ms + context.pending_life_ms
    text = f'{_trade(pending, "cost")},"expires_at":{expires},{_cash(account)}'
    return Effect(text, removed_cents=cost)


def _sell(account: Account, context: Context) -> Effect | Refused:
    symbol = context.request.symbol
    free = account.free_shares(symbol)
    if free < 1:
        return Refused(errors.INSUFFICIENT_SHARES, f"no free share of {symbol}")
    price = context.price
    if price is None:
        return _NO_PRICE
    shares = context.amount // price.cents
    if shares < 1:
        return _too_small(context.amount, symbol, price.cents)
    if shares > free:
        return _too_few(free, symbol, shares)
    pending = _pending(context, shares, price.cents)
    account.move_shares(symbol, -shares, shares)
    account.sells.push(pending)
    expires = context.now_ms + context.pending_life_ms
    return Effect(f'{_trade(pending, "proceeds")},"expires_at":{expires}')


def _pending(context: Context, shares: int, price_cents: int) -> Pending:
    request = context.request
    symbol = intern(request.symbol)
    return Pending(symbol, shares, price_cents, context.now_ms, context.session_id, request.number)


def _commit_buy(account: Account, context: Context) -> Effect | Refused:
    buys = account.buys
    pending = buys.newest
    if pending is None:
        return _LATE_BUY if buys.expired else _NO_BUY
    if not _has_room_for_shares(account, pending.symbol, pending.shares):
        return Refused(errors.BAD_AMOUNT, f"the account cannot hold so many shares of {pending.symbol}")
    buys.take()
    account.move_cash(0, -pending.value_cents)
    account.buy_shares(pending.symbol, pending.shares, pending.value_cents)
    return Effect(f"{_trade(pending, 'cost')},{_cash(account)}")


def _cancel_buy(account: Account, context: Context) -> Effect | Refused:
    buys = account.buys
    pending = buys.newest
    if pending is None:
        return _LATE_BUY if buys.expired else _NO_BUY
    buys.take()
    account.move_cash(pending.value_cents, -pending.value_cents)
    return Effect(f"{_trade(pending, 'returned')},{_cash(account)}", added_cents=pending.value_cents)


def _commit_sell(account: Account, context: Context) -> Effect | Refused:
    sells = account.sells
    pending = sells.newest
    if pending is None:
        return _LATE_SELL if sells.expired else _NO_SELL
    if not _has_room(account, pending.value_cents):
        return _NO_ROOM
    sells.take()
    account.sell_shares(pending.symbol, pending.shares)
    account.move_cash(pending.value_cents, 0)
    return Effect(f"{_trade(pending, 'proceeds')},{_cash(account)}", added_cents=pending.value_cents)


def _cancel_sell(account: Account, context: Context) -> Effect | Refused:
    sells = account.sells
    pending = sells.newest
    if pending is None:
        return _LATE_SELL if sells.expired else _NO_SELL
    sells.take()
    account.move_shares(pending.symbol, pending.shares, -pending.shares)
    return Effect(f'"symbol":"{pending.symbol}","shares":{pending.shares}')


def _set_buy_amount(account: Account, context: Context) -> Effect | Refused:
    symbol, amount = context.request.symbol, context.amount
    old = account.triggers.get((symbol, BUY_SIDE))
    returned = old.amount_cents if old else 0
    if account.cash_cents + returned < amount:
        return _poor(account.cash_cents + returned, amount)
    account.move_cash(returned - amount, amount - returned)
    account.set_trigger(symbol, BUY_SIDE, _with_amount(old, context))
    text = f'"symbol":"{symbol}","amount":"{format_cents(amount)}",{_cash(account)}'
    return Effect(text, added_cents=returned, removed_cents=amount)


def _with_amount(old: TriggerOrder | None, context: Context) -> TriggerOrder:
    """A buy trigger with a new amount: an armed price, and the number that armed it, stay."""
    if old is not None and old.price_cents is not None:
        return msgspec.structs.replace(old, amount_cents=context.amount)
    return TriggerOrder(context.amount, None, 0, context.session_id, context.request.number, None)


def _armed(old: TriggerOrder, context: Context, shares: int) -> TriggerOrder:
    return TriggerOrder(
        old.amount_cents,
        context.amount,
        shares,
        context.session_id,
        context.request.number,
        context.now_ms,
    )


def _set_buy_trigger(account: Account, context: Context) -> Effect | Refused:
    symbol = context.request.symbol
    old = account.triggers.get((symbol, BUY_SIDE))
    if old is None:
        return Refused(errors.NO_AMOUNT_SET, f"no SET_BUY_AMOUNT for {symbol}")
    account.set_trigger(symbol, BUY_SIDE, _armed(old, context, 0))
    amount, price = format_cents(old.amount_cents), format_cents(context.amount)
    return Effect(f'"symbol":"{symbol}","amount":"{amount}","price":"{price}"')


def _cancel_set_buy(account: Account, context: Context) -> Effect | Refused:
    symbol = context.request.symbol
    old = account.triggers.get((symbol, BUY_SIDE))
    if old is None:
        return Refused(errors.NOT_SET, f"no SET_BUY_AMOUNT for {symbol}")
    account.move_cash(old.amount_cents, -old.amount_cents)
    account.set_trigger(symbol, BUY_SIDE, None)
    text = f'"symbol":"{symbol}","returned":"{format_cents(old.amount_cents)}",{_cash(account)}'
    return Effect(text, added_cents=old.amount_cents)


def _set_sell_amount(account: Account, context: Context) -> Effect | Refused:
    symbol = context.request.symbol
    old = account.triggers.get((symbol, SELL_SIDE))
    reserved = old.shares if old else 0
    if account.free_shares(symbol) + reserved < 1:
        return Refused(errors.INSUFFICIENT_SHARES, f"no share of {symbol}")
    if reserved:
        account.move_shares(symbol, reserved, -reserved)
    order = TriggerOrder(context.amount, None, 0, context.session_id, context.request.number, None)
    account.set_trigger(symbol, SELL_SIDE, order)
    return Effect(f'"symbol":"{symbol}","amount":"{format_cents(context.amount)}"')


def _set_sell_trigger(account: Account, context: Context) -> Effect | Refused:
    symbol, price = context.request.symbol, context.amount
    old = account.triggers.get((symbol, SELL_SIDE))
    if old is None:
        return Refused(errors.NO_AMOUNT_SET, f"no SET_SELL_AMOUNT for {symbol}")
    shares = old.amount_cents // price
    if shares < 1:
        return _too_small(old.amount_cents, symbol, price)
    available = account.free_shares(symbol) + old.shares
    if available < shares:
        return _too_few(available, symbol, shares)
    account.move_shares(symbol, old.shares - shares, shares - old.shares)
    account.set_trigger(symbol, SELL_SIDE, _armed(old, context, shares))
    amount = format_cents(old.amount_cents)
    return Effect(
        f'"symbol":"{symbol}","amount":"{amount}","price":"{format_cents(price)}","shares":{shares}'
    )


def _cancel_set_sell(account: Account, context: Context) -> Effect | Refused:
    symbol = context.request.symbol
    old = account.triggers.get((symbol, SELL_SIDE))
    if old is None:
        return Refused(errors.NOT_SET, f"no SET_SELL_AMOUNT for {symbol}")
    if old.shares:
        account.move_shares(symbol, old.shares, -old.shares)
    account.set_trigger(symbol, SELL_SIDE, None)
    return Effect(f'"symbol":"{symbol}","shares":{old.shares}')


def _display_summary(account: Account, context: Context) -> Effect:
    return Effect(summary(account))


def _dumplog(account: Account, context: Context) -> Effect:
    """The server makes the dump once this is committed, and words the reply."""
    return Effect("")


RULES: Final[Mapping[str, Callable[[Account, Context], Effect | Refused]]] = MappingProxyType(
    {
        c.ADD: _add,
        c.QUOTE: _quote,
        c.BUY: _buy,
        c.COMMIT_BUY: _commit_buy,
        c.CANCEL_BUY: _cancel_buy,
        c.SELL: _sell,
        c.COMMIT_SELL: _commit_sell,
        c.CANCEL_SELL: _cancel_sell,
        c.SET_BUY_AMOUNT: _set_buy_amount,
        c.CANCEL_SET_BUY: _cancel_set_buy,
        c.SET_BUY_TRIGGER: _set_buy_trigger,
        c.SET_SELL_AMOUNT: _set_sell_amount,
        c.SET_SELL_TRIGGER: _set_sell_trigger,
        c.CANCEL_SET_SELL: _cancel_set_sell,
        c.DUMPLOG: _dumplog,
        c.DISPLAY_SUMMARY: _display_summary,
    }
)
"""The rule of each of the sixteen commands."""

FOR_STRANGERS: Final = frozenset({c.ADD, c.QUOTE, c.DISPLAY_SUMMARY})
"""Commands of users without an account; to any other command they are UNKNOWN_USER."""
