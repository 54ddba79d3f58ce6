"""DISPLAY_SUMMARY: the whole account as one JSON object, from what is held in memory and nothing more."""

import msgspec

from core.limits import MAX_PENDINGS_SHOWN
from core.money import format_cents
from transaction.account import BUY_SIDE, Account, Pending, command_name, outcome_name

_encoder = msgspec.json.Encoder()


def summary(account: Account) -> str:
    """The fields of the reply, without the outer braces; amounts are decimal dollars, times ms since 1970."""
    fields = {
        "user": account.user,
        "cash": format_cents(account.cash_cents),
        "reserved": format_cents(account.reserved_cents),
        "holdings": {
            symbol: {"shares": holding.free, "reserved": holding.reserved}
            for symbol, holding in sorted(account.holdings.items())
            if holding.free or holding.reserved
        },
        "pending_buys": _newest(account.buys),
        "pending_sells": _newest(account.sells),
        "pendings_not_shown": sum(
            max(0, len(pendings) - MAX_PENDINGS_SHOWN) for pendings in (account.buys, account.sells)
        ),
        "triggers": [
            {
                "side": "buy" if side == BUY_SIDE else "sell",
                "symbol": symbol,
                "amount": format_cents(order.amount_cents),
                "price": None if order.price_cents is None else format_cents(order.price_cents),
                "shares": order.shares,
            }
            for (symbol, side), order in sorted(account.triggers.items())
        ],
        "history": {
            "counts": account.history.counts_by_name(),
            "newest": [
                {
                    "number": item.number,
                    "command": command_name(item.command),
                    "symbol": item.symbol or None,
                    "amount": None if item.cents is None else format_cents(item.cents),
                    "outcome": outcome_name(item.outcome),
                    "timestamp": item.timestamp_ms,
                }
                for item in reversed(account.history.recent)
            ],
        },
    }
    return _encoder.encode(fields)[1:-1].decode()


def _newest(pendings: list[Pending]) -> list[dict[str, object]]:
    return [_pending(pending) for pending in reversed(pendings[-MAX_PENDINGS_SHOWN:])]


def _pending(pending: Pending) -> dict[str, object]:
    return {
        "symbol": pending.symbol,
        "shares": pending.shares,
        "price": format_cents(pending.price_cents),
        "timestamp": pending.timestamp_ms,
    }
