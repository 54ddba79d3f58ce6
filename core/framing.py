"""Bytes in, lines or frames out: the two framings of the system, without any input or output of their own.

Clients speak lines (LF-ended). Between tiers go frames: length, kind, payload:

    u32 length of what follows, big-endian | u8 kind | payload

Both decoders are fed whatever the socket gave and hold at most one unfinished unit, whose size is bounded.
"""

import struct
from typing import Final

from core.errors import ProtocolError
from core.limits import MAX_FRAME_BYTES, MAX_LINE_BYTES, MAX_NUMBER


class LineTooLong(ProtocolError):
    """A line longer than the limit; the lines before it are in `lines`. The decoder is not to be fed again."""

    def __init__(self, lines: list[bytes]) -> None:
        super().__init__("line too long")
        self.lines = lines


class LineDecoder:
    """Splits a byte stream at LF. CR and trailing blanks stay on the line: see `strip_line`."""

    __slots__ = ("_limit", "_rest")

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines completed by `data`, without their LF. Raises LineTooLong when one exceeds the limit."""
        text = self._rest + data if self._rest else data
        lines = text.split(b"\n")
        if len(text) > self._limit and max(map(len, lines)) > self._limit:
            raise LineTooLong(lines[: next(i for i, line in enumerate(lines) if len(line) > self._limit)])
        self._rest = lines.pop()
        return lines

    @property
    def unfinished(self) -> int:
        """Bytes held of a line whose LF has not come yet."""
        return len(self._rest)


def strip_line(line: bytes) -> bytes:
    """The line without CR and trailing blanks (commands.md: they are ignored)."""
    return line.rstrip(b" \t\r")


def split_number(line: bytes) -> tuple[int | None, bytes]:
    """Splits `[N] COMMAND,arg` into N and the body `COMMAND,arg`.

    N is None when the line carries no number, and 0 when it carries one that cannot be read or is out of range.
    """
    if not line.startswith(b"["):
        return None, line
    end = line.find(b"]", 1, 64)
    digits = line[1:end] if end > 0 else b""
    body = line[end + 1 :].lstrip(b" \t") if end > 0 else b""
    if not digits.isdigit():
        return 0, body
    number = int(digits)
    return (number if 1 <= number <= MAX_NUMBER else 0), body


def user_field(body: bytes) -> bytes:
    """What stands between the first and the second comma: the user, on whom a request is routed. b"" when absent."""
    start = body.find(b",") + 1
    if start == 0:
        return b""
    end = body.find(b",", start)
    return body[start:end] if end > 0 else body[start:]


FRAME_HEADER: Final = struct.Struct(">IB")
"""Length of kind and payload together, then the kind."""


def encode_frame(kind: int, payload: bytes) -> bytes:
    """One frame as it goes over the wire."""
    assert len(payload) < MAX_FRAME_BYTES, "a tier made a frame that no other would take"
    return FRAME_HEADER.pack(len(payload) + 1, kind) + payload


class FrameDecoder:
    """Splits a byte stream into (kind, payload) frames."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = MAX_FRAME_BYTES) -> None:
        self._limit = limit
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The frames completed by `data`. Raises ProtocolError for a length of zero or over the limit."""
        buffer = self._buffer + data if self._buffer else data
        frames: list[tuple[int, bytes]] = []
        start, size = 0, len(buffer)
        while size - start >= 5:
            length, kind = FRAME_HEADER.unpack_from(buffer, start)
            if not 1 <= length <= self._limit:
                raise ProtocolError(f"frame of {length} bytes")
            end = start + 4 + length
            if end > size:
                break
            frames.append((kind, buffer[start + 5 : end]))
            start = end
        self._buffer = buffer[start:] if start else buffer
        return frames


# The link between load balancer and web servers. The payload begins with the client's connection and session, so that
# a frame can be understood by a web server that has just come up: u64 connection | u8 length of session | session | rest.

LINK_LINES: Final = 1
"""Rest: whole request lines, each with its number, LF-ended. Back: whole reply lines (and no session)."""
LINK_HIGHEST: Final = 2
"""Ask for the session's highest number. Back: rest is that number in ASCII digits, 0 for a new session."""
LINK_PING: Final = 3
"""Health check; the web server sends the frame back as it came."""
LINK_UNAVAILABLE: Final = 4
"""Web server to balancer: the answer to LINK_HIGHEST cannot be had within the deadline."""
LINK_RESENT: Final = 5
"""As LINK_LINES, but another web server had these lines before: they may have taken effect, so none of them is BUSY."""

_LINK_HEADER: Final = struct.Struct(">QB")


def encode_link(kind: int, connection: int, session: bytes, rest: bytes) -> bytes:
    """One frame of the link between load balancer and web server."""
    return encode_frame(kind, _LINK_HEADER.pack(connection, len(session)) + session + rest)


def decode_link(payload: bytes) -> tuple[int, bytes, bytes]:
    """(connection, session, rest) of a link frame's payload. Raises ProtocolError when it is cut off."""
    if len(payload) < _LINK_HEADER.size:
        raise ProtocolError("link frame without a header")
    connection, length = _LINK_HEADER.unpack_from(payload)
    end = _LINK_HEADER.size + length
    if len(payload) < end:
        raise ProtocolError("link frame with a cut-off session")
    return connection, payload[_LINK_HEADER.size : end], payload[end:]
