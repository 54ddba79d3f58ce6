"""Triggers: an amount that is set aside, and the price at which it buys or sells by itself."""

from typing import Final

from apiflask import APIBlueprint

from core import commands as c
from core.errors import (
    BAD_AMOUNT,
    BUSY,
    INSUFFICIENT_FUNDS,
    INSUFFICIENT_SHARES,
    NO_AMOUNT_SET,
    NOT_SET,
    REUSED_NUMBER,
    TOO_SMALL,
    UNKNOWN_USER,
)
from webclient import replies, trade
from webclient.access import TRADER_SELF, access
from webclient.bodies import TriggerAmount, TriggerPrice, cents_of
from webclient.commands import Command

blueprint = APIBlueprint("triggers", __name__, url_prefix="/api/users/<user>/triggers", tag="Triggers")

_ALWAYS: Final = (UNKNOWN_USER, REUSED_NUMBER, BUSY)


@blueprint.put("/buy/<symbol>/amount")
@access(
    TRADER_SELF,
    body=TriggerAmount,
    key=True,
    gives=replies.BuyAmountSet,
    refuses=(*_ALWAYS, BAD_AMOUNT, INSUFFICIENT_FUNDS),
)
def set_buy_amount(user: str, symbol: str, key: str, body: TriggerAmount) -> bytes:
    """Set cash aside for a buy trigger, or change how much; an armed price stays."""
    return trade.once(Command(c.SET_BUY_AMOUNT, user, symbol, cents_of(body.amount)), key)


@blueprint.put("/buy/<symbol>/price")
@access(
    TRADER_SELF,
    body=TriggerPrice,
    key=True,
    gives=replies.BuyTriggerSet,
    refuses=(*_ALWAYS, BAD_AMOUNT, NO_AMOUNT_SET),
)
def set_buy_price(user: str, symbol: str, key: str, body: TriggerPrice) -> bytes:
    """Arm a buy trigger: it fires when the stock costs that much or less."""
    return trade.once(Command(c.SET_BUY_TRIGGER, user, symbol, cents_of(body.price, "price")), key)


@blueprint.delete("/buy/<symbol>")
@access(TRADER_SELF, key=True, gives=replies.BuyTriggerCancelled, refuses=(*_ALWAYS, NOT_SET))
def cancel_buy_trigger(user: str, symbol: str, key: str) -> bytes:
    """Take a buy trigger away: its cash returns."""
    return trade.once(Command(c.CANCEL_SET_BUY, user, symbol), key)


@blueprint.put("/sell/<symbol>/amount")
@access(
    TRADER_SELF,
    body=TriggerAmount,
    key=True,
    gives=replies.SellAmountSet,
    refuses=(*_ALWAYS, BAD_AMOUNT, INSUFFICIENT_SHARES),
)
def set_sell_amount(user: str, symbol: str, key: str, body: TriggerAmount) -> bytes:
    """Say for how much a sell trigger is to sell; an armed one is disarmed."""
    return trade.once(Command(c.SET_SELL_AMOUNT, user, symbol, cents_of(body.amount)), key)


@blueprint.put("/sell/<symbol>/price")
@access(
    TRADER_SELF,
    body=TriggerPrice,
    key=True,
    gives=replies.SellTriggerSet,
    refuses=(*_ALWAYS, BAD_AMOUNT, NO_AMOUNT_SET, TOO_SMALL, INSUFFICIENT_SHARES),
)
def set_sell_price(user: str, symbol: str, key: str, body: TriggerPrice) -> bytes:
    """Arm a sell trigger: it fires when the stock costs that much or more, and its shares are reserved until then."""
    return trade.once(Command(c.SET_SELL_TRIGGER, user, symbol, cents_of(body.price, "price")), key)


@blueprint.delete("/sell/<symbol>")
@access(TRADER_SELF, key=True, gives=replies.SellTriggerCancelled, refuses=(*_ALWAYS, NOT_SET))
def cancel_sell_trigger(user: str, symbol: str, key: str) -> bytes:
    """Take a sell trigger away: its shares return."""
    return trade.once(Command(c.CANCEL_SET_SELL, user, symbol), key)
