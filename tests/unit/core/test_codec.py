"""Messages between web servers and shards: there and back, and nothing else is taken for one."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import codec
from core.errors import ProtocolError
from core.framing import FrameDecoder
from core.limits import MAX_NUMBER

names = st.text(alphabet="abcXYZ019_.-", max_size=64)
requests = st.builds(
    codec.Request,
    tag=st.integers(min_value=0, max_value=2**63 - 1),
    session=names,
    number=st.integers(min_value=1, max_value=MAX_NUMBER),
    command=names,
    user=names,
    symbol=names,
    cents=st.none() | st.integers(min_value=-(10**17), max_value=10**17),
    filename=names,
    refusal=st.text(max_size=200),
    body=st.text(max_size=300),
)
messages = (
    st.builds(codec.Requests, st.lists(requests, max_size=5))
    | st.builds(
        codec.Replies, st.lists(st.tuples(st.integers(min_value=0, max_value=2**63), st.binary()), max_size=5)
    )
    | st.builds(codec.HighestQuery, st.integers(min_value=0, max_value=2**63), names)
    | st.builds(
        codec.HighestReply,
        st.integers(min_value=0, max_value=2**63),
        st.integers(min_value=0, max_value=MAX_NUMBER),
    )
)


@given(messages)
def test_messages_go_there_and_back(message: codec.Message) -> None:
    [(kind, payload)] = FrameDecoder().feed(codec.encode(message))
    assert kind == codec.SHARD_MESSAGE
    assert codec.decode(payload) == message


def request(**changes: object) -> list[object]:
    fields: dict[str, object] = {
        "tag": 1, "session": "s", "number": 1, "command": "ADD", "user": "u", "symbol": "", "cents": 1,
        "filename": "", "refusal": "", "body": "ADD,u,0.01",
    }  # fmt: skip
    return list((fields | changes).values())


@pytest.mark.parametrize(
    "message",
    [
        [1, [request(number=0)]],
        [1, [request(number=MAX_NUMBER + 1)]],
        [1, [request(user="u" * 65)]],
        [1, [request(cents=10**18)]],
        [1, [request(cents=1.0)]],
        [1, [request(body="x" * 9000)]],
        [1, [request()[:-1]]],
        [1, request()],
        [9, []],
        ["1", []],
        [],
        {},
        None,
        7,
        [2, [["a", b""]]],
    ],
)
def test_other_messages_are_refused(message: object) -> None:
    with pytest.raises(ProtocolError):
        codec.decode(msgspec.msgpack.encode(message))


@given(st.binary(max_size=100))
def test_garbage_is_refused_or_is_a_message(payload: bytes) -> None:
    try:
        message = codec.decode(payload)
    except ProtocolError:
        return
    assert isinstance(message, codec.Requests | codec.Replies | codec.HighestQuery | codec.HighestReply)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(ProtocolError):
        codec.decode(b"\x91" * 100_000)


def test_replies_are_one_line_of_json() -> None:
    assert codec.ok_reply(7, '{"cash":"1.00"}') == b'[7] OK {"cash":"1.00"}\n'
    line = codec.error_reply(7, "BUSY", 'a "quoted"\nbreak')
    assert line.startswith(b"[7] ERR {")
    assert line.count(b"\n") == 1
    assert json.loads(line[8:]) == {"code": "BUSY", "message": 'a "quoted"\nbreak'}
