"""A batch: what was waiting is decided in order, and becomes the columns of one statement.

Pure: accounts, quotes and the time are given; what comes out is decided entries, entries that must wait, and text.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from core import commands as c
from core import errors
from core.codec import Request
from core.limits import PENDING_LIFE_MS
from transaction.account import Account
from transaction.columns import (
    Column,
    StoredRow,
    account_columns,
    holding_columns,
    row_columns,
    text_column,
    trigger_columns,
)
from transaction.decide import decide, decide_again, expire, needs_price, refusal_of, refusal_reply
from transaction.rules import Context, Price
from transaction.sessions import Session


class Quoted(Protocol):
    """What a batch has to know of a quote (quotecache.cache.Quote)."""

    @property
    def price_cents(self) -> int: ...
    @property
    def time_ms(self) -> int: ...
    @property
    def user(self) -> str: ...
    @property
    def session_id(self) -> int: ...
    @property
    def number(self) -> int: ...


class Entry:
    """One request on its way through a shard, or (request None) the order to look after a user's expired pendings."""

    session: Session | None = None
    """Set once the session's number is known."""
    doubtful = False
    """Its commit may have happened: its number is looked up before it is decided (again)."""
    answered = False
    """Its reply was found in the database: it was done before."""
    repeat = False
    """A DISPLAY_SUMMARY or DUMPLOG that was done before: done again, not audited."""
    unpriced = False
    """The quote server gave no price within the deadline."""
    reply = ""
    """`OK {...}` or `ERR {...}` once decided."""

    def __init__(self, request: Request | None, link: Any, user: str) -> None:
        self.request = request
        self.link = link
        """Where the reply goes; opaque here."""
        self.user = user

    @property
    def session_id(self) -> int:
        """The session's number in the database."""
        assert self.session is not None
        return self.session.session_id

    @property
    def key(self) -> tuple[int, int]:
        """The idempotency key."""
        assert self.request is not None
        return self.session_id, self.request.number


class Batch:
    """Decides entries one after the other over accounts, and collects what has to be written.

    `accounts` holds every user of the batch, and is nobody else's. `quote` answers (symbol, now_ms) with a usable quote or None.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        quote: Callable[[str, int], Quoted | None],
        now_ms: int,
        pending_life_ms: int = PENDING_LIFE_MS,
    ) -> None:
        self.accounts = accounts
        self._quote = quote
        self._now_ms = now_ms
        self._pending_life_ms = pending_life_ms
        self._first: dict[tuple[int, int], Entry] = {}
        self.decided: list[Entry] = []
        """In order, also those without a request."""
        self.rows: list[StoredRow] = []
        """What goes to the audit table, in order; with a command also its request and the reply that repeats get."""
        self.changed: dict[str, Account] = {}
        """Accounts whose rows have to be written."""

    def decide(self, entry: Entry) -> str | None:
        """Decides one entry. Returns the symbol it must wait for (nothing was decided then), else None."""
        request = entry.request
        account = self.accounts[entry.user]
        now_ms = max(self._now_ms, account.timestamp_ms)
        if account.has_pending_before(now_ms - self._pending_life_ms):
            self._expire(account, now_ms)
        if request is None or entry.answered:
            self.decided.append(entry)
            return None
        if not request.command:
            refused = refusal_of(request)
            entry.reply = refusal_reply(refused.code, refused.message)
            self.decided.append(entry)
            return None
        key = entry.session_id, request.number
        if (first := self._first.get(key)) is not None:
            self._repeat(entry, first, account, now_ms)
            return None
        price = None
        if needs_price(account, request):
            price = self._price(entry, request, now_ms)
            if price is None and not entry.unpriced:
                return request.symbol
        context = Context(request, key[0], now_ms, self._pending_life_ms, price)
        if entry.repeat:
            entry.reply = decide_again(account, context)
        else:
            self._first[key] = entry
            outcome = decide(account, context)
            entry.reply = outcome.reply
            again = request.command in c.REPEATABLE and not outcome.audit.error
            stored = "" if again else outcome.reply
            self.rows.append((outcome.audit, request.body, stored))
            if account.exists:
                self.changed[account.user] = account
        self.decided.append(entry)
        return None

    def _expire(self, account: Account, now_ms: int) -> None:
        rows = expire(account, now_ms, self._pending_life_ms)
        self.rows.extend((row, "", "") for row in rows)
        self.changed[account.user] = account

    def _price(self, entry: Entry, request: Request, now_ms: int) -> Price | None:
        quote = self._quote(request.symbol, now_ms)
        if quote is None:
            return None
        own = (
            quote.number == request.number
            and quote.session_id == entry.session_id
            and quote.user == request.user
        )
        return Price(quote.price_cents, quote.time_ms, own)

    def _repeat(self, entry: Entry, first: Entry, account: Account, now_ms: int) -> None:
        """A number that came twice within one batch: the same body gets the same reply, another is refused."""
        assert entry.request is not None
        assert first.request is not None
        if first.request.body != entry.request.body:
            entry.reply = reused_number()
        elif entry.request.command in c.REPEATABLE and first.reply.startswith("OK"):
            entry.repeat = True
            context = Context(entry.request, entry.session_id, now_ms, self._pending_life_ms, None)
            entry.reply = decide_again(account, context)
        else:
            entry.reply = first.reply
        self.decided.append(entry)

    def columns(self) -> dict[str, Column]:
        """The parameters of the statement `commit_batch`: each a column (see `text_column` and `Numbers`)."""
        strangers = [user for user, account in self.accounts.items() if user and not account.exists]
        return {
            "stranger_user": text_column(strangers),
            **account_columns(self.changed.values()),
            **holding_columns(self.changed.values()),
            **trigger_columns(self.changed.values()),
            **row_columns(self.rows),
        }

    def settle(self) -> None:
        """The changes are in the database: accounts forget what was to be written and carry their new version."""
        for account in self.changed.values():
            account.version += 1
            if account.changed_holdings:
                account.changed_holdings.clear()
            if account.changed_triggers:
                account.changed_triggers.clear()


def reused_number() -> str:
    """The reply to a number that came before with another body."""
    return refusal_reply(errors.REUSED_NUMBER, "this number was used for another request of this session")
