"""What the database says of every account, in the form in which the independent oracle says it."""

import asyncio
import json
from collections import defaultdict
from pathlib import Path

import psycopg

from db.dump import dump
from grader.report import AccountView

_TRIES = 20
_OF = "(%(user)s::text IS NULL OR username = %(user)s)"


def still(audit_url: str, log: Path) -> dict[str, AccountView]:
    """The accounts, and in `log` a full dump, of one moment: triggers fire and pendings expire at any time."""
    for _ in range(_TRIES):
        before = accounts(audit_url)
        asyncio.run(dump(audit_url, log, None))
        if accounts(audit_url) == before:
            return before
    raise AssertionError("the accounts do not come to rest")


def accounts(audit_url: str, user: str | None = None) -> dict[str, AccountView]:
    """All accounts (or one) by user."""
    named = {"user": user}
    with psycopg.connect(audit_url) as connection:
        rows = connection.execute(
            f"SELECT username, cash_cents, reserved_cents, buys::text, sells::text FROM account WHERE {_OF}",
            named,
        ).fetchall()
        holdings: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        for owner, symbol, free, reserved in connection.execute(
            "SELECT username, symbol, shares, reserved_shares FROM holding"
            f" WHERE (shares > 0 OR reserved_shares > 0) AND {_OF}",
            named,
        ):
            holdings[owner][symbol] = (free, reserved)
        orders: dict[tuple[str, int], dict[str, tuple[int, int | None, int]]] = defaultdict(dict)
        for owner, side, symbol, amount, price, number in connection.execute(
            f"SELECT username, side, symbol, amount_cents, price_cents, number FROM trigger_order WHERE {_OF}",
            named,
        ):
            orders[owner, side][symbol] = (amount, price, number if price is not None else 0)
    return {
        user: AccountView(
            cash,
            reserved,
            holdings[user],
            _pendings(buys),
            _pendings(sells),
            orders[user, 1],
            orders[user, 2],
        )
        for user, cash, reserved, buys, sells in rows
    }


def _pendings(text: str) -> list[tuple[str, int, int, int, int]]:
    return [
        (symbol, shares, price, time, number) for symbol, shares, price, time, _, number in json.loads(text)
    ]
