"""One account and a clock: commands as a person writes them, decided by the real rules. Nothing else is there."""

import copy
from typing import Any, Final

from core.codec import Request
from transaction.account import Account
from transaction.batch import Entry
from transaction.decide import AuditRow, Outcome, decide, expire, needs_price
from transaction.pendings import Pending
from transaction.rules import Context, Price
from transaction.sessions import Session
from webserver.validate import Validator

START_MS: Final = 1_795_000_000_000
LIFE_MS: Final = 60_000
SESSION_ID: Final = 7

_validator = Validator(1)


def request(line: str, number: int, session: str = "s", tag: int | None = None) -> Request:
    """The line `COMMAND,arg,...` as a web server hands it on."""
    return _validator.examine(session, f"[{number}] {line}", number if tag is None else tag)[1]


def entry(line: str, number: int, session: Session | None = None, link: object = None) -> Entry:
    """The line on its way through a shard, its session known."""
    asked = request(line, number)
    one = Entry(asked, link, asked.user)
    one.session = session or Session(SESSION_ID, 0)
    return one


class Desk:
    """Where one user's commands are decided one after the other."""

    def __init__(self, user: str = "ann") -> None:
        self.account = Account(user)
        self.now_ms = START_MS
        self.number = 0
        self.expired: list[AuditRow] = []
        """Of the newest command: what expired before it was decided."""

    def do(self, line: str, price: int | None = None, *, own: bool = False) -> Outcome:
        """Decides a command at the desk's time; if it needs a price, with that (cents) of a quote 5 ms old, if there is one."""
        self.number += 1
        self.expired = expire(self.account, self.now_ms, LIFE_MS)
        asked = request(line, self.number)
        needed = price is not None and needs_price(self.account, asked)
        quoted = Price(price, self.now_ms - 5, own) if needed and price is not None else None
        context = Context(asked, SESSION_ID, self.now_ms, LIFE_MS, quoted)
        outcome = decide(self.account, context)
        self.account.check()
        return outcome

    def state(self) -> dict[str, Any]:
        """Everything that a refusal must leave alone."""
        account = self.account
        holdings = {
            symbol: (one.free, one.reserved, one.cost_cents) for symbol, one in account.holdings.items()
        }
        parts = (
            account.cash_cents,
            account.reserved_cents,
            account.buys.items,
            account.sells.items,
            holdings,
            account.triggers,
        )
        names = ("cash", "reserved", "buys", "sells", "holdings", "triggers")
        flags = {"exists": account.exists, "expired": (account.buys.expired, account.sells.expired)}
        changed = {"changed": (account.changed_holdings, account.changed_triggers)}
        return copy.deepcopy(dict(zip(names, parts, strict=True)) | flags | changed)


def pending(symbol: str = "ABC", shares: int = 3, price: int = 1000, at_ms: int = START_MS) -> Pending:
    """A pending buy or sell of session 7, number 1."""
    return Pending(symbol, shares, price, at_ms, SESSION_ID, 1)
