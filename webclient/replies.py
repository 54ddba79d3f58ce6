"""The sixteen commands' replies as types: a reply that does not fit is none, and OpenAPI describes them by these. Values only.

Amounts and prices are decimal dollars (`63511.53`), times milliseconds since 1970. Fields that are not named here pass.
"""

from typing import Annotated

from msgspec import Meta, Struct

Money = Annotated[
    str, Meta(pattern=r"^[0-9]{1,17}\.[0-9]{2}$", description="Decimal dollars", examples=["63511.53"])
]
Shares = Annotated[int, Meta(ge=0, description="Whole shares")]
Symbol = Annotated[str, Meta(pattern=r"^[A-Z]{1,3}$", examples=["ABC"])]
Time = Annotated[int, Meta(ge=0, description="Milliseconds since 1970, UTC", examples=[1790000000000])]


class Cash(Struct):
    """ADD."""

    cash: Money


class Quote(Struct):
    """QUOTE."""

    symbol: Symbol
    price: Money
    quoted_at: Time


class Trade(Struct):
    """What the replies about a pending BUY or SELL have in common."""

    symbol: Symbol
    shares: Shares
    price: Money


class Buy(Trade):
    """BUY: it can be committed until `expires_at`."""

    cost: Money
    expires_at: Time
    cash: Money


class BuyCommitted(Trade):
    """COMMIT_BUY."""

    cost: Money
    cash: Money


class BuyCancelled(Trade):
    """CANCEL_BUY."""

    returned: Money
    cash: Money


class Sell(Trade):
    """SELL: it can be committed until `expires_at`."""

    proceeds: Money
    expires_at: Time


class SellCommitted(Trade):
    """COMMIT_SELL."""

    proceeds: Money
    cash: Money


class SellCancelled(Struct):
    """CANCEL_SELL."""

    symbol: Symbol
    shares: Shares


class BuyAmountSet(Struct):
    """SET_BUY_AMOUNT."""

    symbol: Symbol
    amount: Money
    cash: Money


class BuyTriggerSet(Struct):
    """SET_BUY_TRIGGER."""

    symbol: Symbol
    amount: Money
    price: Money


class BuyTriggerCancelled(Struct):
    """CANCEL_SET_BUY."""

    symbol: Symbol
    returned: Money
    cash: Money


class SellAmountSet(Struct):
    """SET_SELL_AMOUNT."""

    symbol: Symbol
    amount: Money


class SellTriggerSet(Struct):
    """SET_SELL_TRIGGER."""

    symbol: Symbol
    amount: Money
    price: Money
    shares: Shares


class SellTriggerCancelled(Struct):
    """CANCEL_SET_SELL."""

    symbol: Symbol
    shares: Shares


class Dump(Struct):
    """DUMPLOG."""

    path: str
    events: Annotated[int, Meta(ge=0)]


class Holding(Struct):
    """Shares of one stock: free ones, those that pending sells and armed triggers hold, and what all of them cost."""

    shares: Shares
    reserved: Shares
    cost: Money


class Pending(Struct):
    """A BUY or SELL that waits to be committed."""

    symbol: Symbol
    shares: Shares
    price: Money
    timestamp: Time


class Trigger(Struct):
    """An amount that is set aside, and the price at which it fires (null: not armed yet)."""

    side: Annotated[str, Meta(pattern="^(buy|sell)$")]
    symbol: Symbol
    amount: Money
    price: Money | None
    shares: Shares


class HistoryItem(Struct):
    """One of the newest commands."""

    number: Annotated[int, Meta(ge=1)]
    command: str
    symbol: str | None
    amount: str | None
    outcome: str
    timestamp: Time


class History(Struct):
    """What the account has done: counts by command and outcome, and the newest commands."""

    counts: dict[str, dict[str, int]]
    newest: list[HistoryItem]


class Summary(Struct):
    """DISPLAY_SUMMARY: the whole account."""

    user: str
    cash: Money
    reserved: Money
    holdings: dict[Symbol, Holding]
    pending_buys: list[Pending]
    pending_sells: list[Pending]
    pendings_not_shown: int
    triggers: list[Trigger]
    history: History
