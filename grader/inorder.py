"""The quickest way through a log: events as most systems write them, one a line, their fields in the order of the schema.

One search takes everything of that form off the front of a buffer, and what it takes is valid by the schema: its patterns
are the schema's rules, narrowed to printable ASCII, plain integers and upper-case symbols. It stops at the first event of
any other form, which is the business of `scanner`. A test holds this way and the careful way together.
"""

import re
from typing import Final

from core.commands import CODES
from grader.events import (
    ACCOUNT_TRANSACTION,
    ERROR_EVENT,
    QUOTE_SERVER,
    SYSTEM_EVENT,
    USER_COMMAND,
    Event,
    RawEvent,
)
from grader.schema import FIELDS, MAX_REMEMBERED_VALUES, REQUIRED

_TEXT: Final = rb"[ -%'-;=?-~]"
"""A printable ASCII character that is no markup."""
_NAME: Final = _TEXT + rb"{1,64}+"
_INTEGER: Final = rb"[1-9][0-9]{0,12}+"
_FORMS: Final = {
    "timestamp": _INTEGER,
    "server": _NAME,
    "transactionNum": _INTEGER,
    "command": "|".join(CODES).encode(),
    "username": _NAME,
    "stockSymbol": rb"[A-Z]{1,3}+",
    "filename": _TEXT + rb"++",
    "action": rb"add|remove",
    "quoteServerTime": _INTEGER,
    "cryptokey": _TEXT + rb"++",
    "errorMessage": _TEXT + rb"++",
}
_AMOUNT: Final = rb"[0-9]{1,18}+\.[0-9]{2}"
_FUNDS: Final = {True: _AMOUNT, False: rb"-?" + _AMOUNT}
"""By whether the event must have them: those of a command may be below zero."""
_HEAD: Final = ("timestamp", "server", "transactionNum")


def _field(name: str, form: bytes) -> bytes:
    return b"<%s>(%s)</%s>" % (name.encode(), form, name.encode())


def _fields(kind: str) -> bytes:
    """The fields of an event after the head, in the schema's order; each is a group."""
    pattern = b""
    for name in FIELDS[kind]:
        required = name in REQUIRED[kind]
        if name not in _HEAD:
            field = _field(name, _FORMS.get(name) or _FUNDS[required])
            pattern += field if required else b"(?:%s)?" % field
    return pattern


def _before(*kinds: str) -> bytes:
    """Holds where the end of one of these events stands next."""
    return b"(?=</(?:%s)>)" % "|".join(kinds).encode()


_MESSAGE: Final = b"(?:%s)?" % _field("errorMessage", _FORMS["errorMessage"])
_EVENTS: Final = re.compile(
    b"\n<([A-Za-z]++)>" + b"".join(_field(name, _FORMS[name]) for name in _HEAD)
    + b"(?:" + _fields(USER_COMMAND)
    + b"(?:" + _before(USER_COMMAND, SYSTEM_EVENT) + b"|" + _MESSAGE + _before(ERROR_EVENT) + b")"
    + b"|" + _fields(ACCOUNT_TRANSACTION) + _before(ACCOUNT_TRANSACTION)
    + b"|" + _fields(QUOTE_SERVER) + _before(QUOTE_SERVER)
    + rb")</\1>|([\s\S]++)"
)  # fmt: skip
"""One event with the line end before it; or all that is left, so that no search skips anything."""


class _Words(dict[bytes, str]):
    """Bytes to text: names that come again and again."""

    def __missing__(self, data: bytes) -> str:
        if len(self) >= MAX_REMEMBERED_VALUES:
            self.clear()
        text = self[data] = data.decode("ascii")
        return text


class InOrder:
    """Takes events of this form off the front of a buffer."""

    def __init__(self) -> None:
        self._words = _Words({b"": ""})
        self._times: tuple[bytes, int] = (b"", 0)

    def take(self, buffer: bytes, lines: int) -> tuple[list[Event | RawEvent], int]:
        """The events at the front, and how many bytes they took; `lines` line ends stand before the buffer."""
        rows = _EVENTS.findall(buffer)
        used = len(buffer) - (len(rows.pop()[-1]) if rows and rows[-1][-1] else 0)
        batch: list[Event | RawEvent] = []
        word = self._words
        line = lines + 1
        last, time_ms = self._times
        for (
            kind, time, _, number,
            command, user, symbol, filename, funds, message,
            action, owner, change,
            price, stock, asker, quote_time, key, _,
        ) in rows:  # fmt: skip
            line += 1
            if time != last:
                last, time_ms = time, int(time)
            if command:
                batch.append(
                    Event(
                        word[kind], line, time_ms, int(number), word[command], word[user], word[symbol],
                        filename.decode(), int(funds.replace(b".", b"")) if funds else None, message.decode(),
                    )
                )  # fmt: skip
            elif action:
                cents = int(change.replace(b".", b""))
                batch.append(
                    Event(ACCOUNT_TRANSACTION, line, time_ms, int(number), "", word[owner], "", "", cents, word[action])
                )  # fmt: skip
            else:
                cents = int(price.replace(b".", b""))
                batch.append(
                    Event(
                        QUOTE_SERVER, line, time_ms, int(number), "", word[asker], word[stock], "", cents, key.decode(),
                        int(quote_time),
                    )
                )  # fmt: skip
        self._times = last, time_ms
        return batch, used
