"""Lines of a workload file into items: what is sent, for which user, and what is malformed (commands.md, Wire format)."""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from core.commands import ARGUMENTS, DUMPLOG
from core.framing import split_number, strip_line, user_field
from core.limits import MAX_LINE_BYTES

_NAMES: Final = {name.encode(): name for name in ARGUMENTS}
_DUMPLOG: Final = DUMPLOG.encode()
_EXCERPT_BYTES: Final = 60


class Item(NamedTuple):
    """A line that is sent."""

    number: int
    """Its transaction number: the one it carries, else the number of its line in the file."""
    user: bytes | None
    """The raw user field, by which lines keep their order; None for a DUMPLOG without a user, which is a barrier."""
    command: str
    line: bytes
    """As it goes over the wire: numbered, without CR and trailing blanks, with its LF."""


class Malformed(NamedTuple):
    """A line that is not sent."""

    line_number: int
    reason: str
    excerpt: str
    """How it begins; bytes that are no printable ASCII are escaped."""


def parse(chunks: Iterable[bytes]) -> Iterator[Item | Malformed]:
    """The items of a workload file, given as byte chunks cut anywhere. Blank lines count as lines and give nothing.

    Malformed are lines that name none of the sixteen commands, and also those with a number that cannot be read or is
    out of range and those over 8 KiB: the server answers both with `[0]`, which no request can be matched with.
    Whatever else is wrong with a line (arguments, names, amounts) is for the server to answer, so it is sent.
    """
    for line_number, raw in enumerate(_lines(chunks), start=1):
        item = parse_line(line_number, raw)
        if item is not None:
            yield item


def parse_line(line_number: int, raw: bytes) -> Item | Malformed | None:
    """One line of the file, without its LF; None when it is blank."""
    if len(raw) > MAX_LINE_BYTES:
        return _malformed(line_number, raw, f"longer than {MAX_LINE_BYTES} bytes")
    line = strip_line(raw)
    if not line:
        return None
    number, body = split_number(line)
    command, comma, rest = body.partition(b",")
    name = _NAMES.get(command)
    if name is None:
        return _malformed(line_number, raw, "none of the 16 commands")
    if number == 0:
        return _malformed(line_number, raw, "number cannot be read or is out of range")
    if number is None:
        number, line = line_number, b"[%d] %b" % (line_number, body)
        if len(line) > MAX_LINE_BYTES:
            return _malformed(line_number, raw, f"with its number longer than {MAX_LINE_BYTES} bytes")
    is_barrier = command == _DUMPLOG and comma and b"," not in rest
    return Item(number, None if is_barrier else user_field(body), name, line + b"\n")


def _malformed(line_number: int, raw: bytes, reason: str) -> Malformed:
    excerpt = repr(raw[:_EXCERPT_BYTES])[2:-1]
    return Malformed(line_number, reason, excerpt + ("…" if len(raw) > _EXCERPT_BYTES else ""))


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Splits at LF; the last line need not have one. Of a line that never ends only as much is kept as shows that."""
    rest = b""
    for chunk in chunks:
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()[: MAX_LINE_BYTES + 1]
        yield from lines
    if rest:
        yield rest
