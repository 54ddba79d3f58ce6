"""What is fuzzed: every place where bytes of others come in. Any garbage is parsed or raises the one documented error.

A target takes an input and asserts what must hold for all inputs; anything but an AssertionError-free return is a find.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random
from types import MappingProxyType

from core import codec
from core.codec import Request
from core.commands import ARGUMENTS
from core.errors import CODES, ProtocolError
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
)  # fmt: skip
from core.ids import is_user, parse_filename, parse_symbol
from core.limits import MAX_LINE_BYTES, MAX_NUMBER
from core.money import format_cents, is_amount, parse_decimal
from loadbalancer.balance import Balancer
from quotecache.protocol import parse_reply
from webserver.validate import Validator
from workload.parse import Item, Malformed, parse

Target = Callable[[bytes, Random], None]

_LINE_LIMIT = 64


def slices(data: bytes, random: Random) -> list[bytes]:
    """The bytes as a network may deliver them."""
    parts, start = [], 0
    while start < len(data):
        size = random.choice((1, 2, 7, 100, 1_000))
        parts.append(data[start : start + size])
        start += size
    return parts


def line_decoder(data: bytes, random: Random) -> None:
    """Lines come out as they went in, whatever the slices; a line over the limit raises and gives those before it."""
    decoder, lines = LineDecoder(_LINE_LIMIT), list[bytes]()
    expected = data.split(b"\n")
    try:
        for part in slices(data, random):
            lines += decoder.feed(part)
    except LineTooLong as error:
        lines += error.lines
        assert max(map(len, expected)) > _LINE_LIMIT
    else:
        assert len(lines) == len(expected) - 1
        assert max(map(len, expected)) <= _LINE_LIMIT
        assert decoder.unfinished == len(expected[-1])
    assert lines == expected[: len(lines)]


def frame_decoder(data: bytes, random: Random) -> None:
    """Frames or a ProtocolError; and what was framed comes out whole behind any number of good frames."""
    _drain(FrameDecoder(1_000), slices(data, random))
    kind, payload = random.randrange(256), data[:900]
    good = encode_frame(kind, payload)
    assert _drain(FrameDecoder(1_000), slices(good * 3, random)) == [(kind, payload)] * 3


def _drain(decoder: FrameDecoder, parts: list[bytes]) -> list[tuple[int, bytes]]:
    frames: list[tuple[int, bytes]] = []
    try:
        for part in parts:
            frames += decoder.feed(part)
    except ProtocolError:
        pass
    return frames


def link(data: bytes, random: Random) -> None:
    """A link frame's payload: (connection, session, rest) or a ProtocolError."""
    with suppress(ProtocolError):
        decode_link(data)
    session, rest = data[:64], data[64:]
    frame = encode_link(1, random.randrange(2**64), session, rest)
    assert decode_link(frame[5:])[1:] == (session, rest)


def message(data: bytes, random: Random) -> None:
    """A message between web server and shard, or a ProtocolError; what is a message survives the way there and back."""
    try:
        found = codec.decode(data)
    except ProtocolError:
        return
    assert codec.decode(codec.encode(found)[5:]) == found


def line(data: bytes, random: Random) -> None:
    """A number is None, 0 or in range; the rest is a part of the line."""
    number, body = split_number(strip_line(data))
    assert number is None or 0 <= number <= MAX_NUMBER
    assert body in data
    assert user_field(body) in body


def words(data: bytes, random: Random) -> None:
    """Names and amounts: valid ones are what the contract says, and amounts come out as they went in."""
    text = data.decode("latin-1")
    cents = parse_decimal(text)
    if cents is not None:
        assert parse_decimal(format_cents(cents)) == cents
        assert text.isascii()
    if (symbol := parse_symbol(text)) is not None:
        assert symbol.isascii()
        assert 1 <= len(symbol) <= 3
    if (filename := parse_filename(text)) is not None:
        assert "/" not in filename
        assert filename not in {"", ".", ".."}
    assert not is_user(text) or (text.isascii() and text.isprintable() and len(text) <= 64)


def validate(data: bytes, random: Random) -> None:
    """Every numbered line becomes one request that is safe to store and that a shard can read."""
    body = data.replace(b"\n", b"")[: MAX_LINE_BYTES - 20]
    validator = Validator(2)
    for _ in range(2):  # the second time its words are known
        batches: list[list[Request]] = [[], []]
        assert validator.read("s", b"[7] " + body + b"\n", 1, batches) == 2
        (request,) = batches[0] + batches[1]
        _assert_safe(request)
    assert codec.decode(codec.encode(codec.Requests([request]))[5:]) == codec.Requests([request])
    with suppress(ProtocolError):
        validator.read("s", data, 1, [[], []])


def _assert_safe(request: Request) -> None:
    assert request.number == 7
    assert request.body.isascii()
    assert request.body.isprintable()
    assert not request.user or is_user(request.user)
    if request.refusal:
        assert request.refusal.partition(": ")[0] in CODES
        assert request.refusal.isprintable()
        return
    needed = ARGUMENTS[request.command]
    assert ("user" not in needed) or request.user or request.command == "DUMPLOG"
    assert ("symbol" in needed) == bool(request.symbol)
    assert ("amount" in needed) == (request.cents is not None)
    assert request.cents is None or is_amount(request.cents)
    assert ("filename" in needed) == bool(request.filename)


def balancer(data: bytes, random: Random) -> None:
    """A client's bytes never harm the balancer, and it answers in whole lines."""
    one = Balancer(["web-0"], lambda: b"own")
    one.server_up(0, 0)
    client = one.connected()
    for part in slices(data, random):
        if client.finished:
            break
        one.received(client, part, 0)
    if not client.finished:
        one.ended(client)
    one.gone(client)
    assert one.waiting_bytes == 0


def workload(data: bytes, random: Random) -> None:
    """A workload file: items in range or reports with their line."""
    for item in parse(slices(data, random)):
        if isinstance(item, Malformed):
            continue
        assert isinstance(item, Item)
        assert 1 <= item.number <= MAX_NUMBER
        assert (
            item.command.decode() in ARGUMENTS
            if isinstance(item.command, bytes)
            else item.command in ARGUMENTS
        )


def quote(data: bytes, random: Random) -> None:
    """A quote server's reply: an answer that may go into the log as it is, or none."""
    answer = parse_reply(data, "ABC", "joe")
    if answer is not None:
        assert answer.price_cents > 0
        assert answer.time_ms > 0
        assert answer.key.isascii()
        assert answer.key.isprintable()
        assert not set(answer.key) & set(", ")


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "line_decoder": line_decoder,
        "frame_decoder": frame_decoder,
        "link": link,
        "message": message,
        "line": line,
        "words": words,
        "validate": validate,
        "balancer": balancer,
        "workload": workload,
        "quote": quote,
    }
)
"""All of them by name."""
