"""The lines of a workload file: which command each names, with which number and arguments."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from core.commands import AMOUNT, ARGUMENTS, DUMPLOG, FILENAME, SYMBOL, USER
from core.ids import is_user, parse_filename, parse_symbol
from core.limits import MAX_NUMBER
from core.money import parse_decimal
from grader.reader import CHUNK_BYTES, open_log

_NUMBERED: Final = re.compile(r"\[([0-9]{1,20})\][ \t]*")
_LINES: Final = re.compile(
    r"(\[([1-9][0-9]{0,14}+)\] ([A-Z_]++),([A-Za-z0-9_.-]{1,64}+)(?:,([A-Z]{1,3}+))?(?:,([0-9]{1,15}+\.[0-9]{2}))?)"
    r"[ \t\r]*+(?:\n|\Z)"
    r"|([^\n]*+\n|[^\n]++)"
)
"""A line of the usual form, all of its arguments well-formed: text, number, command, user, symbol, amount. Or any other line."""
_USUAL: Final = {
    command: (SYMBOL in names, AMOUNT in names)
    for command, names in ARGUMENTS.items()
    if FILENAME not in names
}
"""Whether a command of the usual form has a symbol and an amount."""


class Line(Struct, frozen=True, gc=False):
    """One request of the file as its userCommand shows it: what is not well-formed is left out."""

    number: int
    command: str
    count_ok: bool
    user: str = ""
    symbol: str = ""
    cents: int | None = None
    filename: str = ""
    text: str = ""
    """As it stands in the file."""


def parse_line(text: str, place: int) -> Line | None:
    """The request on line `place`; None when it names none of the 16 commands or its number cannot be read."""
    text = text.rstrip(" \t\r\n")
    number, body = place, text
    if text.startswith("["):
        match = _NUMBERED.match(text)
        if match is None:
            return None
        number, body = int(match[1]), text[match.end() :]
    command, *arguments = body.split(",")
    names = ARGUMENTS.get(command)
    if names is None or not 1 <= number <= MAX_NUMBER:
        return None
    if command == DUMPLOG and len(arguments) == 1:
        names = (FILENAME,)
    if len(arguments) != len(names):
        user = arguments[0] if arguments and is_user(arguments[0]) and names[0] == USER else ""
        return Line(number, command, False, user, text=text)
    given = dict(zip(names, arguments, strict=True))
    user = given.get(USER, "")
    return Line(
        number,
        command,
        True,
        user if is_user(user) else "",
        parse_symbol(given.get(SYMBOL, "")) or "",
        parse_decimal(given.get(AMOUNT, "")),
        parse_filename(given.get(FILENAME, "")) or "",
        text,
    )


def read_lines(path: Path) -> Iterator[Line]:
    """The requests of a workload file in order; of a number that occurs twice both. Raises OSError.

    Lines of the usual form are found by one search and need no further look; a test holds them to `parse_line`.
    """
    place = 0
    with open_log(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            chunk += file.readline()
            for text, number, command, user, symbol, amount, other in _LINES.findall(
                chunk.decode("utf-8", "replace")
            ):
                place += 1
                if text and _USUAL.get(command) == (symbol != "", amount != ""):
                    cents = int(amount.replace(".", "")) if amount else None
                    yield Line(int(number), command, True, user, symbol, cents, "", text)
                elif (parsed := parse_line(text or other, place)) is not None:
                    yield parsed
