"""DISPLAY_SUMMARY: the whole account as one JSON object, from what is held in memory and nothing more.

A summary costs what changed since the last one: the texts of holdings, triggers and pendings are kept with the account;
an active user has a hundred of them. All strings in it are names of plain letters (core.ids), so none needs escaping.
"""

from collections.abc import Iterable
from itertools import groupby

import msgspec
from msgspec import Struct

from core.limits import MAX_PENDINGS_SHOWN
from core.money import format_cents, format_known
from transaction.account import (
    BUY_SIDE,
    COMMAND_NAMES,
    OUTCOMES,
    Account,
    History,
    Shown,
    TriggerKey,
    count_names,
)
from transaction.pendings import Pending


class _Command(Struct, gc=False):
    """One of the newest commands."""

    number: int
    command: str
    symbol: str | None
    amount: str | None
    outcome: str
    timestamp: int


_encode = msgspec.json.Encoder().encode


def summary(account: Account) -> str:
    """The fields of the reply, without the outer braces; amounts are decimal dollars, times ms since 1970."""
    shown = account.shown
    if shown is None:
        shown = account.shown = Shown(set(account.holdings), set(account.triggers))
    holdings = shown.holdings.refreshed(_holding_head, lambda symbol: _holding(account, symbol))
    triggers = shown.triggers.refreshed(_trigger_head, lambda key: _trigger(account, key))
    return (
        f'"user":"{account.user}","cash":"{format_cents(account.cash_cents)}",'
        f'"reserved":"{format_cents(account.reserved_cents)}","holdings":{{{holdings}}},'
        f'"pending_buys":[{account.buys.shown(_pending)}],"pending_sells":[{account.sells.shown(_pending)}],'
        f'"pendings_not_shown":{_not_shown(account)},"triggers":[{triggers}],'
        f'"history":{{"counts":{_counts(shown, account.history.counts)},"newest":{_newest(account.history)}}}'
    )


def _holding_head(symbol: str) -> str:
    return f'"{symbol}":{{'


def _holding(account: Account, symbol: str) -> str:
    holding = account.holdings[symbol]
    if not (holding.free or holding.reserved):
        return ""
    cost = format_cents(holding.cost_cents)
    return f'"{symbol}":{{"shares":{holding.free},"reserved":{holding.reserved},"cost":"{cost}"}}'


def _trigger_head(key: TriggerKey) -> str:
    symbol, side = key
    return f'{{"side":"{"buy" if side == BUY_SIDE else "sell"}","symbol":"{symbol}",'


def _trigger(account: Account, key: TriggerKey) -> str:
    order = account.triggers.get(key)
    if order is None:
        return ""
    price = "null" if order.price_cents is None else f'"{format_cents(order.price_cents)}"'
    return (
        f'{_trigger_head(key)}"amount":"{format_cents(order.amount_cents)}","price":{price},'
        f'"shares":{order.shares}}}'
    )


def _pending(pending: Pending) -> str:
    return (
        f'{{"symbol":"{pending.symbol}","shares":{pending.shares},"price":"{format_cents(pending.price_cents)}",'
        f'"timestamp":{pending.timestamp_ms}}}'
    )


def _not_shown(account: Account) -> int:
    return max(0, len(account.buys.items) - MAX_PENDINGS_SHOWN) + max(
        0, len(account.sells.items) - MAX_PENDINGS_SHOWN
    )


def _newest(history: History) -> str:
    commands = [
        _Command(
            item.number,
            COMMAND_NAMES[item.command],
            item.symbol or None,
            format_known(item.cents),
            OUTCOMES[item.outcome],
            item.timestamp_ms,
        )
        for item in history.newest()
    ]
    return _encode(commands).decode()


def _counts(shown: Shown, counts: dict[int, int]) -> str:
    """`{command: {"OK" or code: count}}`."""
    if shown.counts_worded != len(counts):
        shown.counts_worded, shown.counts_template = len(counts), _counts_template(counts)
    return shown.counts_template % tuple(counts.values())


def _counts_template(keys: Iterable[int]) -> str:
    """With a %d for each count; a user soon has all the keys there will be."""
    commands = []
    for command, group in groupby([count_names(key) for key in keys], lambda names: names[0]):
        outcomes = ",".join([f'"{outcome}":%d' for _, outcome in group])
        commands.append(f'"{command}":{{{outcomes}}}')
    return "{" + ",".join(commands) + "}"
