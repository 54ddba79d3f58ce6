"""Typed messages between web servers and transaction shards, as msgspec batches in frames (kind SHARD_MESSAGE).

One frame holds everything that was at hand: the shard's batch is as large as what was waiting.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from core.errors import ProtocolError
from core.framing import encode_frame
from core.limits import MAX_LINE_BYTES, MAX_NUMBER

SHARD_MESSAGE: Final = 16
"""Frame kind of every message between a web server and a transaction shard."""

_Name = Annotated[str, Meta(max_length=64)]
_Cents = Annotated[int, Meta(ge=-(10**17), le=10**17)]


class Request(Struct, frozen=True, array_like=True, gc=False):
    """One command as the web server understood it; arguments that were absent or not well-formed are empty or None."""

    tag: int
    """The web server's ticket, sent back with the reply."""
    session: _Name
    number: Annotated[int, Meta(ge=1, le=MAX_NUMBER)]
    command: _Name
    """One of the sixteen names; empty when the line named none of them."""
    user: _Name
    symbol: _Name
    cents: _Cents | None
    """Amount or trigger price. Kept also when it is no valid amount (BAD_AMOUNT) but a well-formed decimal."""
    filename: Annotated[str, Meta(max_length=128)]
    refusal: Annotated[str, Meta(max_length=200)]
    """`CODE: text` when validation refused it; empty otherwise."""
    body: Annotated[str, Meta(max_length=MAX_LINE_BYTES)]
    """The request without its number, or its digest; equal bodies mean the same request (see webserver.validate)."""


class Requests(Struct, frozen=True, array_like=True, tag=1):
    """Web server to shard: commands in the order in which they came."""

    items: list[Request]


class Replies(Struct, frozen=True, array_like=True, tag=2):
    """Shard to web server: (tag, whole reply line with its LF)."""

    items: list[tuple[int, bytes]]


class HighestQuery(Struct, frozen=True, array_like=True, tag=3):
    """Web server to shard: which is the highest number of this session?"""

    tag: int
    session: _Name


class HighestReply(Struct, frozen=True, array_like=True, tag=4):
    """Shard to web server: the highest number of the session in the database or being decided; 0 for a new one."""

    tag: int
    number: int


Message = Requests | Replies | HighestQuery | HighestReply

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    """The message as one frame."""
    return encode_frame(SHARD_MESSAGE, _encoder.encode(message))


def decode(payload: bytes) -> Message:
    """The message in a frame's payload. Raises ProtocolError for anything else."""
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"not a message: {error}") from error


def ok_reply(number: int, body: str) -> bytes:
    """`[N] OK {...}` with LF; `body` is the JSON object."""
    return f"[{number}] OK {body}\n".encode()


def error_reply(number: int, code: str, message: str) -> bytes:
    """`[N] ERR {"code":...,"message":...}` with LF."""
    return b"[%d] ERR %b\n" % (number, msgspec.json.encode({"code": code, "message": message}))
