"""Stocks: type-ahead, recorded prices, watch lists. Nothing here asks the quote server, so nothing here costs a hit."""

from typing import Annotated, Final

from apiflask import APIBlueprint
from msgspec import Meta, Struct

from core.limits import MAX_PRICES_SHOWN, MAX_SYMBOLS_FOUND, MAX_WATCHED
from core.money import format_cents, format_known
from db import queries
from webclient.access import SIGNED_IN, TRADER_SELF, access
from webclient.parts import parts
from webclient.problems import UNAVAILABLE, WATCHLIST_FULL, Problem
from webclient.replies import Money, Symbol, Time
from webclient.schemas import Taken
from webclient.store import connection

blueprint = APIBlueprint("symbols", __name__, url_prefix="/api", tag="Symbols")

_SQL: Final = queries.load("web_symbols")
_LOOK_BACK: Final = 20
"""Among so many recorded prices another one than the newest is looked for."""


class SymbolSearch(Taken, frozen=True):
    """The beginning of a symbol."""

    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z]{0,3}\Z", description="0 to 3 letters")] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_SYMBOLS_FOUND)] = 20


class Length(Taken, frozen=True):
    """How many."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PRICES_SHOWN)] = 200


class Quoted(Struct, frozen=True):
    """A stock with its newest recorded price."""

    symbol: Symbol
    price: Money
    quoted_at: Time


class Found(Struct, frozen=True):
    """Stocks whose symbols begin so, in alphabetical order."""

    symbols: list[Quoted]


class Price(Struct, frozen=True):
    """A recorded price."""

    price: Money
    quoted_at: Time


class Prices(Struct, frozen=True):
    """Recorded prices, oldest first: one for each hit on the quote server, so at no regular times."""

    prices: list[Price]


class Watched(Struct, frozen=True):
    """A stock on a watch list, with its newest recorded price if there is one."""

    symbol: Symbol
    price: Money | None
    quoted_at: Time | None
    before: Annotated[str, Meta(description="The last recorded price that was another one")] | None


class WatchList(Struct, frozen=True):
    """In the order in which it was made."""

    symbols: list[Watched]


@blueprint.get("/symbols")
@access(SIGNED_IN, query=SymbolSearch, gives=Found, refuses=(UNAVAILABLE,))
def find_symbols(query: SymbolSearch) -> Found:
    """Stocks that somebody has asked the price of, by the beginning of their symbol."""
    with connection() as one:
        rows = one.execute(
            _SQL["by_prefix"], {"prefix": query.prefix.upper(), "most": query.limit}
        ).fetchall()
    return Found([Quoted(symbol, format_cents(cents), time_ms) for symbol, cents, time_ms in rows])


@blueprint.get("/symbols/<symbol>/prices")
@access(SIGNED_IN, query=Length, gives=Prices, refuses=(UNAVAILABLE,))
def show_prices(symbol: str, query: Length) -> Prices:
    """The newest recorded prices of a stock, oldest first; none for a stock that nobody has asked about."""
    with connection() as one:
        rows = one.execute(_SQL["prices"], {"symbol": symbol, "most": query.limit}).fetchall()
    return Prices([Price(format_cents(cents), time_ms) for cents, time_ms in reversed(rows)])


@blueprint.get("/users/<user>/watchlist")
@access(TRADER_SELF, gives=WatchList, refuses=(UNAVAILABLE,))
def show_watch_list(user: str) -> WatchList:
    """The stocks that the user watches."""
    with connection() as one:
        rows = one.execute(_SQL["watched"], {"user": user, "look_back": _LOOK_BACK}).fetchall()
    return WatchList(
        [
            Watched(symbol, format_known(cents), time_ms, format_known(before_cents))
            for symbol, cents, time_ms, before_cents in rows
        ]
    )


@blueprint.put("/users/<user>/watchlist/<symbol>")
@access(TRADER_SELF, status=204, refuses=(WATCHLIST_FULL, UNAVAILABLE))
def watch(user: str, symbol: str) -> None:
    """Watch a stock; at most 50. Nothing happens when it is watched already."""
    new = {"user": user, "symbol": symbol, "now": parts().clock.now_ms(), "most": MAX_WATCHED}
    with connection() as one, one.transaction():
        one.execute(_SQL["lock_list"], {"user": user})
        (is_there,) = one.execute(_SQL["watch"], new).fetchone() or (False,)
    if not is_there:
        raise Problem(WATCHLIST_FULL, f"There are {MAX_WATCHED} stocks on the watch list.")


@blueprint.delete("/users/<user>/watchlist/<symbol>")
@access(TRADER_SELF, status=204, refuses=(UNAVAILABLE,))
def unwatch(user: str, symbol: str) -> None:
    """Watch a stock no more. Nothing happens when it was not watched."""
    with connection() as one:
        one.execute(_SQL["unwatch"], {"user": user, "symbol": symbol})
