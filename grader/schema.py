"""The rules of logfile.xsd for one event at a time, and the values that an event carries.

A value that breaks the rules is reported, and read all the same where it has one plain meaning (`12.5` is 12.50), so that
one wrong form is one violation and not a hundred. What has no plain meaning is not guessed: the event is `damaged`.
"""

import re
from collections.abc import Callable
from typing import Any, Final

from core.commands import CODES
from grader.events import (
    ACCOUNT_TRANSACTION,
    DEBUG_EVENT,
    ERROR_EVENT,
    QUOTE_SERVER,
    SYSTEM_EVENT,
    USER_COMMAND,
    Event,
    RawEvent,
)
from grader.reader import ROOT

MAX_REMEMBERED_VALUES: Final = 50_000
"""Distinct values of one type whose reading is kept; then they are forgotten all at once."""
MAX_REMEMBERED_CHARS: Final = 64
"""Longest of them."""
SHOWN_CHARS: Final = 40

_TIME: Final = re.compile(r"[0-9]{1,13}")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,15}")
_SYMBOL: Final = re.compile(r"[A-Za-z]{1,3}")
_DECIMAL: Final = re.compile(r"-?[0-9]{1,18}\.[0-9]{2}")
_AMOUNT: Final = re.compile(r"[0-9]{1,18}\.[0-9]{2}")
_LOOSE_DECIMAL: Final = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{0,40}))?")
_ACTIONS: Final = ("add", "remove")


class BadValue:
    """A value against the rules: what is wrong, and its plain meaning (None when it has none)."""

    __slots__ = ("meaning", "wrong")

    def __init__(self, wrong: str, meaning: object = None) -> None:
        self.wrong = wrong
        self.meaning = meaning


class Values(dict[str, Any]):
    """Text to value, or to BadValue, for one type; remembers, because the same values come again and again."""

    def __init__(self, read: Callable[[str], object]) -> None:
        self._read = read

    def __missing__(self, text: str) -> object:
        if len(self) >= MAX_REMEMBERED_VALUES:
            self.clear()
        value = self._read(text) if text else BadValue("is empty")
        if len(text) <= MAX_REMEMBERED_CHARS:
            self[text] = value
        return value


def _loose_integer(text: str) -> int | None:
    whole, _, fraction = text.strip().partition(".")
    return (
        int(whole)
        if whole.isascii() and whole.isdigit() and len(whole) < 17 and not fraction.strip("0")
        else None
    )


def _time(text: str) -> object:
    return (
        int(text)
        if _TIME.fullmatch(text)
        else BadValue("is no integer of milliseconds", _loose_integer(text))
    )


def _number(text: str) -> object:
    return (
        int(text)
        if _NUMBER.fullmatch(text)
        else BadValue("is no positive integer", _loose_integer(text) or None)
    )


def _loose_cents(text: str) -> int | None:
    match = _LOOSE_DECIMAL.fullmatch(text.strip())
    if match is None:
        return None
    sign, whole, fraction = match[1], match[2], match[3] or ""
    if fraction[2:].strip("0"):
        return None
    cents = int(whole) * 100 + int(fraction[:2].ljust(2, "0") or 0)
    return -cents if sign else cents


def _money(pattern: re.Pattern[str]) -> Callable[[str], object]:
    def read(text: str) -> object:
        if pattern.fullmatch(text):
            return int(text.replace(".", ""))
        return BadValue("is no plain decimal with two places", _loose_cents(text))

    return read


def _symbol(text: str) -> object:
    if _SYMBOL.fullmatch(text):
        return text.upper()
    return BadValue("is no symbol of 1-3 letters", "" if text == "None" else None)


def _command(text: str) -> object:
    return text if text in CODES else BadValue("is none of the 16 commands")


def _action(text: str) -> object:
    if text in _ACTIONS:
        return text
    return BadValue("is neither add nor remove", text.lower() if text.lower() in _ACTIONS else None)


def _text(text: str) -> object:
    return text


Fields = dict[str, tuple[str, Values]]
"""XML name to the Event's field and the type's values."""

_STRING: Final = Values(_text)
MILLISECONDS: Final = Values(_time)
NUMBERS: Final = Values(_number)
_AMOUNTS: Final = Values(_money(_AMOUNT))
_SYMBOLS: Final = Values(_symbol)
_ALWAYS: Final[Fields] = {
    "timestamp": ("timestamp_ms", MILLISECONDS),
    "server": ("", _STRING),
    "transactionNum": ("number", NUMBERS),
}
_OF_COMMAND: Final[Fields] = _ALWAYS | {
    "command": ("command", Values(_command)),
    "username": ("user", _STRING),
    "stockSymbol": ("symbol", _SYMBOLS),
    "filename": ("filename", _STRING),
    "funds": ("cents", Values(_money(_DECIMAL))),
}
FIELDS: Final[dict[str, Fields]] = {
    USER_COMMAND: _OF_COMMAND,
    SYSTEM_EVENT: _OF_COMMAND,
    ERROR_EVENT: _OF_COMMAND | {"errorMessage": ("text", _STRING)},
    DEBUG_EVENT: _OF_COMMAND | {"debugMessage": ("text", _STRING)},
    QUOTE_SERVER: _ALWAYS
    | {
        "price": ("cents", _AMOUNTS),
        "stockSymbol": ("symbol", _SYMBOLS),
        "username": ("user", _STRING),
        "quoteServerTime": ("quote_time_ms", MILLISECONDS),
        "cryptokey": ("text", _STRING),
    },
    ACCOUNT_TRANSACTION: _ALWAYS
    | {
        "action": ("text", Values(_action)),
        "username": ("user", _STRING),
        "funds": ("cents", _AMOUNTS),
    },
}
_OF_COMMAND_REQUIRED: Final = frozenset(_ALWAYS) | {"command"}
REQUIRED: Final[dict[str, frozenset[str]]] = {
    name: _OF_COMMAND_REQUIRED if "command" in fields else frozenset(fields)
    for name, fields in FIELDS.items()
}
"""The fields that each event must have; all its other fields may be absent."""


def parse(raw: RawEvent) -> tuple[Event | None, list[str]]:
    """The event, and what breaks the schema in it (nothing: it is valid by logfile.xsd).

    None when it is no known event, or its time or number cannot be read.
    """
    known = FIELDS.get(raw.name)
    if known is None:
        return None, [raw.oddity if raw.name == ROOT else f"<{raw.name[:SHOWN_CHARS]}> is no event of a log"]
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, text in raw.fields.items():
        if name not in known:
            problems.append(f"{raw.name} has a field <{name[:SHOWN_CHARS]}>")
            continue
        field, readings = known[name]
        value = readings[text]
        if value.__class__ is BadValue:
            problems.append(f"{name} {text[:SHOWN_CHARS]!r} {value.wrong}")
            value = value.meaning
            if value is None:
                absent = text in ("", "None") and name not in REQUIRED[raw.name]
                values["damaged"] = values.get("damaged", False) or not absent
                continue
        if field:
            values[field] = value
    if raw.oddity:
        problems.append(raw.oddity)
    if not REQUIRED[raw.name] <= raw.fields.keys():
        missing = sorted(REQUIRED[raw.name] - raw.fields.keys())
        problems.append(f"{raw.name} lacks {', '.join(missing)}")
        values["damaged"] = values.get("damaged", False) or bool(set(missing) - {"server"})
    if "timestamp_ms" not in values or "number" not in values:
        return None, problems
    return Event(kind=raw.name, line=raw.line, **values), problems
