"""A byte stream from the server into replies, whole chunks at a time: one regular expression over all that came."""

import re
from typing import Final

import msgspec

from core.errors import ProtocolError
from core.framing import strip_line

MAX_REPLY_BYTES: Final = 1024 * 1024
"""Longest reply line; a longer one is a broken server."""

_REPLY: Final = re.compile(rb'(?m)^\[([0-9]{1,16})\] (?:OK \{|ERR \{"code":"([A-Z_]{1,32})").*\n')
"""How our server writes them. Other spellings of the same JSON take the slower way of `_reply`."""
_HEAD: Final = re.compile(rb"\[([0-9]{1,16})\] (?:OK|ERR) (?=\{)")
_SESSION_OK: Final = b"SESSION OK"


class _Refusal(msgspec.Struct):
    code: str
    message: str = ""


_refusal = msgspec.json.Decoder(_Refusal)


class ReplyDecoder:
    """Replies of one connection. The first line must be `SESSION OK`."""

    def __init__(self) -> None:
        self._rest = b""
        self.is_open = False
        """`SESSION OK` has come."""

    def feed(self, data: bytes) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """The replies that `data` completes as (number, error code or b"" for OK), and their lines as they came.

        Raises ProtocolError for anything that is no reply.
        """
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._keep(self._rest + data)
            return [], b""
        lines = self._rest + data[:cut]
        self._keep(data[cut:])
        if not self.is_open:
            lines = self._open(lines)
        replies = _REPLY.findall(lines)
        if len(replies) != lines.count(b"\n"):
            replies = [_reply(line) for line in lines.split(b"\n")[:-1]]
        return replies, lines

    def _keep(self, rest: bytes) -> None:
        if len(rest) > MAX_REPLY_BYTES:
            raise ProtocolError(f"a reply of more than {MAX_REPLY_BYTES} bytes")
        self._rest = rest

    def _open(self, lines: bytes) -> bytes:
        first, _, others = lines.partition(b"\n")
        if strip_line(first) != _SESSION_OK:
            raise ProtocolError(f"the session was not opened: {_excerpt(first)}")
        self.is_open = True
        return others


def _reply(line: bytes) -> tuple[bytes, bytes]:
    """One reply line, however its JSON is spaced. Raises ProtocolError."""
    head = _HEAD.match(line)
    if head is None:
        raise ProtocolError(f"not a reply: {_excerpt(line)}")
    if line.startswith(b"OK", head.end(1) + 2):
        return head[1], b""
    try:
        refusal = _refusal.decode(line[head.end() :])
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"not a refusal: {_excerpt(line)}") from error
    return head[1], refusal.code.encode()


def _excerpt(line: bytes) -> str:
    return repr(line[:200])[1:]
