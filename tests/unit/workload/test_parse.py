"""Lines of workload files into items."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.commands import ARGUMENTS
from core.limits import MAX_LINE_BYTES, MAX_NUMBER
from tests.unit.workload.files import NAMES, course_file
from workload.parse import Item, Malformed, parse, parse_line

COUNTS = {
    "user1": (100, 1),
    "user2": (10_000, 2),
    "user10": (10_000, 10),
    "user45": (10_000, 45),
    "user100": (100_000, 100),
}


def items(text: bytes) -> list[Item | Malformed]:
    return list(parse([text]))


@pytest.mark.parametrize("name", NAMES)
def test_course_files(name: str) -> None:
    lines, users = COUNTS[name]
    found = items(course_file(name).read_bytes())
    assert all(isinstance(item, Item) for item in found)
    sent = [item for item in found if isinstance(item, Item)]
    assert [item.number for item in sent] == list(range(1, lines + 1))
    assert len({item.user for item in sent} - {None}) == users
    assert sent[-1] == Item(lines, None, "DUMPLOG", b"[%d] DUMPLOG,./testLOG\n" % lines)
    assert not any(item.line.endswith((b" \n", b"\r\n")) for item in sent)


def test_carriage_returns_blanks_and_no_final_newline() -> None:
    assert items(b"[1] ADD,u,1.00 \t\r\n[2] QUOTE,u,ABC") == [
        Item(1, b"u", "ADD", b"[1] ADD,u,1.00\n"),
        Item(2, b"u", "QUOTE", b"[2] QUOTE,u,ABC\n"),
    ]


def test_a_line_without_a_number_has_its_line_number_and_blank_lines_count() -> None:
    assert items(b"\n  \r\nADD,u,1\n[9] ADD,u,2\nADD,u,3\n") == [
        Item(3, b"u", "ADD", b"[3] ADD,u,1\n"),
        Item(9, b"u", "ADD", b"[9] ADD,u,2\n"),
        Item(5, b"u", "ADD", b"[5] ADD,u,3\n"),
    ]


@pytest.mark.parametrize(
    ("line", "user"),
    [
        (b"DUMPLOG,./testLOG", None),
        (b"DUMPLOG,", None),
        (b"DUMPLOG,u,./testLOG", b"u"),
        (b"DUMPLOG,u,a,b", b"u"),
        (b"DUMPLOG", b""),
        (b"ADD", b""),
        (b"ADD,,1", b""),
    ],
)
def test_the_user_that_orders_a_line(line: bytes, user: bytes | None) -> None:
    item = parse_line(1, line)
    assert isinstance(item, Item)
    assert item.user == user


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1] FOO,u", "none of the 16"),
        (b"[1] add,u,1", "none of the 16"),
        (b"[1]", "none of the 16"),
        (b" ADD,u,1", "none of the 16"),
        (b"\x00\xff\xfe", "none of the 16"),
        (b"SESSION x", "none of the 16"),
        (b"[0] ADD,u,1", "number"),
        (b"[x] ADD,u,1", "number"),
        (b"[-1] ADD,u,1", "number"),
        (b"[%d] ADD,u,1" % (MAX_NUMBER + 1), "number"),
        (b"[1] ADD,u," + b"1" * MAX_LINE_BYTES, "longer"),
        (b"ADD,u," + b"1" * (MAX_LINE_BYTES - 8), "with its number longer"),
    ],
)
def test_malformed_lines_are_reported_and_not_sent(line: bytes, reason: str) -> None:
    item = parse_line(7, line)
    assert isinstance(item, Malformed)
    assert item.line_number == 7
    assert reason in item.reason
    assert item.excerpt.isprintable()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[0] ADD,u,1", "number cannot be read or is out of range"),
        (b"[1] ADD,u," + b"1" * MAX_LINE_BYTES, f"longer than {MAX_LINE_BYTES} bytes"),
        (b"ADD,u," + b"1" * (MAX_LINE_BYTES - 9), f"with its number longer than {MAX_LINE_BYTES} bytes"),
    ],
)
def test_the_reason_for_not_sending_a_line(line: bytes, reason: str) -> None:
    found = parse_line(7, line)
    assert isinstance(found, Malformed)
    assert found.reason == reason


@pytest.mark.parametrize("start", [b"[1] ADD,u,", b"ADD,u,"])
def test_the_longest_line_is_sent(start: bytes) -> None:
    """With its number, whoever gave it that."""
    numbered = start if start.startswith(b"[") else b"[7] " + start
    digits = b"1" * (MAX_LINE_BYTES - len(numbered))
    found = parse_line(7, start + digits)
    assert isinstance(found, Item)
    assert len(found.line) == MAX_LINE_BYTES + 1


@pytest.mark.parametrize(
    ("line", "excerpt"),
    [
        (b"FOO,u\x00\xff", "FOO,u\\x00\\xff"),
        (b"F" * 60, "F" * 60),
        (b"F" * 61, "F" * 60 + "…"),
        (b"\\\x0a'", "\\\\\\n'"),
    ],
)
def test_the_excerpt_of_a_malformed_line(line: bytes, excerpt: str) -> None:
    assert parse_line(7, line) == Malformed(7, "none of the 16 commands", excerpt)


@pytest.mark.parametrize("argument", [b"\x00", b"\xff\xfe", b"-5.00", b"1e9", b"[", b"" * 3])
def test_wrong_arguments_are_for_the_server_to_answer(argument: bytes) -> None:
    item = parse_line(1, b"[1] ADD,u," + argument)
    assert isinstance(item, Item)
    assert item.line == b"[1] ADD,u," + argument + b"\n"


def test_a_line_that_never_ends_costs_no_memory() -> None:
    found = list(parse([b"[1] ADD,u,1\n", *([b"x" * 100_000] * 50), b"\n[2] ADD,u,1\n"]))
    assert [type(item) for item in found] == [Item, Malformed, Item]
    assert isinstance(found[1], Malformed)
    assert found[1].reason == f"longer than {MAX_LINE_BYTES} bytes"


@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 200)))
def test_however_the_bytes_are_cut_the_items_are_the_same(lines: list[bytes], cuts: list[int]) -> None:
    text = b"\n".join([b"[4] ADD,u,1 \r", *lines, b"QUOTE,v,S"])
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    chunks = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert list(parse(chunks)) == items(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed(text: bytes) -> None:
    for item in items(text):
        if isinstance(item, Item):
            assert item.command in ARGUMENTS
            assert 1 <= item.number <= MAX_NUMBER
            assert item.line.count(b"\n") == 1
            assert item.line.endswith(b"\n")
