"""What is kept around the rules: expiry, sequence, timestamps, history, refusals that came with the request, repeats."""

import json

import pytest

from core import commands as c
from core.limits import MAX_AMOUNT_CENTS, MAX_CASH_CENTS, MAX_SHARES
from tests.unit.transaction.desk import LIFE_MS, SESSION_ID, START_MS, Desk, pending, request
from transaction.account import Account, Holding, count_names
from transaction.decide import KIND_EXPIRY, AuditRow, decide_again, expire, needs_price, refusal_of
from transaction.pendings import Pendings
from transaction.rules import Context


def rich(cash_cents: int = 100_000) -> Desk:
    desk = Desk()
    desk.account.exists = True
    desk.account.cash_cents = cash_cents
    return desk


def code_of(reply: str) -> str:
    word, body = reply.split(" ", 1)
    return "OK" if word == "OK" else str(json.loads(body)["code"])


@pytest.mark.parametrize(("age_ms", "code"), [(0, "OK"), (59_999, "OK"), (60_000, "OK"), (60_001, "EXPIRED")])
@pytest.mark.parametrize("ending", ["COMMIT_BUY,ann", "CANCEL_BUY,ann"])
def test_a_buy_is_valid_for_a_minute(age_ms: int, code: str, ending: str) -> None:
    desk = rich()
    desk.do("BUY,ann,ABC,100.00", 1000)
    number = desk.number
    desk.now_ms += age_ms
    assert code_of(desk.do(ending).reply) == code
    wanted = [expiry(desk, c.CANCEL_BUY, number, 2, 10_000)] if code == "EXPIRED" else []
    assert desk.expired == wanted


def expiry(desk: Desk, command: str, number: int, seq: int, added_cents: int) -> AuditRow:
    return AuditRow(
        desk.now_ms,
        "ann",
        seq,
        KIND_EXPIRY,
        SESSION_ID,
        number,
        c.CODES[command],
        "ABC",
        added_cents=added_cents,
        shares=10,
    )


@pytest.mark.parametrize(("age_ms", "code"), [(60_000, "OK"), (60_001, "EXPIRED")])
@pytest.mark.parametrize("ending", ["COMMIT_SELL,ann", "CANCEL_SELL,ann"])
def test_a_sell_is_valid_for_a_minute(age_ms: int, code: str, ending: str) -> None:
    desk = rich()
    desk.account.holdings["ABC"] = Holding(10, 0)
    desk.do("SELL,ann,ABC,100.00", 1000)
    number = desk.number
    desk.now_ms += age_ms
    assert code_of(desk.do(ending).reply) == code
    assert desk.expired == ([expiry(desk, c.CANCEL_SELL, number, 2, 0)] if code == "EXPIRED" else [])
    free = desk.account.holdings["ABC"].free
    assert free == (0 if ending.startswith("COMMIT") and code == "OK" else 10)


def test_only_what_is_too_old_expires() -> None:
    account = Account("ann")
    account.buys = Pendings(pending(shares=n, at_ms=START_MS + n) for n in (1, 2, 3))
    account.reserved_cents = 6_000
    account.sells = Pendings(pending(shares=n, at_ms=START_MS + n) for n in (1, 2, 3))
    account.holdings = {"ABC": Holding(0, 6)}
    rows = expire(account, START_MS + LIFE_MS + 3, LIFE_MS)
    assert [(row.command, row.added_cents, row.shares, row.seq, row.timestamp_ms) for row in rows] == [
        (c.CODES[c.CANCEL_BUY], 1_000, 1, 1, START_MS + LIFE_MS + 3),
        (c.CODES[c.CANCEL_BUY], 2_000, 2, 2, START_MS + LIFE_MS + 3),
        (c.CODES[c.CANCEL_SELL], 0, 1, 3, START_MS + LIFE_MS + 3),
        (c.CODES[c.CANCEL_SELL], 0, 2, 4, START_MS + LIFE_MS + 3),
    ]
    assert [one.shares for one in (*account.buys.items, *account.sells.items)] == [3, 3]
    assert (account.cash_cents, account.reserved_cents) == (3_000, 3_000)
    assert (account.holdings["ABC"].free, account.holdings["ABC"].reserved) == (3, 3)
    assert (account.buys.expired, account.sells.expired) == (True, True)
    account.check()
    assert expire(account, START_MS + LIFE_MS + 3, LIFE_MS) == []


def test_expired_is_said_only_when_the_last_to_leave_expired() -> None:
    """commands.md: EXPIRED when nothing is pending and the last pending of that kind to leave did so by expiry."""
    desk = rich()
    assert code_of(desk.do("COMMIT_BUY,ann").reply) == "NOTHING_PENDING"
    desk.do("BUY,ann,ABC,10.00", 1000)
    desk.now_ms += 60_001
    desk.do("BUY,ann,ABC,20.00", 1000)
    assert code_of(desk.do("COMMIT_BUY,ann").reply) == "OK"
    assert code_of(desk.do("COMMIT_BUY,ann").reply) == "NOTHING_PENDING"
    desk.do("BUY,ann,ABC,10.00", 1000)
    desk.do("BUY,ann,ABC,20.00", 1000)
    assert code_of(desk.do("CANCEL_BUY,ann").reply) == "OK"
    desk.now_ms += 60_001
    for _ in range(2):
        assert code_of(desk.do("COMMIT_BUY,ann").reply) == "EXPIRED"
        assert code_of(desk.do("CANCEL_SELL,ann").reply) == "NOTHING_PENDING"


def test_every_event_moves_sequence_and_time() -> None:
    desk = rich()
    for step, line in enumerate(
        ("ADD,ann,1.00", "BUY,ann,ABC,5000.00", "QUOTE,ann,ABC", "DISPLAY_SUMMARY,ann"), 1
    ):
        desk.now_ms += step
        row = desk.do(line, 100).audit
        assert (row.seq, row.timestamp_ms) == (step, desk.now_ms)
        assert (desk.account.seq, desk.account.timestamp_ms) == (step, desk.now_ms)


def test_a_stranger_has_a_sequence_and_no_history() -> None:
    desk = Desk()
    desk.do("QUOTE,ann,ABC", 100)
    desk.do("COMMIT_BUY,ann")
    assert desk.account.seq == 2
    assert not desk.account.exists
    assert desk.account.history.counts == {}
    desk.do("ADD,ann,1.00")
    assert {count_names(key): count for key, count in desk.account.history.counts.items()} == {
        ("ADD", "OK"): 1
    }


REFUSED = (
    ("BUY,ann,ABC", "BAD_REQUEST", ("ann", "", "", None)),
    ("BUY,an n,A,1.00", "BAD_USER", ("", "A", "", 100)),
    ("BUY,ann,ABCD,1.00", "BAD_SYMBOL", ("ann", "", "", 100)),
    ("BUY,ann,abc,-3.50", "BAD_AMOUNT", ("ann", "ABC", "", -350)),
    ("ADD,ann,1e5", "BAD_AMOUNT", ("ann", "", "", None)),
    ("DUMPLOG,ann,..", "BAD_FILENAME", ("ann", "", "", None)),
)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("line", "code", "named"), REFUSED)
def test_what_validation_refused_is_refused_first(
    line: str, code: str, named: tuple[str, str, str, int | None], known: bool
) -> None:
    """Before UNKNOWN_USER, and with the arguments that were well-formed."""
    desk = rich(10**9) if known else Desk()
    before = desk.state()
    outcome = desk.do(line, 1)
    asked = request(line, 1)
    message = refusal_of(asked).message
    assert code_of(outcome.reply) == code
    assert json.loads(outcome.reply[4:])["message"] == message
    row = outcome.audit
    assert (row.user, row.symbol, row.filename, row.funds_cents) == named
    assert row.error == f"{code}: {message}" == asked.refusal
    assert (row.price_cents, row.added_cents, row.removed_cents) == (None, 0, 0)
    assert desk.state() == before


def test_when_a_price_is_needed() -> None:
    """commands.md: a BUY without the cash, or a SELL of a stock of which no share is free, is refused without a quote."""
    owner = rich(1_000).account
    owner.holdings = {"ABC": Holding(1, 5), "XYZ": Holding(0, 5)}
    needs = {
        "QUOTE,ann,ABC": True,
        "BUY,ann,ABC,10.00": True,
        "BUY,ann,ABC,10.01": False,
        "BUY,ann,ABC,0.00": False,
        "SELL,ann,ABC,10000.00": True,
        "SELL,ann,XYZ,1.00": False,
        "SELL,ann,QQQ,1.00": False,
        "COMMIT_BUY,ann": False,
        "SET_BUY_AMOUNT,ann,ABC,1.00": False,
        "SET_SELL_TRIGGER,ann,ABC,1.00": False,
        "DISPLAY_SUMMARY,ann": False,
        "DUMPLOG,log": False,
    }
    assert {line: needs_price(owner, request(line, 1)) for line in needs} == needs
    stranger = Account("ann")
    asked = {line: needs_price(stranger, request(line, 1)) for line in needs}
    assert asked == dict.fromkeys(needs, False) | {"QUOTE,ann,ABC": True}


def test_a_summary_is_shown_again_without_a_trace() -> None:
    desk = rich()
    first = desk.do("DISPLAY_SUMMARY,ann")
    assert json.loads(first.reply[3:])["history"]["newest"] == []
    seq, counts = desk.account.seq, dict(desk.account.history.counts)
    context = Context(request("DISPLAY_SUMMARY,ann", 1), SESSION_ID, desk.now_ms, LIFE_MS, None)
    again = decide_again(desk.account, context)
    assert json.loads(again[3:])["history"]["counts"] == {"DISPLAY_SUMMARY": {"OK": 1}}
    assert (desk.account.seq, desk.account.history.counts) == (seq, counts)


def test_no_sum_outgrows_its_column() -> None:
    """What comes in is refused when cash and reserve would pass the limit; what is reserved can always return."""
    desk = rich(MAX_CASH_CENTS - 300)
    desk.account.holdings["ABC"] = Holding(10, 0)
    assert code_of(desk.do("SET_BUY_AMOUNT,ann,ABC,2.00").reply) == "OK"
    assert code_of(desk.do("ADD,ann,3.01").reply) == "BAD_AMOUNT"
    assert code_of(desk.do("SELL,ann,ABC,4.00", 100).reply) == "OK"
    before = desk.state()
    assert code_of(desk.do("COMMIT_SELL,ann").reply) == "BAD_AMOUNT"
    assert desk.state() == before
    assert code_of(desk.do("CANCEL_SELL,ann").reply) == "OK"
    assert code_of(desk.do("ADD,ann,3.00").reply) == "OK"
    assert code_of(desk.do("CANCEL_SET_BUY,ann,ABC").reply) == "OK"
    assert desk.account.cash_cents == MAX_CASH_CENTS


def test_no_holding_outgrows_its_column() -> None:
    desk = rich()
    desk.account.holdings["ABC"] = Holding(MAX_SHARES - 9, 0)
    desk.do("BUY,ann,ABC,100.00", 1000)
    before = desk.state()
    assert code_of(desk.do("COMMIT_BUY,ann").reply) == "BAD_AMOUNT"
    assert desk.state() == before
    desk.account.holdings["ABC"].free -= 1
    assert code_of(desk.do("COMMIT_BUY,ann").reply) == "OK"
    assert desk.account.holdings["ABC"].free == MAX_SHARES


def test_the_largest_amount_at_the_smallest_price() -> None:
    desk = rich(MAX_AMOUNT_CENTS)
    assert code_of(desk.do("BUY,ann,ABC,100000000000.00", 1).reply) == "OK"
    assert code_of(desk.do("COMMIT_BUY,ann").reply) == "OK"
    assert desk.account.holdings["ABC"].free == 10**13
    assert code_of(desk.do("SELL,ann,ABC,100000000000.00", 1).reply) == "OK"
    assert code_of(desk.do("COMMIT_SELL,ann").reply) == "OK"
    assert desk.account.cash_cents == 10**13
