"""The quick way through a log of plain shape: `<event><field>value</field>...</event>` in ASCII or UTF-8, nothing else.

What the pattern below matches is well-formed XML by construction, and an event whose values are all right by the schema is
made without a dictionary of texts in between. Everything else goes the careful way: an event with a wrong value to
`schema.parse`, and from the first byte that the pattern does not know (an entity, an attribute, a comment, another
encoding, broken XML) the rest of the file to `reader`. Both ways give the same events; a test holds them together.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import getitem, itemgetter
from typing import Any, Final

from msgspec import Struct

from grader.events import Event, RawEvent
from grader.inorder import InOrder
from grader.reader import CHUNK_BYTES, Damaged, read, twice
from grader.schema import (
    FIELDS,
    MAX_REMEMBERED_CHARS,
    MAX_REMEMBERED_VALUES,
    MILLISECONDS,
    NUMBERS,
    REQUIRED,
    BadValue,
    Values,
)

MAX_FIELDS: Final = 9
"""Fields of the largest event (errorEvent)."""
PLAIN_DIGITS: Final = 13
"""An integer of at most so many digits, and no leading zero, is right as a time and as a number."""
MAX_SHAPES: Final = 4_096
"""Orders of fields that are remembered; then they are forgotten all at once."""
_SPACE: Final = rb"[ \t\n]*+"
_VALUE: Final = rb"[^<>&\x00-\x08\x0b-\x1f]*+"
_PROLOG: Final = re.compile(
    rb"(?:<\?xml version=(?:'1\.0'|\"1\.0\")(?: encoding=(?:'([\w-]+)'|\"([\w-]+)\"))? ?\?>)?"
    + _SPACE
    + rb"<log>"
)
_EVENT: Final = re.compile(
    _SPACE
    + rb"<([A-Za-z]++)>"
    + b"".join(
        rb"(?:"
        + _SPACE
        + rb"<([A-Za-z]++)>("
        + _VALUE
        + rb")</\%d>)" % (2 * index + 2)
        + (b"?" if index else b"")
        for index in range(MAX_FIELDS)
    )
    + _SPACE
    + rb"</\1>"
)
_END: Final = re.compile(_SPACE + rb"</log>" + _SPACE + rb"\Z")
_ENCODINGS: Final = {b"": "utf-8", b"utf-8": "utf-8", b"ascii": "ascii", b"us-ascii": "ascii"}
_EVENT_FIELDS: Final = (
    "timestamp_ms",
    "number",
    "command",
    "user",
    "symbol",
    "filename",
    "cents",
    "text",
    "quote_time_ms",
)
"""Fields of Event after kind and line, in its order."""
_DEFAULTS: Final[list[Any]] = [0, 0, "", "", "", "", None, "", 0]


class _Unplain(Exception):
    """An event that must be read the careful way."""


class _NotText(Exception):
    """Bytes that are no characters of XML in the file's encoding; the parser says so better."""


class _ByteValues(dict[bytes, Any]):
    """Bytes to the value that the schema reads from them; one that breaks the schema raises _Unplain."""

    def __init__(self, values: Values, encoding: str) -> None:
        self._values = values
        self._encoding = encoding

    def __missing__(self, data: bytes) -> object:
        value = self._values[_decode(data, self._encoding)]
        if value.__class__ is BadValue:
            raise _Unplain
        if len(self) >= MAX_REMEMBERED_VALUES:
            self.clear()
        if len(data) <= MAX_REMEMBERED_CHARS:
            self[data] = value
        return value


class _ByteIntegers(_ByteValues):
    """The same for times and numbers, of which nearly every one is new: the plain ones are read without detour."""

    def __missing__(self, data: bytes) -> object:
        if not data.isdigit() or len(data) > PLAIN_DIGITS or data.startswith(b"0"):
            return super().__missing__(data)
        if len(self) >= MAX_REMEMBERED_VALUES:
            self.clear()
        value = self[data] = int(data)
        return value


class _Shape(Struct, frozen=True, gc=False):
    """How events of one kind with these fields in this order are read."""

    values: tuple[_ByteValues, ...]
    order: Any
    """itemgetter: from the values read, followed by the defaults, to the Event's fields in order."""


def scan(data: Iterator[bytes]) -> Iterator[Sequence[Event | RawEvent]]:
    """The children of <log> in batches, in order: an Event when it is valid by the schema, else what the parser saw.

    Raises reader.BrokenXml, after the events that stand before the place.
    """
    try:
        buffer = next(data, b"")
    except Damaged as error:
        yield from read(_raising(error))
        return
    prolog = _PROLOG.match(buffer)
    encoding = _ENCODINGS.get((prolog[1] or prolog[2] or b"").lower()) if prolog else None
    if prolog is None or encoding is None:
        yield from read(chain([buffer], data))
        return
    head = prolog[0]
    plain = _Plain(encoding, head.count(b"\n"))
    buffer = buffer[prolog.end() :]
    rest: Iterator[bytes] = data
    while True:
        batch, used = plain.take(buffer)
        if batch:
            yield batch
        buffer = buffer[used:]
        if plain.stuck or (not used and len(buffer) > CHUNK_BYTES):
            break
        try:
            chunk = next(data, b"")
        except Damaged as error:
            rest = _raising(error)
            break
        if not chunk:
            if _END.match(buffer):
                return
            break
        buffer += chunk
    yield from read(chain([head + buffer], rest), plain.lines - head.count(b"\n"))


def _raising(error: Exception) -> Iterator[bytes]:
    yield from ()
    raise error


class _Plain:
    """Takes plain events off the front of a buffer."""

    def __init__(self, encoding: str, lines: int) -> None:
        self.lines = lines
        """Line ends before the buffer."""
        self.stuck = False
        """The buffer begins with bytes that are no text; only the parser may go on."""
        self._encoding = encoding
        self._in_order = InOrder()
        self._byte_values: dict[int, _ByteValues] = {}
        self._shapes: dict[bytes, dict[tuple[bytes | None, ...], _Shape | None]] = {}

    def take(self, buffer: bytes) -> tuple[list[Event | RawEvent], int]:
        """The events at the front, and how many bytes they took. Stops at the first thing that is none."""
        batch, position = self._in_order.take(buffer, self.lines)
        match = _EVENT.match
        shapes = self._shapes
        self.lines += len(batch)
        line = self.lines + 1
        start = counted = position
        while (found := match(buffer, position)) is not None:
            begin = found.start(1)
            line += buffer.count(b"\n", counted, begin)
            counted = begin
            groups = found.groups()
            kind, names, texts = groups[0], groups[1::2], groups[2::2]
            try:
                shape = shapes[kind][names]
            except KeyError:
                shape = self._learn(kind, names)
            try:
                if shape is None:
                    batch.append(self._careful(kind, names, texts, line))
                else:
                    values = [*map(getitem, shape.values, texts)]
                    batch.append(Event(_KINDS[kind], line, *shape.order(values + _DEFAULTS)))
            except _Unplain:
                batch.append(self._careful(kind, names, texts, line))
            except _NotText:
                self.stuck = True
                break
            position = found.end()
        self.lines += buffer.count(b"\n", start, position)
        return batch, position

    def _learn(self, kind: bytes, names: tuple[bytes | None, ...]) -> _Shape | None:
        """How to read this shape; None when it is not valid whatever its values are."""
        if sum(map(len, self._shapes.values())) >= MAX_SHAPES:
            self._shapes.clear()
        shape = self._plan(kind, [name.decode() for name in names if name is not None])
        self._shapes.setdefault(kind, {})[names] = shape
        return shape

    def _plan(self, kind: bytes, names: list[str]) -> _Shape | None:
        known = FIELDS.get(kind.decode())
        if known is None or len(set(names)) < len(names) or not known.keys() >= set(names):
            return None
        if not REQUIRED[kind.decode()] <= set(names):
            return None
        values = [known[name][1] for name in names]
        fields = [known[name][0] for name in names]
        order = [
            fields.index(field) if field in fields else len(names) + index
            for index, field in enumerate(_EVENT_FIELDS)
        ]
        return _Shape(tuple(self._of(value) for value in values), itemgetter(*order))

    def _of(self, values: Values) -> _ByteValues:
        kind = _ByteIntegers if values is MILLISECONDS or values is NUMBERS else _ByteValues
        return self._byte_values.setdefault(id(values), kind(values, self._encoding))

    def _careful(
        self, kind: bytes, names: tuple[bytes | None, ...], texts: tuple[bytes | None, ...], line: int
    ) -> RawEvent:
        fields: dict[str, str] = {}
        oddity = ""
        for name, text in zip(names, texts, strict=True):
            if name is None or text is None:
                continue
            if name.decode() in fields:
                oddity = twice(name.decode())
            else:
                fields[name.decode()] = _decode(text, self._encoding)
        return RawEvent(kind.decode(), line, fields, oddity)


def _decode(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _NotText from error
    if "\ufffe" in text or "\uffff" in text:
        raise _NotText
    return text


_KINDS: Final = {kind.encode(): kind for kind in FIELDS}
