"""The history as a CSV file: what spreadsheets read, and that they calculate none of it (OWASP, CSV Injection)."""

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from webclient import sheet
from webclient.history import Entry

ENTRY = Entry(
    at=1_795_000_000_007, user="alice", seq=5, kind="command", command="BUY", symbol="ABC", amount="10.50", price="2.00",
    shares=5, cash_added=None, cash_removed="-10.00", outcome="OK", session="web", number=17, server="transaction1",
)  # fmt: skip


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_sheet() -> None:
    assert sheet.header() + sheet.lines([ENTRY]) == (
        "time_utc,at,user,seq,kind,command,symbol,amount,price,shares,cash_added,cash_removed,outcome,session,number,server\r\n"
        "2026-11-18 11:06:40.007,1795000000007,alice,5,command,BUY,ABC,10.50,2.00,5,,-10.00,OK,web,17,transaction1\r\n"
    )


def test_a_time_beyond_the_calendar_is_an_empty_cell() -> None:
    ((time, at, *_),) = read(sheet.lines([msgspec.structs.replace(ENTRY, at=10**15 - 1)]))
    assert (time, at) == ("", "999999999999999")


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-A1", "@SUM(1)", "\tx", "\rx", "\nx", "-", "--1", "-1.2.3", "-\u0661", "+1.00"]
)
def test_what_begins_like_a_formula_gets_an_apostrophe(text: str) -> None:
    (cells,) = read(sheet.lines([msgspec.structs.replace(ENTRY, amount=text)]))
    assert dict(zip(sheet.COLUMNS, cells, strict=True))["amount"] == f"'{text}"


@pytest.mark.parametrize("text", ["-1", "-1.50", "1", "a=1", "", "ABC", 'a"b', "a,b", "-0.00"])
def test_numbers_and_plain_words_stay(text: str) -> None:
    (cells,) = read(sheet.lines([msgspec.structs.replace(ENTRY, amount=text)]))
    assert dict(zip(sheet.COLUMNS, cells, strict=True))["amount"] == text


@given(st.lists(st.text(max_size=20), max_size=5))
def test_whatever_the_words_a_line_is_a_line(words: list[str]) -> None:
    rows = read(sheet.lines(msgspec.structs.replace(ENTRY, session=word) for word in words))
    assert [row[-3].removeprefix("'") for row in rows] == [word.removeprefix("'") for word in words]
    assert not any(row[-3].startswith(("=", "+", "@", "\t", "\r", "\n")) for row in rows)
