"""Judges what happens by itself: a pending that expires and a trigger that fires."""

from typing import Final

from core.commands import CANCEL_BUY, SET_BUY_TRIGGER
from core.money import format_cents
from grader.casebook import LOST, LOST_BECAUSE, Casebook, UserCase, compare_moves, remember
from grader.events import Event
from grader.hits import STALE, UNQUOTED
from grader.oracle import BUYING, SELLING, TriggerOrder, expire, fire
from grader.units import Unit
from grader.watch import SIDES

EXPIRY_SECOND_MS: Final = 1_000
"""A pending returns within so long after its life (commands.md)."""
EXPIRY_GRACE_MS: Final = 10_000
"""After so long without its expiry, and without any command of its user, it is missing and not just late."""
_WHAT: Final = ("BUY", "SELL")


def judge_expiry(book: Casebook, unit: Unit) -> None:
    """A systemEvent CANCEL_BUY or CANCEL_SELL with the number of a pending that is too old; a buy's cash comes back."""
    head = unit.head
    case = book.case(head.user)
    book.expiries += 1
    if _unreadable(book, case, head):
        return
    side = BUYING if head.command == CANCEL_BUY else SELLING
    key = (side, head.number)
    pending = next((one for one in case.account.pendings[side] if one.number == head.number), None)
    if pending is None:
        if key in case.forced:
            compare_moves(book, unit, case.forced.pop(key))
        elif key in case.taken:
            text = f"{_WHAT[side]} [{head.number}] expires, but as the newest it was committed or cancelled before"
            book.report("commit-older", text, head)
        else:
            book.report("expiry-unknown", f"no {_WHAT[side]} [{head.number}] is pending", head)
        return
    age_ms = head.timestamp_ms - pending.time_ms
    if age_ms <= book.pending_life_ms:
        book.report("expiry-early", f"{_WHAT[side]} [{head.number}] is only {age_ms} ms old", head)
    elif age_ms > book.pending_life_ms + EXPIRY_SECOND_MS:
        text = f"{_WHAT[side]} [{head.number}] expired when it was {age_ms} ms old"
        book.findings.warning("expiry-late", text, head.line, head.user, head.number)
    if head.symbol and head.symbol != pending.symbol:
        book.report("arguments", f"the expiry names {head.symbol}, the {_WHAT[side]} {pending.symbol}", head)
    compare_moves(book, unit, expire(case.account, side, pending))


def judge_fire(book: Casebook, unit: Unit) -> None:
    """A systemEvent SET_*_TRIGGER with the number that armed it and the price it fired at."""
    head = unit.head
    case = book.case(head.user)
    book.fires += 1
    if _unreadable(book, case, head):
        return
    side = BUYING if head.command == SET_BUY_TRIGGER else SELLING
    order = case.account.orders[side].get(head.symbol)
    number, line = case.fired.get((side, head.symbol), (0, 0))
    if order is None or order.price_cents is None or (order.number != head.number and number == head.number):
        if number == head.number:
            text = f"the {SIDES[side]} trigger on {head.symbol} fired before, on line {line}"
            book.report("fire-doubled", text, head)
        else:
            book.report("fire-unarmed", f"no {SIDES[side]} trigger on {head.symbol} is armed", head)
        return
    if order.number != head.number:
        text = f"the {SIDES[side]} trigger on {head.symbol} was armed by [{order.number}]"
        book.report("fire-number", text, head)
    case.fired[side, head.symbol] = (head.number, head.line)
    remember(case.gone, order.number, head.symbol)
    book.watch.fired(head.user, side, head.symbol, book.clock_ms, head.line)
    if not head.cents or head.cents < 0:
        book.report("price-missing", "a fire without the price it fired at", head)
        case.lost = True
        return
    _judge_fire_price(book, head, side, order, head.cents)
    compare_moves(book, unit, fire(case.account, side, head.symbol, head.cents))


def judge_end(book: Casebook) -> None:
    """What had to happen before the log ended: expiries, fires, and a trigger server at all."""
    limit_ms = book.pending_life_ms + EXPIRY_GRACE_MS
    for user, case in book.users.items():
        for side in (BUYING, SELLING):
            for pending in case.account.pendings[side]:
                age_ms = book.clock_ms - pending.time_ms
                if age_ms > limit_ms and not case.lost:
                    text = f"{_WHAT[side]} is {age_ms} ms old at the end of the log and has not expired"
                    book.findings.violation("expiry-missing", text, 0, user, pending.number)
    book.watch.finish(book.clock_ms)
    dark = len(book.watch.dark_symbols)
    quotable = "QUOTE_UNAVAILABLE" not in book.outcomes
    if not book.fires and not book.trigger_hits and (book.watch.missed or (dark and quotable)):
        text = (
            f"nothing fired and no hit was made for a trigger, though {book.watch.missed} armed triggers were reached and "
            f"{dark} symbols with armed triggers went without a live quote: there is no trigger server"
        )
        book.findings.violation("no-trigger-server", text)


def _unreadable(book: Casebook, case: UserCase, head: Event) -> bool:
    """True when the unit is not judged, because it or an earlier command of the user cannot be read."""
    if head.damaged:
        case.lost = True
    if case.lost:
        book.findings.undecided(LOST, LOST_BECAUSE)
    return case.lost


def _judge_fire_price(book: Casebook, head: Event, side: int, order: TriggerOrder, price_cents: int) -> None:
    shown = f"{head.symbol} at {format_cents(price_cents)}"
    assert order.price_cents is not None  # it is armed
    if price_cents > order.price_cents if side == BUYING else price_cents < order.price_cents:
        text = f"fired at {format_cents(price_cents)}, beyond its price {format_cents(order.price_cents)}"
        book.report("fire-price", text, head)
    elif side == BUYING and order.amount_cents < price_cents:
        text = (
            f"its reserve of {format_cents(order.amount_cents)} buys no share at {format_cents(price_cents)}"
        )
        book.report("fire-too-small", text, head)
    book.priced += 1
    state = book.quotes.state(head.symbol, price_cents, head.timestamp_ms)
    if state == UNQUOTED:
        book.unquoted += 1
        book.report("fire-unquoted", f"no quoteServer event up to here has {shown}", head)
    elif state == STALE:
        book.report("fire-stale", f"the last quote of {shown} is over {book.quote_life_ms} ms old", head)
