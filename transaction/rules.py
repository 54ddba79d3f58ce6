"""The rules of commands.md, one function a command: the account and the command in, an Effect out.

A rule either changes the account and returns its Effect, or raises Refused before it has changed anything. It need not
think of expiry, sequence, timestamps, history or the audit log: `transaction.decide` keeps those around it.
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
from transaction.pendings import Pending, Pendings
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


class Refused(Exception):
    """The command is refused; the account is as it was. The message is plain words for the one who sent it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


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


NO_EFFECT: Final = Effect("")


def _known(account: Account) -> None:
    if not account.exists:
        raise Refused(errors.UNKNOWN_USER, f"there is no account {account.user}; ADD makes one")


def _price(context: Context) -> int:
    if context.price is None:
        raise Refused(errors.QUOTE_UNAVAILABLE, "the quote server gives no price at the moment")
    return context.price.cents


def _cash(account: Account) -> str:
    return f'"cash":"{format_cents(account.cash_cents)}"'


def _trade(pending: Pending, sum_name: str) -> str:
    return (
        f'"symbol":"{pending.symbol}","shares":{pending.shares},"price":"{format_cents(pending.price_cents)}",'
        f'"{sum_name}":"{format_cents(pending.value_cents)}"'
    )


def _room_for_cash(account: Account, cents: int) -> None:
    """Cash may come as long as it and the reserve, which may return to it, stay within what a column holds."""
    if account.cash_cents + account.reserved_cents + cents > MAX_CASH_CENTS:
        raise Refused(errors.BAD_AMOUNT, "the account cannot hold so much cash")


def _room_for_shares(account: Account, symbol: str, shares: int) -> None:
    holding = account.holdings.get(symbol)
    if holding is not None and holding.free + holding.reserved + shares > MAX_SHARES:
        raise Refused(errors.BAD_AMOUNT, f"the account cannot hold so many shares of {symbol}")


def _add(account: Account, context: Context) -> Effect:
    amount = context.amount
    _room_for_cash(account, amount)
    account.exists = True
    account.move_cash(amount, 0)
    return Effect(_cash(account), added_cents=amount)


def _quote(account: Account, context: Context) -> Effect:
    price = _price(context)
    assert context.price is not None
    text = f'"symbol":"{context.request.symbol}","price":"{format_cents(price)}","quoted_at":{context.price.time_ms}'
    return Effect(text)


def _buy(account: Account, context: Context) -> Effect:
    _known(account)
    amount = context.amount
    if account.cash_cents < amount:
        have = format_cents(account.cash_cents)
        raise Refused(errors.INSUFFICIENT_FUNDS, f"cash {have} is less than {format_cents(amount)}")
    pending = _pending(context, amount // _price(context))
    cost = pending.value_cents
    account.move_cash(-cost, cost)
    account.buys.push(pending)
    expires = context.now_ms + context.pending_life_ms
    text = f'{_trade(pending, "cost")},"expires_at":{expires},{_cash(account)}'
    return Effect(text, removed_cents=cost)


def _sell(account: Account, context: Context) -> Effect:
    _known(account)
    symbol = context.request.symbol
    free = account.free_shares(symbol)
    if free < 1:
        raise Refused(errors.INSUFFICIENT_SHARES, f"no free share of {symbol}")
    pending = _pending(context, context.amount // _price(context))
    if pending.shares > free:
        raise Refused(errors.INSUFFICIENT_SHARES, f"{free} free shares of {symbol}, {pending.shares} needed")
    account.move_shares(symbol, -pending.shares, pending.shares)
    account.sells.push(pending)
    expires = context.now_ms + context.pending_life_ms
    return Effect(f'{_trade(pending, "proceeds")},"expires_at":{expires}')


def _pending(context: Context, shares: int) -> Pending:
    price = _price(context)
    if shares < 1:
        raise Refused(
            errors.TOO_SMALL,
            f"{format_cents(context.amount)} is no whole share of {context.request.symbol} at {format_cents(price)}",
        )
    symbol = intern(context.request.symbol)
    return Pending(symbol, shares, price, context.now_ms, context.session_id, context.request.number)


def _newest(pendings: Pendings, kind: str) -> Pending:
    if pendings.items:
        return pendings.items[-1]
    if pendings.expired:
        raise Refused(errors.EXPIRED, f"the pending {kind} is older than its life")
    raise Refused(errors.NOTHING_PENDING, f"no {kind} is pending")


def _commit_buy(account: Account, context: Context) -> Effect:
    _known(account)
    pending = _newest(account.buys, "buy")
    _room_for_shares(account, pending.symbol, pending.shares)
    account.buys.take()
    account.move_cash(0, -pending.value_cents)
    account.move_shares(pending.symbol, pending.shares, 0)
    return Effect(f"{_trade(pending, 'cost')},{_cash(account)}")


def _cancel_buy(account: Account, context: Context) -> Effect:
    _known(account)
    pending = _newest(account.buys, "buy")
    account.buys.take()
    account.move_cash(pending.value_cents, -pending.value_cents)
    return Effect(f"{_trade(pending, 'returned')},{_cash(account)}", added_cents=pending.value_cents)


def _commit_sell(account: Account, context: Context) -> Effect:
    _known(account)
    pending = _newest(account.sells, "sell")
    _room_for_cash(account, pending.value_cents)
    account.sells.take()
    account.move_shares(pending.symbol, 0, -pending.shares)
    account.move_cash(pending.value_cents, 0)
    return Effect(f"{_trade(pending, 'proceeds')},{_cash(account)}", added_cents=pending.value_cents)


def _cancel_sell(account: Account, context: Context) -> Effect:
    _known(account)
    pending = _newest(account.sells, "sell")
    account.sells.take()
    account.move_shares(pending.symbol, pending.shares, -pending.shares)
    return Effect(f'"symbol":"{pending.symbol}","shares":{pending.shares}')


def _set_buy_amount(account: Account, context: Context) -> Effect:
    _known(account)
    symbol, amount = context.request.symbol, context.amount
    old = account.triggers.get((symbol, BUY_SIDE))
    returned = old.amount_cents if old else 0
    if account.cash_cents + returned < amount:
        have = format_cents(account.cash_cents + returned)
        raise Refused(errors.INSUFFICIENT_FUNDS, f"cash {have} is less than {format_cents(amount)}")
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


def _set_buy_trigger(account: Account, context: Context) -> Effect:
    _known(account)
    symbol = context.request.symbol
    old = account.triggers.get((symbol, BUY_SIDE))
    if old is None:
        raise Refused(errors.NO_AMOUNT_SET, f"no SET_BUY_AMOUNT for {symbol}")
    account.set_trigger(symbol, BUY_SIDE, _armed(old, context, 0))
    amount, price = format_cents(old.amount_cents), format_cents(context.amount)
    return Effect(f'"symbol":"{symbol}","amount":"{amount}","price":"{price}"')


def _cancel_set_buy(account: Account, context: Context) -> Effect:
    _known(account)
    symbol = context.request.symbol
    old = account.triggers.get((symbol, BUY_SIDE))
    if old is None:
        raise Refused(errors.NOT_SET, f"no SET_BUY_AMOUNT for {symbol}")
    account.move_cash(old.amount_cents, -old.amount_cents)
    account.set_trigger(symbol, BUY_SIDE, None)
    text = f'"symbol":"{symbol}","returned":"{format_cents(old.amount_cents)}",{_cash(account)}'
    return Effect(text, added_cents=old.amount_cents)


def _set_sell_amount(account: Account, context: Context) -> Effect:
    _known(account)
    symbol = context.request.symbol
    old = account.triggers.get((symbol, SELL_SIDE))
    reserved = old.shares if old else 0
    if account.free_shares(symbol) + reserved < 1:
        raise Refused(errors.INSUFFICIENT_SHARES, f"no share of {symbol}")
    if reserved:
        account.move_shares(symbol, reserved, -reserved)
    order = TriggerOrder(context.amount, None, 0, context.session_id, context.request.number, None)
    account.set_trigger(symbol, SELL_SIDE, order)
    return Effect(f'"symbol":"{symbol}","amount":"{format_cents(context.amount)}"')


def _set_sell_trigger(account: Account, context: Context) -> Effect:
    _known(account)
    symbol, price = context.request.symbol, context.amount
    old = account.triggers.get((symbol, SELL_SIDE))
    if old is None:
        raise Refused(errors.NO_AMOUNT_SET, f"no SET_SELL_AMOUNT for {symbol}")
    shares = old.amount_cents // price
    if shares < 1:
        amount = format_cents(old.amount_cents)
        raise Refused(errors.TOO_SMALL, f"{amount} is no whole share of {symbol} at {format_cents(price)}")
    available = account.free_shares(symbol) + old.shares
    if available < shares:
        raise Refused(errors.INSUFFICIENT_SHARES, f"{available} free shares of {symbol}, {shares} needed")
    account.move_shares(symbol, old.shares - shares, shares - old.shares)
    account.set_trigger(symbol, SELL_SIDE, _armed(old, context, shares))
    amount = format_cents(old.amount_cents)
    return Effect(
        f'"symbol":"{symbol}","amount":"{amount}","price":"{format_cents(price)}","shares":{shares}'
    )


def _cancel_set_sell(account: Account, context: Context) -> Effect:
    _known(account)
    symbol = context.request.symbol
    old = account.triggers.get((symbol, SELL_SIDE))
    if old is None:
        raise Refused(errors.NOT_SET, f"no SET_SELL_AMOUNT for {symbol}")
    if old.shares:
        account.move_shares(symbol, old.shares, -old.shares)
    account.set_trigger(symbol, SELL_SIDE, None)
    return Effect(f'"symbol":"{symbol}","shares":{old.shares}')


def _display_summary(account: Account, context: Context) -> Effect:
    return Effect(summary(account))


def _dumplog(account: Account, context: Context) -> Effect:
    """Only whether the dump may be made; the server makes it once this is committed and words the reply."""
    if context.request.user:
        _known(account)
    return NO_EFFECT


RULES: Final[Mapping[str, Callable[[Account, Context], Effect]]] = MappingProxyType(
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
