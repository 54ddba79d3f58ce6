"""Cash, quotes, and orders to buy and sell: each is one command, sent through the load balancer like any workload's."""

from typing import Final

from apiflask import APIBlueprint

from core import commands as c
from core.errors import (
    BAD_AMOUNT,
    BAD_SYMBOL,
    BUSY,
    EXPIRED,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_SHARES,
    NOTHING_PENDING,
    QUOTE_UNAVAILABLE,
    REUSED_NUMBER,
    TOO_SMALL,
    UNKNOWN_USER,
)
from webclient import replies, trade
from webclient.access import OWNER_OR_SUPERVISOR, TRADER_SELF, access
from webclient.bodies import Deposit, Order, cents_of, symbol_of
from webclient.commands import Command

blueprint = APIBlueprint("trading", __name__, url_prefix="/api/users/<user>", tag="Trading")
blueprint.after_app_request(trade.name_request)

_PLACED: Final = (BAD_AMOUNT, BAD_SYMBOL, UNKNOWN_USER, TOO_SMALL, QUOTE_UNAVAILABLE, REUSED_NUMBER, BUSY)
_CONFIRMED: Final = (BAD_AMOUNT, UNKNOWN_USER, NOTHING_PENDING, EXPIRED, REUSED_NUMBER, BUSY)
"""BAD_AMOUNT: more than an account can hold."""
_CANCELLED: Final = (UNKNOWN_USER, NOTHING_PENDING, EXPIRED, REUSED_NUMBER, BUSY)


@blueprint.get("/account")
@access(OWNER_OR_SUPERVISOR, gives=replies.Summary, refuses=(BUSY,))
def show_account(user: str) -> bytes:
    """Cash, holdings, what is pending, triggers, and the newest commands. Somebody who never deposited has an empty account."""
    return trade.read(Command(c.DISPLAY_SUMMARY, user))


@blueprint.post("/deposits")
@access(
    TRADER_SELF,
    body=Deposit,
    key=True,
    gives=replies.Cash,
    status=201,
    refuses=(BAD_AMOUNT, REUSED_NUMBER, BUSY),
)
def deposit(user: str, key: str, body: Deposit) -> bytes:
    """Add cash; the first deposit opens the account."""
    return trade.once(Command(c.ADD, user, amount_cents=cents_of(body.amount)), key)


@blueprint.get("/quotes/<symbol>")
@access(TRADER_SELF, gives=replies.Quote, refuses=(QUOTE_UNAVAILABLE, BUSY))
def quote(user: str, symbol: str) -> bytes:
    """The price of a stock, at most 60 seconds old."""
    return trade.read(Command(c.QUOTE, user, symbol))


@blueprint.post("/buys")
@access(
    TRADER_SELF, body=Order, key=True, gives=replies.Buy, status=201, refuses=(*_PLACED, INSUFFICIENT_FUNDS)
)
def buy(user: str, key: str, body: Order) -> bytes:
    """Place a buy: whole shares at the quote, for at most the amount. It can be confirmed for 60 seconds."""
    return trade.once(Command(c.BUY, user, symbol_of(body.symbol), cents_of(body.amount)), key)


@blueprint.post("/buys/commit")
@access(TRADER_SELF, key=True, gives=replies.BuyCommitted, refuses=_CONFIRMED)
def commit_buy(user: str, key: str) -> bytes:
    """Confirm the newest buy: the cash is spent, the shares arrive."""
    return trade.once(Command(c.COMMIT_BUY, user), key)


@blueprint.post("/buys/cancel")
@access(TRADER_SELF, key=True, gives=replies.BuyCancelled, refuses=_CANCELLED)
def cancel_buy(user: str, key: str) -> bytes:
    """Cancel the newest buy: the cash returns."""
    return trade.once(Command(c.CANCEL_BUY, user), key)


@blueprint.post("/sells")
@access(
    TRADER_SELF, body=Order, key=True, gives=replies.Sell, status=201, refuses=(*_PLACED, INSUFFICIENT_SHARES)
)
def sell(user: str, key: str, body: Order) -> bytes:
    """Place a sell: whole shares at the quote, for at most the amount. It can be confirmed for 60 seconds."""
    return trade.once(Command(c.SELL, user, symbol_of(body.symbol), cents_of(body.amount)), key)


@blueprint.post("/sells/commit")
@access(TRADER_SELF, key=True, gives=replies.SellCommitted, refuses=_CONFIRMED)
def commit_sell(user: str, key: str) -> bytes:
    """Confirm the newest sell: the shares leave, the cash arrives."""
    return trade.once(Command(c.COMMIT_SELL, user), key)


@blueprint.post("/sells/cancel")
@access(TRADER_SELF, key=True, gives=replies.SellCancelled, refuses=_CANCELLED)
def cancel_sell(user: str, key: str) -> bytes:
    """Cancel the newest sell: the shares return."""
    return trade.once(Command(c.CANCEL_SELL, user), key)
