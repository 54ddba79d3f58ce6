"""What is a hit, and what is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import format_cents
from quotecache.protocol import Answer, parse_reply, request_line

KEY = "IRrR7UeTO35kSWUgG0QJKmB35sL27FKM7AVhP5qpjCgmWQeXFJs35g=="
VALID = f"12.34,ABC,ann,1167631200000,{KEY}"


def parse(line: str | bytes) -> Answer | None:
    return parse_reply(line.encode() if isinstance(line, str) else line, "ABC", "ann")


def test_the_request_is_symbol_and_user() -> None:
    assert request_line("ABC", "ann") == b"ABC,ann\n"


def test_a_valid_reply_is_taken_to_the_cent() -> None:
    assert parse(VALID) == Answer(1234, 1167631200000, KEY)


@pytest.mark.parametrize(("text", "cents"), [("7", 700), ("7.5", 750), ("0.01", 1), ("4999.00", 499_900)])
def test_prices_have_at_most_two_decimals(text: str, cents: int) -> None:
    answer = parse(VALID.replace("12.34", text))
    assert answer is not None
    assert answer.price_cents == cents


@pytest.mark.parametrize("end", ["\r", "  ", " \r"])
def test_carriage_return_and_trailing_blanks_are_ignored(end: str) -> None:
    assert parse(VALID + end) == parse(VALID)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "NA",
        ",,,,",
        VALID + ",more",
        VALID.replace(f",{KEY}", ""),
        VALID.replace(KEY, ""),
        VALID.replace(KEY, "two words"),
        VALID.replace(KEY, "k" * 129),
        VALID.replace("ann", "NA"),
        VALID.replace("ann", "bob"),
        VALID.replace("ann", "ann "),
        VALID.replace("ABC", "ABD"),
        VALID.replace("ABC", "abc"),
        *(
            VALID.replace("12.34", p)
            for p in ("0", "0.00", "-1.00", "+1", "1e2", "1.234", "1.", ".5", " 1", "nan", "１")
        ),
        *(VALID.replace("1167631200000", t) for t in ("", "0", "-1", "soon", "1.5", "1" * 17, "１")),
        VALID.encode() + b"\xff",
        b"\x00" * 60,
    ],
)
def test_anything_else_is_no_hit(line: str | bytes) -> None:
    assert parse(line) is None


def test_a_user_may_be_called_na() -> None:
    assert parse_reply(VALID.replace("ann", "NA").encode(), "ABC", "NA") is not None


@given(st.binary(max_size=200))
def test_no_bytes_upset_it(line: bytes) -> None:
    assert parse(line) is None


@given(
    cents=st.integers(1, 10**13),
    stamp=st.integers(1, 10**15),
    key=st.text("ABCabc019+/=", min_size=1, max_size=128),
    place=st.integers(0, 300),
)
def test_a_cut_off_reply_is_only_ever_shorter_in_its_last_field(
    cents: int, stamp: int, key: str, place: int
) -> None:
    whole = f"{format_cents(cents)},ABC,ann,{stamp},{key}"
    assert parse(whole) == Answer(cents, stamp, key)
    answer = parse(whole[:place])
    assert answer is None or key.startswith(answer.key)
