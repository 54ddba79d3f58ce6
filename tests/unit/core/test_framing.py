"""Framing: however the bytes are cut, the same lines and frames come out; what is too long is refused."""

import itertools
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ProtocolError
from core.framing import (
    FrameDecoder,
    LineDecoder,
    LineTooLong,
    decode_link,
    encode_frame,
    encode_link,
    split_number,
    strip_line,
    user_field,
)
from core.limits import MAX_FRAME_BYTES, MAX_LINE_BYTES, MAX_NUMBER


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


lines_of_bytes = st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line))
places = st.lists(st.integers(min_value=0, max_value=10_000), max_size=20)


@given(lines_of_bytes, st.binary(max_size=10).filter(lambda rest: b"\n" not in rest), places)
def test_lines_come_out_however_they_are_cut(lines: list[bytes], rest: bytes, where: list[int]) -> None:
    decoder = LineDecoder()
    found: list[bytes] = []
    for piece in cut(b"".join(line + b"\n" for line in lines) + rest, where):
        found += decoder.feed(piece)
    assert found == lines
    assert decoder.unfinished == len(rest)


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=12), places)
def test_a_long_line_is_seen_however_it_is_cut(lengths: list[int], where: list[int]) -> None:
    data = b"".join(b"x" * length + b"\n" for length in lengths)
    decoder = LineDecoder(limit=20)
    found: list[bytes] = []
    too_long = False
    for piece in cut(data, where):
        try:
            found += decoder.feed(piece)
        except LineTooLong as error:
            found += error.lines
            too_long = True
            break
    good = next((place for place, length in enumerate(lengths) if length > 20), len(lengths))
    assert too_long == (good < len(lengths))
    assert [len(line) for line in found] == lengths[:good]


def test_the_longest_line_fits_and_one_more_byte_does_not() -> None:
    line = b"x" * MAX_LINE_BYTES
    assert LineDecoder().feed(line + b"\n") == [line]
    with pytest.raises(LineTooLong):
        LineDecoder().feed(line + b"x\n")
    slow = LineDecoder()
    assert slow.feed(line) == []
    with pytest.raises(LineTooLong):
        slow.feed(b"x")


def test_a_line_that_just_fits_is_not_lost_with_the_one_that_does_not() -> None:
    decoder = LineDecoder(limit=4)
    assert decoder.unfinished == 0
    with pytest.raises(LineTooLong) as told:
        decoder.feed(b"1\n1234\n12345\n1\n")
    assert told.value.lines == [b"1", b"1234"]


@pytest.mark.parametrize("line", [b"XX", b"a\x0b", b"a\x0c", b"a\x85"])
def test_nothing_else_is_a_trailing_blank(line: bytes) -> None:
    assert strip_line(line + b" ") == line


@pytest.mark.parametrize("line", [b"BUY,u,A,1", b"BUY,u,A,1\r", b"BUY,u,A,1 \t \r", b"BUY,u,A,1\r\r"])
def test_carriage_returns_and_trailing_blanks_do_not_count(line: bytes) -> None:
    assert strip_line(line) == b"BUY,u,A,1"


@pytest.mark.parametrize(
    ("line", "number", "body"),
    [
        (b"[12] ADD,u,1", 12, b"ADD,u,1"),
        (b"[12]ADD,u,1", 12, b"ADD,u,1"),
        (b"[012] \t ADD,u,1", 12, b"ADD,u,1"),
        (b"[9007199254740992] X", MAX_NUMBER, b"X"),
        (b"[9007199254740993] X", 0, b"X"),
        (b"[0] X", 0, b"X"),
        (b"[-1] X", 0, b"X"),
        (b"[+1] X", 0, b"X"),
        (b"[1_0] X", 0, b"X"),
        (b"[ 1] X", 0, b"X"),
        (b"[\xd9\xa1] X", 0, b"X"),
        (b"[] X", 0, b"X"),
        (b"[1 X", 0, b""),
        (b"[123", 0, b""),
        (b"[1] X]", 1, b"X]"),
        (b"[1]\x0bX", 1, b"\x0bX"),
        (b"[" + b"0" * 61 + b"1] X", 1, b"X"),
        (b"[" + b"0" * 62 + b"1] X", 0, b""),
        (b"[" + b"1" * 5000 + b"] X", 0, b""),
        (b"ADD,u,1", None, b"ADD,u,1"),
        (b"ADD,u],1", None, b"ADD,u],1"),
        (b" [1] X", None, b" [1] X"),
        (b"", None, b""),
    ],
)
def test_the_number_in_front(line: bytes, number: int | None, body: bytes) -> None:
    assert split_number(line) == (number, body)


@pytest.mark.parametrize(
    ("body", "user"),
    [
        (b"ADD,u,1", b"u"),
        (b"COMMIT_BUY,u", b"u"),
        (b"ADD,,1", b""),
        (b",,1", b""),
        (b"ADD", b""),
        (b"", b""),
        (b"A,b,c,d", b"b"),
    ],
)
def test_the_user_stands_between_the_first_commas(body: bytes, user: bytes) -> None:
    assert user_field(body) == user


frames = st.lists(st.tuples(st.integers(min_value=0, max_value=255), st.binary(max_size=30)))


@given(frames, places)
def test_frames_come_out_however_they_are_cut(sent: list[tuple[int, bytes]], where: list[int]) -> None:
    decoder = FrameDecoder()
    found: list[tuple[int, bytes]] = []
    for piece in cut(b"".join(encode_frame(kind, payload) for kind, payload in sent), where):
        found += decoder.feed(piece)
    assert found == sent


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_a_frame_of_impossible_length_is_refused_before_it_is_there(length: int) -> None:
    with pytest.raises(ProtocolError):
        FrameDecoder().feed(struct.pack(">IB", length, 1))


def test_nobody_makes_a_frame_that_nobody_takes() -> None:
    assert FrameDecoder().feed(encode_frame(1, bytes(MAX_FRAME_BYTES - 1)))
    with pytest.raises(AssertionError):
        encode_frame(1, bytes(MAX_FRAME_BYTES))


@given(st.integers(min_value=0, max_value=2**64 - 1), st.binary(max_size=64), st.binary(max_size=50))
def test_link_frames_go_there_and_back(connection: int, session: bytes, rest: bytes) -> None:
    [(kind, payload)] = FrameDecoder().feed(encode_link(7, connection, session, rest))
    assert (kind, decode_link(payload)) == (7, (connection, session, rest))


@pytest.mark.parametrize("payload", [b"", b"\0" * 8, b"\0" * 8 + b"\x05abcd"])
def test_a_cut_off_link_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_link(payload)
