"""Reads a log file as a stream of raw events, plain or gzip-compressed, in memory that does not grow with the file.

XML is read by expat. A document type declaration is refused before it is read, so that no entity is ever expanded.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from typing import Final
from xml.parsers import expat

from grader.events import RawEvent

CHUNK_BYTES: Final = 1 << 17
MAX_FIELD_CHARS: Final = 65_536
"""Longest value kept; the rest of it is dropped and the event is called odd."""
MAX_FIELDS: Final = 32
"""Most fields kept of one event."""
MAX_DEPTH: Final = 64
ROOT: Final = "log"
_GZIP_MAGIC: Final = b"\x1f\x8b"
_INSTANCE: Final = ("xmlns:", "xsi:")
"""Attributes that any document may have on its root (they name its schema)."""


class BrokenXml(Exception):
    """The file is not XML that this program reads, or not to its end; the events before the place are good."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(f"line {line}: {text}")
        self.line = line
        self.text = text


class Damaged(Exception):
    """The compressed file cannot be read on."""


def open_log(path: Path) -> BufferedIOBase:
    """The file's bytes, decompressed when it begins as gzip does. Raises OSError."""
    with path.open("rb") as file:
        compressed = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return gzip.open(path) if compressed else path.open("rb")


def chunks(file: BufferedIOBase) -> Iterator[bytes]:
    """The file's bytes. Raises Damaged."""
    while True:
        try:
            data = file.read1(CHUNK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise Damaged(f"the compressed data is damaged ({error})") from error
        if not data:
            return
        yield data


def read(data: Iterable[bytes], lines_before: int = 0) -> Iterator[Sequence[RawEvent]]:
    """The children of <log> in batches, in order. Raises BrokenXml, after the events that stand before the place.

    `lines_before` is added to every line number.
    """
    events: list[RawEvent] = []
    parser = _Parser(events, lines_before)
    broken: BrokenXml | None = None
    source = iter(data)
    more = True
    while more:
        try:
            chunk = next(source, b"")
            more = bool(chunk)
            parser.parse(chunk, not more)
        except BrokenXml as error:
            broken = error
        except expat.ExpatError as error:
            broken = BrokenXml(lines_before + error.lineno, expat.errors.messages[error.code])
        except Damaged as error:
            broken = BrokenXml(parser.line, str(error))
        if events:
            yield events[:]
            events.clear()
        if broken is not None:
            raise broken


class _Parser:
    """expat's callbacks: appends to `events` what each child of the root holds."""

    def __init__(self, events: list[RawEvent], lines_before: int) -> None:
        self._events = events
        self._lines_before = lines_before
        self._depth = 0
        self._line = 0
        self._text = ""
        self._oddity = ""
        self._fields: dict[str, str] = {}
        self._expat = expat.ParserCreate()
        self._expat.buffer_text = True
        self._expat.buffer_size = CHUNK_BYTES
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end
        self._expat.CharacterDataHandler = self._characters
        self._expat.StartDoctypeDeclHandler = self._doctype

    @property
    def line(self) -> int:
        """Where it stands in the file, from 1."""
        return self._lines_before + self._expat.CurrentLineNumber

    def parse(self, chunk: bytes, final: bool) -> None:
        """Raises expat.ExpatError and BrokenXml."""
        self._expat.Parse(chunk, final)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 3:
            self._text = ""
        elif self._depth == 2:
            self._line = self.line
            self._fields = {}
            self._oddity = ""
        elif self._depth == 1:
            _check_root(name, attributes, self.line, self._events)
            return
        elif self._depth > MAX_DEPTH:
            raise BrokenXml(self.line, f"elements nested over {MAX_DEPTH} deep")
        else:
            self._oddity = f"<{name}> inside a field"
        if attributes:
            self._oddity = f"<{name}> has attributes"

    def _characters(self, data: str) -> None:
        if self._depth == 3:
            self._text += data
            if len(self._text) > MAX_FIELD_CHARS:
                self._text = self._text[:MAX_FIELD_CHARS]
                self._oddity = f"a value of over {MAX_FIELD_CHARS} characters"
        elif data and not data.isspace():
            if self._depth < 2 and not self._oddity:
                self._events.append(RawEvent(ROOT, self.line, {}, "text between the events"))
            self._oddity = "text outside the fields"

    def _end(self, name: str) -> None:
        if self._depth == 3:
            if name in self._fields:
                self._oddity = twice(name)
            elif len(self._fields) < MAX_FIELDS:
                self._fields[name] = self._text
        elif self._depth == 2:
            self._events.append(RawEvent(name, self._line, self._fields, self._oddity))
            self._oddity = ""
        self._depth -= 1

    def _doctype(self, *_: object) -> None:
        raise BrokenXml(self.line, "a document type declaration, which is refused")


def twice(name: str) -> str:
    """The oddity of an event that has a field twice; the first counts."""
    return f"<{name}> stands twice"


def _check_root(name: str, attributes: dict[str, str], line: int, events: list[RawEvent]) -> None:
    if name != ROOT:
        raise BrokenXml(line, f"the root is <{name[:40]}>, not <{ROOT}>")
    if any(not attribute.startswith(_INSTANCE) for attribute in attributes):
        events.append(RawEvent(ROOT, line, {}, f"<{ROOT}> has attributes"))
