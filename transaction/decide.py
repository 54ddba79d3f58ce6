"""Deciding a command: expire what is too old, apply its rule, keep sequence, timestamp and history, word reply and audit row.

Values in and values out: the account is changed in place, nothing else is touched.
"""

from typing import Final

import msgspec
from msgspec import Struct

from core import commands as c
from core import errors
from core.codec import Request
from transaction.account import Account
from transaction.pendings import Pending
from transaction.rules import FOR_STRANGERS, RULES, Context, Effect, Refused

KIND_COMMAND: Final = 1
KIND_EXPIRY: Final = 3


class AuditRow(Struct, frozen=True, gc=False):
    """One row of the audit table: a command or an expiry with everything the dump spells out (db schema, table audit)."""

    timestamp_ms: int
    user: str
    seq: int
    kind: int
    session_id: int
    number: int
    command: int
    symbol: str = ""
    filename: str = ""
    funds_cents: int | None = None
    price_cents: int | None = None
    added_cents: int = 0
    removed_cents: int = 0
    error: str = ""
    shares: int = 0
    """That an expiry gave up (buy) or returned (sell)."""


class Outcome(Struct, frozen=True, gc=False):
    """A decided command: `reply` is `OK {...}` or `ERR {...}`."""

    reply: str
    audit: AuditRow


def needs_price(account: Account, request: Request) -> bool:
    """Whether this command, on this account as it stands now, is to be decided with a quote (commands.md: price comes last)."""
    if request.refusal:
        return False
    command = request.command
    if command == c.QUOTE:
        return True
    if command == c.BUY:
        return account.exists and account.cash_cents >= (request.cents or 0)
    return command == c.SELL and account.exists and account.free_shares(request.symbol) >= 1


def expire(account: Account, now_ms: int, life_ms: int) -> list[AuditRow]:
    """Returns the reserves of pendings older than `life_ms` at `now_ms`; the audit rows of those expiries, oldest first."""
    rows: list[AuditRow] = []
    for pending in account.buys.expire(now_ms - life_ms):
        account.move_cash(pending.value_cents, -pending.value_cents)
        rows.append(_expiry(account, c.CANCEL_BUY, pending, now_ms, pending.value_cents))
    for pending in account.sells.expire(now_ms - life_ms):
        account.move_shares(pending.symbol, pending.shares, -pending.shares)
        rows.append(_expiry(account, c.CANCEL_SELL, pending, now_ms, 0))
    return rows


def _expiry(account: Account, command: str, pending: Pending, now_ms: int, added_cents: int) -> AuditRow:
    account.seq += 1
    account.timestamp_ms = now_ms
    return AuditRow(
        timestamp_ms=now_ms,
        user=account.user,
        seq=account.seq,
        kind=KIND_EXPIRY,
        session_id=pending.session_id,
        number=pending.number,
        command=c.CODES[command],
        symbol=pending.symbol,
        added_cents=added_cents,
        shares=pending.shares,
    )


def decide(account: Account, context: Context) -> Outcome:
    """Decides one command of the sixteen. The caller has expired the account's pendings at `context.now_ms`.

    `context.now_ms` is never less than the account's newest timestamp. The account is changed in place.
    """
    request = context.request
    done = _apply(account, context)
    if isinstance(done, Refused):
        code, added, removed = done.code, 0, 0
        error = f"{code}: {done.message}"
        reply = refusal_reply(code, done.message)
    else:
        code = error = ""
        added, removed = done.added_cents, done.removed_cents
        reply = "OK {" + done.reply + "}"
    account.seq += 1
    account.timestamp_ms = context.now_ms
    command = c.CODES[request.command]
    if account.exists:
        account.history.record(request.number, command, request.symbol, request.cents, code, context.now_ms)
    price = context.price
    audit = AuditRow(
        context.now_ms,
        request.user,
        account.seq,
        KIND_COMMAND,
        context.session_id,
        request.number,
        command,
        request.symbol,
        request.filename,
        request.cents,
        price.cents if price and not price.own_hit else None,
        added,
        removed,
        error,
    )
    return Outcome(reply, audit)


def _apply(account: Account, context: Context) -> Effect | Refused:
    """In the order of commands.md: arguments, UNKNOWN_USER (a dump of everything names no user), then the rule."""
    request = context.request
    if request.refusal:
        return refusal_of(request)
    if not account.exists and request.command not in FOR_STRANGERS and request.user:
        return Refused(errors.UNKNOWN_USER, f"there is no account {request.user}; ADD makes one")
    return RULES[request.command](account, context)


def decide_again(account: Account, context: Context) -> str:
    """The reply to a DISPLAY_SUMMARY or DUMPLOG that succeeded and is repeated: done again, neither audited nor counted."""
    done = RULES[context.request.command](account, context)
    assert isinstance(done, Effect)
    return "OK {" + done.reply + "}"


def refusal_of(request: Request) -> Refused:
    """What validation refused the request with (`CODE: words`)."""
    code, _, message = request.refusal.partition(": ")
    return Refused(code, message)


def refusal_reply(code: str, message: str) -> str:
    """`ERR {"code":...,"message":...}`."""
    return "ERR " + msgspec.json.encode({"code": code, "message": message}).decode()
