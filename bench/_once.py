"""Whether what the web client acknowledged happened exactly once: answers against the database, row by row and cent by cent."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import psycopg
from msgspec import Struct

from bench._http import Answer
from bench._traders import DEPOSIT_CENTS, Crowd, Trader
from core.money import parse_decimal
from webclient.keys import Key

_OK: Final = "OK "
_DONE: Final = frozenset({200, 201})
_REQUESTS: Final = """
    SELECT s.name, c.number, c.reply FROM command c JOIN session s USING (session_id)
    WHERE split_part(c.body, ',', 2) = ANY(%s) AND (c.body LIKE 'BUY,%%' OR c.body LIKE 'COMMIT_BUY,%%')
"""
_ACCOUNTS: Final = "SELECT username, cash_cents, reserved_cents FROM account WHERE username = ANY(%s)"
_HOLDINGS: Final = """
    SELECT username, symbol, shares + reserved_shares FROM holding
    WHERE username = ANY(%s) AND shares + reserved_shares > 0
"""


class Counted(Struct, frozen=True):
    """What was found."""

    sent: int
    acknowledged: int
    """Answered with 200 or 201."""
    rows: int
    """Of these traders' BUY and COMMIT_BUY, done ones, in the table `command`."""
    wrong: list[str]
    """Sentences; empty when everything happened exactly once."""


def judge(url: str, crowd: Sequence[tuple[Crowd, Sequence[Answer]]], traders: Sequence[Trader]) -> Counted:
    """Holds the answers of all runs of these traders against the database that the URL names."""
    answers = {run.name(each.lane, each.place): each for run, found in crowd for each in found}
    users = [trader.user for trader in traders]
    with psycopg.connect(url) as connection:
        rows = connection.execute(_REQUESTS, (users,)).fetchall()
        accounts = {user: (cash, held) for user, cash, held in connection.execute(_ACCOUNTS, (users,))}
        holdings = {(user, symbol): int(n) for user, symbol, n in connection.execute(_HOLDINGS, (users,))}
    stored = [(Key(name, number), reply) for name, number, reply in rows]
    wrong = [*_keys_wrong(answers, stored)]
    replies = [(each.lane, each.place, msgspec.json.decode(each.body)) for each in _done(answers.values())]
    wrong += _money_wrong(traders, replies, accounts)
    wrong += _shares_wrong(traders, replies, holdings)
    done = sum(reply.startswith(_OK) for _, reply in stored)
    return Counted(len(answers), len(replies), done, wrong)


def _done(answers: Iterable[Answer]) -> Iterable[Answer]:
    return (each for each in answers if each.status in _DONE)


def _keys_wrong(answers: dict[Key, Answer], stored: list[tuple[Key, str]]) -> Iterable[str]:
    """A row for each acknowledged request, with the very reply that was given; and no row that nobody asked for."""
    times = Counter(key for key, _ in stored)
    reply_of = dict(stored)
    for key, answer in answers.items():
        if answer.status in _DONE and times[key] != 1:
            yield f"{key} was acknowledged and is there {times[key]} times"
        elif answer.status in _DONE and reply_of[key] != _OK + answer.body.decode():
            yield f"{key} was answered with {answer.body!r}, and the database says {reply_of[key]!r}"
    for key in times.keys() - answers.keys():
        yield f"{key} is in the database, and nobody sent it"


Reply = tuple[int, int, dict[str, Any]]
"""Lane, place (odd: a COMMIT_BUY), and the JSON object."""


def _money_wrong(
    traders: Sequence[Trader], replies: list[Reply], accounts: dict[str, tuple[int, int]]
) -> Iterable[str]:
    """What is left is the deposit without what the committed buys cost; what waits to be committed is reserved."""
    ordered: defaultdict[int, int] = defaultdict(int)
    spent: defaultdict[int, int] = defaultdict(int)
    for lane, place, reply in replies:
        (spent if place % 2 else ordered)[lane] += parse_decimal(reply["cost"]) or 0
    for lane, trader in enumerate(traders):
        want = (DEPOSIT_CENTS - ordered[lane], ordered[lane] - spent[lane])
        if accounts.get(trader.user) != want:
            yield f"{trader.user} has {accounts.get(trader.user)} cents (free, reserved), not {want}"


def _shares_wrong(
    traders: Sequence[Trader], replies: list[Reply], holdings: dict[tuple[str, str], int]
) -> Iterable[str]:
    bought: defaultdict[tuple[str, str], int] = defaultdict(int)
    for lane, place, reply in replies:
        if place % 2:
            bought[traders[lane].user, reply["symbol"]] += reply["shares"]
    for user, symbol in sorted(bought.keys() | holdings.keys()):
        if bought[user, symbol] != holdings.get((user, symbol), 0):
            yield f"{user} bought {bought[user, symbol]} {symbol} and holds {holdings.get((user, symbol), 0)}"
