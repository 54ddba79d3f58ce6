"""Bytes from the server into replies."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.codec import error_reply, ok_reply
from core.errors import CODES, ProtocolError
from workload.replies import MAX_REPLY_BYTES, ReplyDecoder

REPLY = st.tuples(
    st.integers(1, 2**53), st.one_of(st.just(""), st.sampled_from(sorted(CODES))), st.text(max_size=20)
)


def opened() -> ReplyDecoder:
    decoder = ReplyDecoder()
    assert decoder.feed(b"SESSION OK\n") == ([], b"")
    assert decoder.is_open
    return decoder


@given(st.lists(REPLY), st.integers(1, 50))
def test_replies_however_they_are_cut(replies: list[tuple[int, str, str]], size: int) -> None:
    wire = b"".join(
        error_reply(n, code, text) if code else ok_reply(n, json.dumps({"x": text}))
        for n, code, text in replies
    )
    decoder, found, lines = opened(), [], b""
    for start in range(0, len(wire), size):
        some, whole = decoder.feed(wire[start : start + size])
        found += some
        lines += whole
    assert found == [(b"%d" % n, code.encode()) for n, code, _ in replies]
    assert lines == wire


@pytest.mark.parametrize(
    "reply",
    [
        b'[5] ERR { "code": "BUSY", "message": "x" }',
        b'[5] ERR {"message":"\\"code\\":\\"X\\"","code":"BUSY"}',
        b'[5] ERR {"code":"BUSY","message":"x"}\r',
    ],
)
def test_other_spellings_of_a_refusal(reply: bytes) -> None:
    assert opened().feed(reply + b"\n[6] OK {}\n")[0] == [(b"5", b"BUSY"), (b"6", b"")]


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"hello",
        b"[5] OK",
        b"[5] OK []",
        b"[5]OK {}",
        b"[] OK {}",
        b"[-5] OK {}",
        b"[5] ERR {}",
        b"[5] ERR {nonsense",
        b"[5] MAYBE {}",
        b"x [5] OK {}",
        b"[12345678901234567] OK {}",
        b"SESSION OK",
        b"\xff\x00",
    ],
)
def test_garbage_is_told(garbage: bytes) -> None:
    with pytest.raises(ProtocolError):
        opened().feed(b"[1] OK {}\n" + garbage + b"\n[2] OK {}\n")


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        replies, lines = opened().feed(data)
    except ProtocolError:
        return
    assert len(replies) == lines.count(b"\n")


def test_replies_may_come_together_with_the_opening() -> None:
    decoder = ReplyDecoder()
    assert decoder.is_open is False
    found = decoder.feed(b"SESSION OK\r\n[1] OK {}\n[2] OK {}\n[3")
    assert found == ([(b"1", b""), (b"2", b"")], b"[1] OK {}\n[2] OK {}\n")
    assert decoder.is_open is True


def test_garbage_is_shown_by_its_beginning() -> None:
    with pytest.raises(ProtocolError) as told:
        opened().feed(b"g" * 300 + b"\n")
    assert str(told.value) == "not a reply: '" + "g" * 200 + "'"


@pytest.mark.parametrize("first", [b"[0] ERR {}\n", b"[1] OK {}\n", b"\n"])
def test_the_session_must_be_opened_first(first: bytes) -> None:
    with pytest.raises(ProtocolError, match="session was not opened"):
        ReplyDecoder().feed(first)


def test_a_reply_that_never_ends() -> None:
    decoder = opened()
    for _ in range(MAX_REPLY_BYTES // 1024):
        decoder.feed(b"x" * 1024)
    with pytest.raises(ProtocolError, match="more than"):
        decoder.feed(b"x")
