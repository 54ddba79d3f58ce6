"""Request lines into typed requests: which are well-formed, and what exactly is wrong with the others (commands.md).

A line that is refused here goes to the shard like any other, with its refusal and with those of its arguments that are
well-formed: the shard answers a user's requests in order, and the audit log names the arguments. Values only.
"""

import hashlib
import re
from typing import Any, Final

from msgspec import Struct

from core.codec import Request
from core.commands import AMOUNT, ARGUMENTS, DUMPLOG, FILENAME, SYMBOL, USER
from core.errors import (
    BAD_AMOUNT,
    BAD_FILENAME,
    BAD_REQUEST,
    BAD_SYMBOL,
    BAD_USER,
    UNKNOWN_COMMAND,
    ProtocolError,
)
from core.framing import split_number
from core.ids import is_user, parse_filename, parse_symbol, shard_of
from core.limits import MAX_NUMBER, MAX_WORDS_REMEMBERED
from core.money import is_amount, parse_decimal

_BLANKS: Final = " \t\r"
_PLAIN_BODY = re.compile(r"[ -\[\]-~]{0,200}\Z")
_SESSION_LINE = re.compile(r"SESSION\b")

_REFUSALS: Final = {
    USER: f"{BAD_USER}: a user is 1 to 64 letters, digits or _.-",
    SYMBOL: f"{BAD_SYMBOL}: a stock symbol is 1 to 3 letters",
    AMOUNT: f"{BAD_AMOUNT}: an amount is over 0, at most 100000000000.00, with at most two decimals",
    FILENAME: f"{BAD_FILENAME}: a file name is 1 to 128 letters, digits or _.-",
}
_USAGE: Final = {
    name: f"{BAD_REQUEST}: {name} takes {' and '.join(arguments) if len(arguments) < 3 else 'user, symbol and amount'}"
    for name, arguments in ARGUMENTS.items()
} | {DUMPLOG: f"{BAD_REQUEST}: {DUMPLOG} takes a file name, or a user and a file name"}

# A command's shape: how many parts its line has, and where symbol and amount stand (0: nowhere). DUMPLOG has two shapes.
_Shape = tuple[int, int, int]
_NO_SHAPE: Final[_Shape] = (0, 0, 0)
_SHAPES: Final[dict[str, _Shape]] = {
    name: (
        1 + len(arguments),
        1 + arguments.index(SYMBOL) if SYMBOL in arguments else 0,
        1 + arguments.index(AMOUNT) if AMOUNT in arguments else 0,
    )
    for name, arguments in ARGUMENTS.items()
    if name != DUMPLOG
}


class Validator:
    """Reads lines for a number of shards. Remembers words that it found valid, a bounded number of them."""

    def __init__(self, shards: int, remembered: int = MAX_WORDS_REMEMBERED) -> None:
        self._shards = shards
        self._remembered = remembered
        self._shard_of_user: dict[str, int] = {}
        self._symbols: dict[str, str] = {}
        self.refused = 0
        """Lines that were not well-formed."""

    def read(self, session: str, text: bytes, tag: int, batches: list[list[Request]]) -> int:
        """Appends a request for each line of `text` to its shard's batch; tags count up from `tag`. Returns the next tag.

        The hot loop: a well-formed line whose words are known is done here, any other by `examine`. Raises ProtocolError
        for text that no load balancer sends: a line without its number or its LF.
        """
        lines = text.decode("latin-1").split(
            "\n"
        )  # a byte over 127 is in no valid word, so any 8-bit code will do
        if lines.pop():
            raise ProtocolError("a line without its LF")
        shape_of, shard_of_user, symbol_of = _SHAPES.get, self._shard_of_user.get, self._symbols.get
        for line in lines:
            close = line.find("]")
            digits = line[1:close]
            body = line[close + 1 :].strip(_BLANKS)
            parts = body.split(",")
            size, symbol_at, amount_at = shape_of(parts[0], _NO_SHAPE)
            if (
                size == len(parts)
                and (shard := shard_of_user(parts[1])) is not None
                and (symbol := symbol_of(parts[symbol_at]) if symbol_at else "") is not None
                and (cents := parse_amount(parts[amount_at]) if amount_at else None) != 0
                and 1 < close < 18
                and line[0] == "["
                and digits.isdecimal()
                and 0 < (number := int(digits)) <= MAX_NUMBER
            ):
                request = Request(tag, session, number, parts[0], parts[1], symbol, cents, "", "", body)
            else:
                shard, request = self.examine(session, line, tag)
            batches[shard].append(request)
            tag += 1
        return tag

    def examine(self, session: str, line: str, tag: int) -> tuple[int, Request]:
        """One line, whatever is in it: its shard and its request. Raises ProtocolError when it has no number."""
        number, rest = split_number(line.encode("latin-1"))
        if not number:
            raise ProtocolError("a line without its number")
        text = rest.decode("latin-1").strip(_BLANKS)
        command, *words = text.split(",")
        shard = shard_of(words[0] if words else "", self._shards)
        found, refusal = _read_arguments(command, words)
        self.refused += bool(refusal)
        self._remember(found, words, shard)
        name = command if command in ARGUMENTS else ""
        request = Request(
            tag,
            session,
            number,
            name,
            found.user,
            found.symbol,
            found.cents,
            found.filename,
            refusal,
            canonical_body(text),
        )
        return shard, request

    def _remember(self, found: "_Arguments", words: list[str], shard: int) -> None:
        if found.user:
            _bounded_put(self._shard_of_user, found.user, shard, self._remembered)
        if found.symbol:  # where there is a symbol, it is the second word
            _bounded_put(self._symbols, words[1], found.symbol, self._remembered)


class _Arguments(Struct):
    """Those arguments of a command that are well-formed."""

    user: str = ""
    symbol: str = ""
    cents: int | None = None
    filename: str = ""


def _read_arguments(command: str, words: list[str]) -> tuple[_Arguments, str]:
    """The arguments, and what is wrong with the first bad one (empty when all are good)."""
    kinds = ARGUMENTS.get(command, ())
    if command == DUMPLOG and len(words) == 1:
        kinds = (FILENAME,)
    if command not in ARGUMENTS or len(words) != len(kinds):
        user = words[0] if words and is_user(words[0]) else ""
        return _Arguments(user=user), _USAGE.get(command) or _no_command(command)
    found, refusal = _Arguments(), ""
    for kind, word in zip(kinds, words, strict=True):
        if not _READERS[kind](found, word):
            refusal = refusal or _REFUSALS[kind]
    return found, refusal


def _read_user(found: _Arguments, word: str) -> bool:
    found.user = word if is_user(word) else ""
    return bool(found.user)


def _read_symbol(found: _Arguments, word: str) -> bool:
    found.symbol = parse_symbol(word) or ""
    return bool(found.symbol)


def _read_amount(found: _Arguments, word: str) -> bool:
    found.cents = parse_decimal(word)
    return found.cents is not None and is_amount(found.cents)


def _read_filename(found: _Arguments, word: str) -> bool:
    found.filename = parse_filename(word) or ""
    return bool(found.filename)


_READERS: Final = {USER: _read_user, SYMBOL: _read_symbol, AMOUNT: _read_amount, FILENAME: _read_filename}


def _no_command(command: str) -> str:
    if _SESSION_LINE.match(command):
        return f"{BAD_REQUEST}: SESSION has no number and is the first line"
    return f"{UNKNOWN_COMMAND}: the line names none of the {len(ARGUMENTS)} commands"


def parse_amount(word: str) -> int:
    """Cents of a valid amount; 0 for anything else."""
    cents = parse_decimal(word)
    return cents if cents is not None and is_amount(cents) else 0


def canonical_body(text: str) -> str:
    """What makes two requests the same: the line without its number and outer blanks, or `#` and the SHA-256 of that.

    The digest stands for text that a database or a log might not take as it is (over 200 characters, not printable ASCII,
    a backslash). No command begins with `#`, so the two kinds cannot be taken for each other unless nothing is stored.
    """
    if _PLAIN_BODY.match(text):
        return text
    return "#" + hashlib.sha256(text.encode("latin-1")).hexdigest()


def _bounded_put(table: dict[str, Any], key: str, value: object, limit: int) -> None:
    if len(table) >= limit:
        table.clear()
    table[key] = value
