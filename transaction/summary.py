"""DISPLAY_SUMMARY: the whole account as one JSON object, from what is held in memory and nothing more.

A summary costs what changed since the last one: the texts of holdings and triggers are kept with the account (`Shown`);
an active user has a hundred of them. All strings in it are names of plain letters (core.ids), so none needs escaping.
"""

from functools import lru_cache
from itertools import groupby
from typing import Final, TypeVar

from core.limits import MAX_PENDINGS_SHOWN
from core.money import format_cents
from transaction.account import (
    BUY_SIDE,
    COMMAND_NAMES,
    OUTCOMES,
    Account,
    Pending,
    Recent,
    Shown,
    TriggerOrder,
    count_names,
)

_Key = TypeVar("_Key", str, tuple[str, int])

_TEXTS_KEPT: Final = 8_192
"""Of pendings, at 300 bytes each: the next summary shows most of them again."""
_COMMANDS: Final = [f'"command":"{name}","symbol":' for name in COMMAND_NAMES]
_OUTCOMES: Final = [f'"outcome":"{name}","timestamp":' for name in OUTCOMES]
"""Pieces of text by the codes that histories hold."""


def summary(account: Account) -> str:
    """The fields of the reply, without the outer braces; amounts are decimal dollars, times ms since 1970."""
    shown = _refreshed(account)
    holdings, triggers = ",".join(shown.holdings.values()), ",".join(shown.triggers.values())
    newest = ",".join([_recent(item) for item in reversed(account.history.recent)])
    return (
        f'"user":"{account.user}","cash":"{format_cents(account.cash_cents)}",'
        f'"reserved":"{format_cents(account.reserved_cents)}","holdings":{{{holdings}}},'
        f'"pending_buys":[{_newest(account.buys)}],"pending_sells":[{_newest(account.sells)}],'
        f'"pendings_not_shown":{_not_shown(account)},"triggers":[{triggers}],'
        f'"history":{{"counts":{_counts(account.history.counts)},"newest":[{newest}]}}'
    )


def _refreshed(account: Account) -> Shown:
    """The account's texts, with what changed since the last summary worded anew; in the order of their keys."""
    shown = account.shown
    if shown is None:
        shown = account.shown = Shown(set(account.holdings), set(account.triggers))
    if shown.stale_holdings:
        holdings = {symbol: _holding(account, symbol) for symbol in shown.stale_holdings}
        shown.holdings = _merged(shown.holdings, holdings)
        shown.stale_holdings.clear()
    if shown.stale_triggers:
        triggers = {key: _trigger(key, account.triggers.get(key)) for key in shown.stale_triggers}
        shown.triggers = _merged(shown.triggers, triggers)
        shown.stale_triggers.clear()
    return shown


def _merged(texts: dict[_Key, str], changed: dict[_Key, str]) -> dict[_Key, str]:
    """Texts by key, sorted, with the changed ones put in; an empty one leaves."""
    is_new = False
    for key, text in changed.items():
        if text:
            is_new = is_new or key not in texts
            texts[key] = text
        else:
            texts.pop(key, None)
    return {key: texts[key] for key in sorted(texts)} if is_new else texts


def _holding(account: Account, symbol: str) -> str:
    holding = account.holdings[symbol]
    if not (holding.free or holding.reserved):
        return ""
    return f'"{symbol}":{{"shares":{holding.free},"reserved":{holding.reserved}}}'


def _trigger(key: tuple[str, int], order: TriggerOrder | None) -> str:
    if order is None:
        return ""
    symbol, side = key
    price = "null" if order.price_cents is None else f'"{format_cents(order.price_cents)}"'
    name = "buy" if side == BUY_SIDE else "sell"
    return (
        f'{{"side":"{name}","symbol":"{symbol}",'
        f'"amount":"{format_cents(order.amount_cents)}","price":{price},"shares":{order.shares}}}'
    )


def _newest(pendings: list[Pending]) -> str:
    return ",".join([_pending(pending) for pending in reversed(pendings[-MAX_PENDINGS_SHOWN:])])


@lru_cache(maxsize=_TEXTS_KEPT)
def _pending(pending: Pending) -> str:
    return (
        f'{{"symbol":"{pending.symbol}","shares":{pending.shares},"price":"{format_cents(pending.price_cents)}",'
        f'"timestamp":{pending.timestamp_ms}}}'
    )


def _not_shown(account: Account) -> int:
    return sum(max(0, len(pendings) - MAX_PENDINGS_SHOWN) for pendings in (account.buys, account.sells))


def _recent(item: Recent) -> str:
    symbol = f'"{item.symbol}"' if item.symbol else "null"
    amount = "null" if item.cents is None else f'"{format_cents(item.cents)}"'
    return (
        f'{{"number":{item.number},{_COMMANDS[item.command]}{symbol},"amount":{amount},'
        f"{_OUTCOMES[item.outcome]}{item.timestamp_ms}}}"
    )


def _counts(counts: dict[int, int]) -> str:
    return _counts_template(tuple(counts)) % tuple(counts.values())


@lru_cache(maxsize=4096)
def _counts_template(keys: tuple[int, ...]) -> str:
    """`{command: {"OK" or code: count}}` with a %d for each count; users have few different sets of keys."""
    commands = []
    for command, group in groupby([count_names(key) for key in keys], lambda names: names[0]):
        outcomes = ",".join([f'"{outcome}":%d' for _, outcome in group])
        commands.append(f'"{command}":{{{outcomes}}}')
    return "{" + ",".join(commands) + "}"
