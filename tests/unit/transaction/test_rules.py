"""Every command with every outcome it can have: the exact reply, the exact audit row, and what it did to the account.

Each case is a story of one user, ann: what she sent before (`line @price` uses a quote at that many cents), the command in
question, its reply, and what the audit row says besides the command itself.
"""

import json
from typing import Any, Final, NamedTuple

import pytest

from core import commands as c
from core import errors as e
from core.commands import AMOUNT, ARGUMENTS, CODES, SYMBOL
from core.money import parse_decimal
from tests.unit.transaction.desk import LIFE_MS, SESSION_ID, START_MS, Desk
from transaction.account import BUY_SIDE, SELL_SIDE
from transaction.decide import KIND_COMMAND, AuditRow

RICH = ("ADD,ann,1000.00",)
OWNS = (*RICH, "BUY,ann,ABC,100.00 @1000", "COMMIT_BUY,ann")
"""Ten shares of ABC, 900.00 in cash."""
EXPIRES = START_MS + LIFE_MS


class Case(NamedTuple):
    """What comes before, the command, its reply without the code or `OK`, and the audit row's own fields."""

    before: tuple[str, ...]
    line: str
    code: str
    reply: str
    audit: dict[str, Any] = {}  # noqa: RUF012 (never changed)


def ok(before: tuple[str, ...], line: str, reply: str, **audit: Any) -> Case:
    return Case(before, line, "OK", reply, audit)


def no(before: tuple[str, ...], line: str, code: str, message: str, **audit: Any) -> Case:
    return Case(before, line, code, message, audit)


SUCCESSES: Final = (
    ok((), "ADD,ann,63511.53", '"cash":"63511.53"', added_cents=6351153),
    ok(RICH, "ADD,ann,0.01", '"cash":"1000.01"', added_cents=1),
    ok((), "QUOTE,ann,abc @1234", f'"symbol":"ABC","price":"12.34","quoted_at":{START_MS - 5}', price_cents=1234),
    ok((), "QUOTE,ann,ABC @1234 own", f'"symbol":"ABC","price":"12.34","quoted_at":{START_MS - 5}'),
    ok(
        RICH, "BUY,ann,ABC,100.00 @333",
        f'"symbol":"ABC","shares":30,"price":"3.33","cost":"99.90","expires_at":{EXPIRES},"cash":"900.10"',
        removed_cents=9990, price_cents=333,
    ),
    ok(
        RICH, "BUY,ann,ABC,1000.00 @100000 own",
        f'"symbol":"ABC","shares":1,"price":"1000.00","cost":"1000.00","expires_at":{EXPIRES},"cash":"0.00"',
        removed_cents=100000,
    ),
    ok(
        (*RICH, "BUY,ann,ABC,50.00 @700", "BUY,ann,XYZ,20.00 @900"), "COMMIT_BUY,ann",
        '"symbol":"XYZ","shares":2,"price":"9.00","cost":"18.00","cash":"933.00"',
    ),
    ok(
        (*RICH, "BUY,ann,ABC,50.00 @700", "BUY,ann,XYZ,20.00 @900"), "CANCEL_BUY,ann",
        '"symbol":"XYZ","shares":2,"price":"9.00","returned":"18.00","cash":"951.00"', added_cents=1800,
    ),
    ok(
        OWNS, "SELL,ann,ABC,100.00 @3333",
        f'"symbol":"ABC","shares":3,"price":"33.33","proceeds":"99.99","expires_at":{EXPIRES}', price_cents=3333,
    ),
    ok(
        OWNS, "SELL,ann,ABC,100.00 @1000 own",
        f'"symbol":"ABC","shares":10,"price":"10.00","proceeds":"100.00","expires_at":{EXPIRES}',
    ),
    ok(
        (*OWNS, "SELL,ann,ABC,50.00 @2000", "SELL,ann,ABC,30.00 @1500"), "COMMIT_SELL,ann",
        '"symbol":"ABC","shares":2,"price":"15.00","proceeds":"30.00","cash":"930.00"', added_cents=3000,
    ),
    ok((*OWNS, "SELL,ann,ABC,50.00 @2000"), "CANCEL_SELL,ann", '"symbol":"ABC","shares":2'),
    ok(
        RICH, "SET_BUY_AMOUNT,ann,ABC,1000.00", '"symbol":"ABC","amount":"1000.00","cash":"0.00"',
        removed_cents=100000,
    ),
    ok(
        (*RICH, "SET_BUY_AMOUNT,ann,ABC,999.00"), "SET_BUY_AMOUNT,ann,ABC,1000.00",
        '"symbol":"ABC","amount":"1000.00","cash":"0.00"', added_cents=99900, removed_cents=100000,
    ),
    ok(
        (*RICH, "SET_BUY_AMOUNT,ann,ABC,10.00"), "SET_BUY_AMOUNT,ann,ABC,10.00",
        '"symbol":"ABC","amount":"10.00","cash":"990.00"', added_cents=1000, removed_cents=1000,
    ),
    ok(
        (*RICH, "SET_BUY_AMOUNT,ann,ABC,10.00"), "SET_BUY_TRIGGER,ann,ABC,5.50",
        '"symbol":"ABC","amount":"10.00","price":"5.50"',
    ),
    ok(
        (*RICH, "SET_BUY_AMOUNT,ann,ABC,10.00", "SET_BUY_TRIGGER,ann,ABC,5.50"), "CANCEL_SET_BUY,ann,ABC",
        '"symbol":"ABC","returned":"10.00","cash":"1000.00"', added_cents=1000,
    ),
    ok(OWNS, "SET_SELL_AMOUNT,ann,ABC,5000.00", '"symbol":"ABC","amount":"5000.00"'),
    ok(
        (*OWNS, "SET_SELL_AMOUNT,ann,ABC,100.00", "SET_SELL_TRIGGER,ann,ABC,10.00"), "SET_SELL_AMOUNT,ann,ABC,1.00",
        '"symbol":"ABC","amount":"1.00"',
    ),
    ok(
        (*OWNS, "SET_SELL_AMOUNT,ann,ABC,100.00"), "SET_SELL_TRIGGER,ann,ABC,33.33",
        '"symbol":"ABC","amount":"100.00","price":"33.33","shares":3',
    ),
    ok(
        (*OWNS, "SET_SELL_AMOUNT,ann,ABC,100.00", "SET_SELL_TRIGGER,ann,ABC,10.00"), "SET_SELL_TRIGGER,ann,ABC,10.00",
        '"symbol":"ABC","amount":"100.00","price":"10.00","shares":10',
    ),
    ok(
        (*OWNS, "SET_SELL_AMOUNT,ann,ABC,100.00", "SET_SELL_TRIGGER,ann,ABC,25.00"), "CANCEL_SET_SELL,ann,ABC",
        '"symbol":"ABC","shares":4',
    ),
    ok((*OWNS, "SET_SELL_AMOUNT,ann,ABC,100.00"), "CANCEL_SET_SELL,ann,ABC", '"symbol":"ABC","shares":0'),
    ok(RICH, "DUMPLOG,ann,./out/log.xml", "", filename="log.xml"),
    ok((), "DUMPLOG,./testLOG", "", user="", filename="testLOG"),
    ok(
        (), "DISPLAY_SUMMARY,ann",
        '"user":"ann","cash":"0.00","reserved":"0.00","holdings":{},"pending_buys":[],"pending_sells":[],'
        '"pendings_not_shown":0,"triggers":[],"history":{"counts":{},"newest":[]}',
    ),
)  # fmt: skip

NOBODY = "there is no account ann; ADD makes one"
AWAY = "the quote server gives no price at the moment"
ARMED = (*OWNS, "SET_SELL_AMOUNT,ann,ABC,50.00", "SET_SELL_TRIGGER,ann,ABC,10.00")
"""Five of the ten shares are reserved by an armed trigger."""

REFUSALS: Final = (
    *(
        no((), line, e.UNKNOWN_USER, NOBODY)
        for line in (
            "BUY,ann,ABC,1.00", "COMMIT_BUY,ann", "CANCEL_BUY,ann", "SELL,ann,ABC,1.00", "COMMIT_SELL,ann",
            "CANCEL_SELL,ann", "SET_BUY_AMOUNT,ann,ABC,1.00", "SET_BUY_TRIGGER,ann,ABC,1.00", "CANCEL_SET_BUY,ann,ABC",
            "SET_SELL_AMOUNT,ann,ABC,1.00", "SET_SELL_TRIGGER,ann,ABC,1.00", "CANCEL_SET_SELL,ann,ABC", "DUMPLOG,ann,log",
        )
    ),
    no(RICH, "BUY,ann,ABC,1000.01", e.INSUFFICIENT_FUNDS, "cash 1000.00 is less than 1000.01"),
    no(RICH, "BUY,ann,ABC,1000.01 @1", e.INSUFFICIENT_FUNDS, "cash 1000.00 is less than 1000.01"),
    no(RICH, "BUY,ann,ABC,9.99 @1000", e.TOO_SMALL, "9.99 is no whole share of ABC at 10.00", price_cents=1000),
    no(RICH, "BUY,ann,ABC,9.99 @1000 own", e.TOO_SMALL, "9.99 is no whole share of ABC at 10.00"),
    no(RICH, "BUY,ann,ABC,9.99", e.QUOTE_UNAVAILABLE, AWAY),
    no((), "QUOTE,ann,ABC", e.QUOTE_UNAVAILABLE, AWAY),
    no(RICH, "SELL,ann,ABC,1.00 @1000", e.INSUFFICIENT_SHARES, "no free share of ABC"),
    no((*OWNS, "SELL,ann,ABC,100.00 @1000"), "SELL,ann,ABC,1.00", e.INSUFFICIENT_SHARES, "no free share of ABC"),
    no(OWNS, "SELL,ann,ABC,9.99 @1000", e.TOO_SMALL, "9.99 is no whole share of ABC at 10.00", price_cents=1000),
    no(OWNS, "SELL,ann,ABC,110.00 @1000", e.INSUFFICIENT_SHARES, "10 free shares of ABC, 11 needed", price_cents=1000),
    no(ARMED, "SELL,ann,ABC,60.00 @1000", e.INSUFFICIENT_SHARES, "5 free shares of ABC, 6 needed", price_cents=1000),
    no(OWNS, "SELL,ann,ABC,10.00", e.QUOTE_UNAVAILABLE, AWAY),
    no(RICH, "COMMIT_BUY,ann", e.NOTHING_PENDING, "no buy is pending"),
    no(RICH, "CANCEL_BUY,ann", e.NOTHING_PENDING, "no buy is pending"),
    no(RICH, "COMMIT_SELL,ann", e.NOTHING_PENDING, "no sell is pending"),
    no(RICH, "CANCEL_SELL,ann", e.NOTHING_PENDING, "no sell is pending"),
    *(
        no((*RICH, "BUY,ann,ABC,10.00 @1000", "wait 60001"), line, e.EXPIRED, "the pending buy is older than its life")
        for line in ("COMMIT_BUY,ann", "CANCEL_BUY,ann")
    ),
    *(
        no((*OWNS, "SELL,ann,ABC,10.00 @1000", "wait 60001"), line, e.EXPIRED, "the pending sell is older than its life")
        for line in ("COMMIT_SELL,ann", "CANCEL_SELL,ann")
    ),
    no(RICH, "SET_BUY_AMOUNT,ann,ABC,1000.01", e.INSUFFICIENT_FUNDS, "cash 1000.00 is less than 1000.01"),
    no(
        (*RICH, "SET_BUY_AMOUNT,ann,ABC,400.00", "SET_BUY_TRIGGER,ann,ABC,2.00"), "SET_BUY_AMOUNT,ann,ABC,1000.01",
        e.INSUFFICIENT_FUNDS, "cash 1000.00 is less than 1000.01",
    ),
    no(RICH, "SET_BUY_TRIGGER,ann,ABC,1.00", e.NO_AMOUNT_SET, "no SET_BUY_AMOUNT for ABC"),
    no((*RICH, "SET_BUY_AMOUNT,ann,ABC,4.00"), "SET_BUY_TRIGGER,ann,ABD,1.00", e.NO_AMOUNT_SET, "no SET_BUY_AMOUNT for ABD"),
    no(RICH, "CANCEL_SET_BUY,ann,ABC", e.NOT_SET, "no SET_BUY_AMOUNT for ABC"),
    no(RICH, "SET_SELL_AMOUNT,ann,ABC,1.00", e.INSUFFICIENT_SHARES, "no share of ABC"),
    no((*OWNS, "SELL,ann,ABC,100.00 @1000"), "SET_SELL_AMOUNT,ann,ABC,1.00", e.INSUFFICIENT_SHARES, "no share of ABC"),
    no(OWNS, "SET_SELL_TRIGGER,ann,ABC,1.00", e.NO_AMOUNT_SET, "no SET_SELL_AMOUNT for ABC"),
    no(ARMED, "SET_SELL_TRIGGER,ann,ABC,50.01", e.TOO_SMALL, "50.00 is no whole share of ABC at 50.01"),
    no(ARMED, "SET_SELL_TRIGGER,ann,ABC,4.54", e.INSUFFICIENT_SHARES, "10 free shares of ABC, 11 needed"),
    no(
        (*ARMED, "SELL,ann,ABC,10.00 @1000"), "SET_SELL_TRIGGER,ann,ABC,5.00",
        e.INSUFFICIENT_SHARES, "9 free shares of ABC, 10 needed",
    ),
    no(OWNS, "CANCEL_SET_SELL,ann,ABC", e.NOT_SET, "no SET_SELL_AMOUNT for ABC"),
)  # fmt: skip


def play(desk: Desk, lines: tuple[str, ...]) -> Any:
    """Sends lines; `wait MS` moves the clock. The last outcome."""
    outcome = None
    for line in lines:
        if line.startswith("wait "):
            desk.now_ms += int(line.split()[1])
            continue
        text, _, quoted = line.partition(" @")
        price, _, own = quoted.partition(" ")
        outcome = desk.do(text, int(price) if price else None, own=own == "own")
    return outcome


def row(desk: Desk, line: str, **fields: Any) -> AuditRow:
    """The audit row of the desk's newest command, with the arguments that stand in its line."""
    command, *words = line.partition(" @")[0].split(",")
    named = dict(zip(ARGUMENTS[command], words, strict=True)) if len(words) == len(ARGUMENTS[command]) else {}
    from_line = {
        "user": desk.account.user,
        "symbol": named.get(SYMBOL, "").upper(),
        "funds_cents": parse_decimal(named[AMOUNT]) if AMOUNT in named else None,
    }
    return AuditRow(
        timestamp_ms=desk.now_ms, seq=desk.account.seq, kind=KIND_COMMAND, session_id=SESSION_ID,
        number=desk.number, command=CODES[command], **(from_line | fields),
    )  # fmt: skip


@pytest.mark.parametrize("case", SUCCESSES, ids=lambda case: case.line)
def test_a_command_that_succeeds(case: Case) -> None:
    desk = Desk()
    play(desk, case.before)
    cash, seq = desk.account.cash_cents, desk.account.seq
    outcome = play(desk, (case.line,))
    assert outcome.reply == "OK {" + case.reply + "}"
    json.loads(outcome.reply.removeprefix("OK "))
    assert outcome.audit == row(desk, case.line, **case.audit)
    assert desk.account.seq == seq + 1
    moved = case.audit.get("added_cents", 0) - case.audit.get("removed_cents", 0)
    assert desk.account.cash_cents == cash + moved


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case.line} {case.code}")
def test_a_command_that_is_refused(case: Case) -> None:
    desk = Desk()
    play(desk, case.before)
    if desk.account.exists:
        desk.do("DISPLAY_SUMMARY,ann")  # what is due expires here
    before, seq, counts = desk.state(), desk.account.seq, sum(desk.account.history.counts.values())
    outcome = play(desk, (case.line,))
    assert outcome.reply == "ERR " + json.dumps(
        {"code": case.code, "message": case.reply}, separators=(",", ":")
    )
    filename = "log" if case.line.startswith("DUMPLOG") else ""
    error = f"{case.code}: {case.reply}"
    assert outcome.audit == row(desk, case.line, filename=filename, error=error, **case.audit)
    assert desk.state() == before
    assert desk.account.seq == seq + 1
    assert sum(desk.account.history.counts.values()) == counts + desk.account.exists


def test_every_command_is_shown_with_every_outcome() -> None:
    """From the contract's table: what a command can answer once its arguments are well-formed."""
    shown = {(case.line.partition(",")[0], case.code) for case in (*SUCCESSES, *REFUSALS)}
    wanted = {(name, "OK") for name in ARGUMENTS}
    wanted |= {(name, e.UNKNOWN_USER) for name in ARGUMENTS.keys() - {c.ADD, c.QUOTE, c.DISPLAY_SUMMARY}}
    wanted |= {(name, e.QUOTE_UNAVAILABLE) for name in (c.QUOTE, c.BUY, c.SELL)}
    wanted |= {(name, e.INSUFFICIENT_FUNDS) for name in (c.BUY, c.SET_BUY_AMOUNT)}
    wanted |= {(name, e.TOO_SMALL) for name in (c.BUY, c.SELL, c.SET_SELL_TRIGGER)}
    wanted |= {(name, e.INSUFFICIENT_SHARES) for name in (c.SELL, c.SET_SELL_AMOUNT, c.SET_SELL_TRIGGER)}
    for name in (c.COMMIT_BUY, c.CANCEL_BUY, c.COMMIT_SELL, c.CANCEL_SELL):
        wanted |= {(name, e.NOTHING_PENDING), (name, e.EXPIRED)}
    wanted |= {(name, e.NO_AMOUNT_SET) for name in (c.SET_BUY_TRIGGER, c.SET_SELL_TRIGGER)}
    wanted |= {(name, e.NOT_SET) for name in (c.CANCEL_SET_BUY, c.CANCEL_SET_SELL)}
    assert shown == wanted


def test_a_new_amount_keeps_an_armed_buy_and_disarms_an_armed_sell() -> None:
    desk = Desk()
    play(desk, (*OWNS, "SET_BUY_AMOUNT,ann,ABC,10.00", "SET_BUY_TRIGGER,ann,ABC,5.50"))
    armed_by = desk.number
    play(desk, ("wait 5", "SET_BUY_AMOUNT,ann,ABC,20.00"))
    kept = desk.account.triggers["ABC", BUY_SIDE]
    assert (kept.amount_cents, kept.price_cents, kept.number, kept.armed_ms) == (
        2000,
        550,
        armed_by,
        START_MS,
    )
    play(desk, ("SET_SELL_AMOUNT,ann,ABC,50.00", "SET_SELL_TRIGGER,ann,ABC,10.00"))
    assert desk.account.holdings["ABC"].reserved == 5
    play(desk, ("SET_SELL_AMOUNT,ann,ABC,60.00",))
    gone = desk.account.triggers["ABC", SELL_SIDE]
    assert (gone.amount_cents, gone.price_cents, gone.shares, gone.armed_ms) == (6000, None, 0, None)
    assert desk.account.holdings["ABC"].free == 10


def test_a_trigger_is_known_by_the_command_that_set_its_price() -> None:
    desk = Desk()
    play(
        desk,
        (
            *OWNS,
            "SET_BUY_AMOUNT,ann,ABC,10.00",
            "SET_BUY_TRIGGER,ann,ABC,5.50",
            "wait 9",
            "SET_BUY_TRIGGER,ann,ABC,6.00",
        ),
    )
    assert desk.account.triggers["ABC", BUY_SIDE].number == desk.number
    play(
        desk,
        ("SET_SELL_AMOUNT,ann,ABC,50.00", "SET_SELL_TRIGGER,ann,ABC,10.00", "SET_SELL_TRIGGER,ann,ABC,5.00"),
    )
    moved = desk.account.triggers["ABC", SELL_SIDE]
    assert (moved.number, moved.shares, moved.price_cents) == (desk.number, 10, 500)
