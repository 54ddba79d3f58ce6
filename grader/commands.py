"""Judges one command: its arguments, its outcome, the price it used and the cash it moved, against the oracle."""

import re
from typing import Final

from core.commands import (
    AMOUNT,
    ARGUMENTS,
    BUY,
    CANCEL_BUY,
    CANCEL_SELL,
    CANCEL_SET_BUY,
    CANCEL_SET_SELL,
    COMMIT_BUY,
    COMMIT_SELL,
    FILENAME,
    QUOTE,
    SET_BUY_AMOUNT,
    SET_BUY_TRIGGER,
    SET_SELL_AMOUNT,
    SET_SELL_TRIGGER,
    SYMBOL,
)
from core.errors import BAD_REQUEST, CODES, EXPIRED, FORBIDDEN, QUOTE_UNAVAILABLE, UNAUDITED
from core.ids import parse_filename
from core.money import format_cents
from grader.casebook import LOST, LOST_BECAUSE, Casebook, UserCase, compare_moves, remember
from grader.events import Event
from grader.hits import LIVE, STALE, UNQUOTED, Hit
from grader.oracle import BUYING, PRICED, SELLING, Command, Outcome, Pending, apply, due, expire
from grader.units import Unit

UNREADABLE: Final = "?"
"""Stands for the code of an errorEvent that names none."""
_CODE: Final = re.compile(r"[A-Z_]+")
_AUDITED: Final = CODES - UNAUDITED
_TAKES: Final = {
    command: (SYMBOL in names, AMOUNT in names, FILENAME in names) for command, names in ARGUMENTS.items()
}
_NO_PENDINGS: Final[tuple[list[Pending], list[Pending]]] = ([], [])
_TRIGGER_SIDE: Final = {
    SET_BUY_AMOUNT: BUYING,
    SET_BUY_TRIGGER: BUYING,
    CANCEL_SET_BUY: BUYING,
    SET_SELL_AMOUNT: SELLING,
    SET_SELL_TRIGGER: SELLING,
    CANCEL_SET_SELL: SELLING,
}
_TAKING_SIDE: Final = {COMMIT_BUY: BUYING, CANCEL_BUY: BUYING, COMMIT_SELL: SELLING, CANCEL_SELL: SELLING}


def judge_command(book: Casebook, unit: Unit) -> None:
    """Judges the unit and does to the user's account what the contract says."""
    head = unit.head
    count_ok = book.workload.see(head, book.findings) if book.workload is not None else None
    code = _logged_code(book, unit) if unit.errors else None
    book.commands[head.command] += 1
    book.outcomes[code or "OK"] += 1
    own = book.quotes.take_own(head.user, head.number, head.symbol) if head.command in PRICED else None
    case = book.case(head.user)
    if head.damaged:
        case.lost = True
    if case.lost:
        book.findings.undecided(LOST, LOST_BECAUSE)
        return
    _check_arguments(book, unit)
    if case.account.pendings != _NO_PENDINGS:
        _expire_due(book, case, head)
    if count_ok is None and code is not None and _undecidable(book, code, head):
        compare_moves(book, unit, ())
        return
    command = Command(
        head.command,
        head.number,
        head.timestamp_ms,
        head.user,
        head.symbol,
        head.cents,
        (parse_filename(head.filename) or "") if head.filename else "",
        count_ok is not False,
    )
    price = _price(unit, own, code)
    outcome = apply(case.account, command, price)
    if outcome.code == QUOTE_UNAVAILABLE and code != QUOTE_UNAVAILABLE:
        _judge_unpriced(book, unit, case, command, code)
        return
    _judge_outcome(book, unit, code, outcome, case)
    if outcome.priced or unit.prices:
        _judge_price(book, unit, own, price, outcome)
    if outcome.code is None:
        _follow(book, case, head, outcome.taken)


def _logged_code(book: Casebook, unit: Unit) -> str:
    """The refusal that the log shows."""
    error = unit.errors[0]
    for more in unit.errors[1:]:
        book.report("event-extra", "a second errorEvent", more)
    match = _CODE.match(error.text)
    code = match[0] if match and match[0] in _AUDITED else UNREADABLE
    book.errors += 1
    if code == UNREADABLE:
        book.codeless += 1
        book.report("error-code", f"errorMessage {error.text[:40]!r}", error)
    return code


def _check_arguments(book: Casebook, unit: Unit) -> None:
    head = unit.head
    symbol, amount, filename = _TAKES[head.command]
    if (
        (head.symbol and not symbol)
        or (head.cents is not None and not amount)
        or (head.filename and not filename)
    ):
        book.report("arguments", f"{head.command} with an argument that it does not take", head)
    for error in unit.errors:
        if (error.symbol, error.cents, error.filename) != (
            head.symbol,
            head.cents,
            head.filename,
        ) and not error.damaged:
            book.report("arguments", "the errorEvent has other arguments than its userCommand", error)


def _expire_due(book: Casebook, case: UserCase, head: Event) -> None:
    """What is too old has expired before the user's next command is decided."""
    for side, pending in due(case.account, head.timestamp_ms, book.pending_life_ms):
        age_ms = head.timestamp_ms - pending.time_ms
        what = "BUY" if side == BUYING else "SELL"
        text = f"{what} [{pending.number}] is {age_ms} ms old and has not expired before this {head.command}"
        book.report("expiry-missing", text, head)
        remember(case.forced, (side, pending.number), expire(case.account, side, pending))


def _undecidable(book: Casebook, code: str, head: Event) -> bool:
    """True for refusals of which the log alone does not say whether they are right."""
    if code == BAD_REQUEST and not head.symbol and head.cents is None and not head.filename:
        because = "the log does not show how many arguments a command had; a workload file does"
    elif code == FORBIDDEN:
        because = "the log does not show who asked"
    else:
        return False
    book.findings.undecided(f"whether {code} was right", because)
    return True


def _older(case: UserCase, side: int | None) -> dict[int, int]:
    """Cents and numbers of the pendings that a COMMIT or CANCEL, which has just taken the newest, must not have taken."""
    if side is None:
        return {}
    older = {cents: number for (taken, number), cents in case.taken.items() if taken == side}
    return older | {pending.cents: pending.number for pending in case.account.pendings[side]}


def _price(unit: Unit, own: Hit | None, code: str | None) -> int | None:
    """The price that the log says was used."""
    if code == QUOTE_UNAVAILABLE:
        return None
    if unit.prices:
        cents = unit.prices[0].cents
        return cents if cents is not None and cents > 0 else None
    return own.price_cents if own is not None else None


def _judge_unpriced(book: Casebook, unit: Unit, case: UserCase, command: Command, code: str | None) -> None:
    """A price was used that the log does not show. Goes on with the live quote that explains what a BUY moved, if one does."""
    book.priced += 1
    if not (unit.prices and unit.prices[0].damaged):
        book.unpriced += 1
        text = f"{command.name} used a price of {command.symbol}, but has neither a hit of its own nor a systemEvent with one"
        book.report("price-missing", text, unit.head)
    if command.name == QUOTE or code is not None:
        return
    moved = {move.cents for move in unit.moves}
    for price in book.quotes.live_prices(command.symbol, command.time_ms):
        if command.name == BUY and moved == {(command.cents or 0) // price * price}:
            apply(case.account, command, price)
            return
    case.lost = True


def _judge_outcome(book: Casebook, unit: Unit, code: str | None, outcome: Outcome, case: UserCase) -> None:
    head = unit.head
    right = outcome.code
    if code == right or (code == UNREADABLE and right is not None):
        if unit.moves or outcome.moves:
            compare_moves(book, unit, outcome.moves, lambda: _older(case, _TAKING_SIDE.get(head.command)))
        if head.command == BUY and code is None:
            book.bought += 1
            book.bought_free += not unit.moves
        if code == QUOTE_UNAVAILABLE:
            book.findings.undecided(
                "whether QUOTE_UNAVAILABLE was right", "the log does not show attempts that failed"
            )
    elif code is None and right == EXPIRED:
        book.report("commit-expired", f"{head.command} succeeded, but all that was pending has expired", head)
    elif code is None:
        book.report("accepted-wrongly", f"{head.command} succeeded, but must be refused with {right}", head)
    elif right is None:
        book.report("refused-wrongly", f"{head.command} was refused with {code}, but must succeed", head)
        compare_moves(book, unit, ())
    else:
        book.report("wrong-code", f"{head.command} was refused with {code}, but must be with {right}", head)
        compare_moves(book, unit, ())


def _judge_price(
    book: Casebook, unit: Unit, own: Hit | None, price_cents: int | None, outcome: Outcome
) -> None:
    """One systemEvent for any price but the own newest hit's, and that price alive."""
    head = unit.head
    for more in unit.prices[1:]:
        book.report("event-extra", "a second systemEvent for one price", more)
    if not outcome.priced or price_cents is None:
        if unit.prices:
            book.report("event-extra", f"a price, though {head.command} needed none", unit.prices[0])
        return
    book.priced += 1
    place = unit.prices[0] if unit.prices else head
    if place.symbol != head.symbol:
        book.report(
            "arguments",
            f"the price of {place.symbol or 'no symbol'} for a {head.command} of {head.symbol}",
            place,
        )
        return
    state = book.quotes.state(head.symbol, price_cents, head.timestamp_ms)
    if state == LIVE and own is None:
        return
    shown = f"{head.symbol} at {format_cents(price_cents)}"
    if state == UNQUOTED:
        book.unquoted += 1
        book.report("price-unquoted", f"no quoteServer event up to here has {shown}", place)
    elif state == STALE:
        book.report("price-stale", f"the last quote of {shown} is over {book.quote_life_ms} ms old", place)
    elif (
        unit.prices
        and own is not None
        and own.price_cents == price_cents
        and book.quotes.surely_used(own, head.timestamp_ms)
    ):
        book.report("price-redundant", f"{shown} is the command's own newest hit", place)


def _follow(book: Casebook, case: UserCase, head: Event, taken: Pending | None) -> None:
    """Remembers what a successful command took, and tells the watch what it did to a trigger."""
    if taken is not None:
        remember(case.taken, (_TAKING_SIDE[head.command], taken.number), taken.cents)
    side = _TRIGGER_SIDE.get(head.command)
    if side is None:
        return
    order = case.account.orders[side].get(head.symbol)
    armed = order is not None and order.price_cents is not None
    old = book.watch.update(head.user, side, head.symbol, order if armed else None, book.clock_ms, head.line)
    if old is not None and (order is None or old != order.number):
        remember(case.gone, old, head.symbol)
