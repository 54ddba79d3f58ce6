"""Typed commands into lines, read by the web server's own validator; and the transaction tier's own replies, read back."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import commands as c
from core.errors import CODES, ProtocolError
from core.ids import parse_filename
from core.limits import MAX_AMOUNT_CENTS
from tests.unit.transaction.desk import Desk, request
from tests.unit.transaction.test_rules import REFUSALS, SUCCESSES, Case, play
from webclient.commands import REPLIES, Command, Done, Refused, body_of, parse_amount, read_answer

_users = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
_files = st.from_regex(r"[A-Za-z0-9_.-]{1,128}", fullmatch=True).filter(
    lambda name: parse_filename(name) == name
)
commands = st.builds(
    lambda name, user, symbol, cents, filename: Command(
        name,
        user,
        symbol if c.SYMBOL in c.ARGUMENTS[name] else "",
        cents if c.AMOUNT in c.ARGUMENTS[name] else 0,
        filename if c.FILENAME in c.ARGUMENTS[name] else "",
    ),
    st.sampled_from(list(c.ARGUMENTS)),
    _users,
    st.from_regex(r"[A-Z]{1,3}", fullmatch=True),
    st.integers(1, MAX_AMOUNT_CENTS),
    _files,
)


@given(commands)
@example(Command(c.DUMPLOG, "", filename="testLOG"))
def test_the_web_server_reads_what_was_meant(command: Command) -> None:
    read = request(body_of(command).decode(), 1)
    assert read.refusal == ""
    assert (read.command, read.user, read.symbol, read.cents or 0, read.filename) == (
        command.name,
        command.user,
        command.symbol,
        command.amount_cents,
        command.filename,
    )


@pytest.mark.parametrize(
    "command",
    [
        Command(c.ADD, "a,b", amount_cents=1),
        Command(c.ADD, "a\n[1] ADD", amount_cents=1),
        Command(c.ADD, "", amount_cents=1),
        Command(c.ADD, "ann"),
        Command(c.ADD, "ann", amount_cents=MAX_AMOUNT_CENTS + 1),
        Command(c.QUOTE, "ann", "abc"),
        Command(c.QUOTE, "ann", "ABCD"),
        Command(c.QUOTE, "ann"),
        Command(c.DUMPLOG, "ann", filename="a/b"),
        Command(c.DUMPLOG, "ann"),
    ],
)
def test_what_was_not_validated_never_becomes_a_line(command: Command) -> None:
    with pytest.raises(AssertionError):
        body_of(command)


@pytest.mark.parametrize(("text", "cents"), [("0.01", 1), ("007.5", 750), ("100000000000", MAX_AMOUNT_CENTS)])
def test_amounts(text: str, cents: int) -> None:
    assert parse_amount(text) == cents


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "-1", "1.001", "1e3", "100000000000.01", "٣", "1\n", " 1", "1,5", "+1"]
)
def test_what_is_no_amount(text: str) -> None:
    assert parse_amount(text) is None


def _name(case: Case) -> str:
    return case.line.partition(",")[0]


@pytest.mark.parametrize(
    "case", [case for case in SUCCESSES if _name(case) != c.DUMPLOG], ids=lambda case: case.line
)
def test_every_reply_of_the_transaction_tier_is_read_and_described_to_the_last_field(case: Case) -> None:
    text = play(Desk(), (*case.before, case.line)).reply.encode()
    answer = read_answer(_name(case), text)
    assert answer == Done(text.removeprefix(b"OK "))
    assert isinstance(answer, Done)
    assert msgspec.json.decode(answer.body) == msgspec.to_builtins(
        msgspec.json.decode(answer.body, type=REPLIES[_name(case)])
    )


def test_the_reply_to_a_dump_is_read() -> None:
    body = b'{"path":"/var/log/testLOG","events":12}'
    assert read_answer(c.DUMPLOG, b"OK " + body) == Done(body)


def test_a_rich_summary_is_described_to_the_last_field() -> None:
    desk = Desk()
    for line in ("ADD,ann,1000.00", "BUY,ann,ABC,100.00", "COMMIT_BUY,ann", "BUY,ann,ABC,50.00", "SELL,ann,ABC,10.00",
                 "SET_BUY_AMOUNT,ann,XYZ,10.00", "SET_SELL_AMOUNT,ann,ABC,20.00", "SET_SELL_TRIGGER,ann,ABC,10.00"):  # fmt: skip
        assert desk.do(line, 1000).reply.startswith("OK")
    body = desk.do("DISPLAY_SUMMARY,ann").reply.removeprefix("OK ")
    shown = json.loads(body)
    assert all(shown[name] for name in ("holdings", "pending_buys", "pending_sells", "triggers"))
    assert shown == msgspec.to_builtins(msgspec.json.decode(body, type=REPLIES[c.DISPLAY_SUMMARY]))


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case.line} {case.code}")
def test_every_refusal_is_read(case: Case) -> None:
    text = play(Desk(), (*case.before, case.line)).reply.encode()
    assert read_answer(_name(case), text) == Refused(case.code, case.reply)


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_known(code: str) -> None:
    assert read_answer(c.BUY, b'ERR {"code":"%b","message":"x"}' % code.encode()) == Refused(code, "x")


@pytest.mark.parametrize(
    "text",
    [b"", b"OK", b"OK ", b"OK []", b"OK {}", b'OK {"cash":1.5}', b'OK {"cash":"1"}', b'OK {"cash":"1.00"', b'ok {"cash":"1.00"}',
     b"SESSION OK", b"ERR", b"ERR {}", b'ERR {"code":"BUSY"}', b'ERR {"code":"WHAT","message":""}', b"ERR []", b"\xff\xfe",
     b"OK " + b"[" * 100_000, b'OK {"symbol":"ABC","price":"1.00","quoted_at":1}'],
)  # fmt: skip
def test_what_is_no_reply_to_an_add(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        read_answer(c.ADD, text)


@given(st.sampled_from(list(c.ARGUMENTS)), st.binary(max_size=200))
def test_garbage_is_read_or_refused(name: str, text: bytes) -> None:
    try:
        answer = read_answer(name, text)
    except ProtocolError:
        return
    assert text.startswith((b"OK {", b"ERR {")), answer
