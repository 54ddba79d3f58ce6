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
    parser = _parser(events, lines_before)
    broken: BrokenXml | None = None
    source = iter(data)
    more = True
    while more:
        try:
            chunk = next(source, b"")
            more = bool(chunk)
            parser.Parse(chunk, not more)
        except BrokenXml as error:
            broken = error
        except expat.ExpatError as error:
            broken = BrokenXml(lines_before + error.lineno, expat.errors.messages[error.code])
        except Damaged as error:
            broken = BrokenXml(lines_before + parser.CurrentLineNumber, str(error))
        if events:
            yield events[:]
            events.clear()
        if broken is not None:
            raise broken


def _parser(events: list[RawEvent], lines_before: int) -> expat.XMLParserType:
    """A parser that appends to `events`. Its callbacks are the hot path: three for each field, closures for speed."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = CHUNK_BYTES
    depth = 0
    line = 0
    text = ""
    oddity = ""
    fields: dict[str, str] = {}

    def here() -> int:
        return lines_before + parser.CurrentLineNumber

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, line, text, oddity, fields
        depth += 1
        if depth == 3:
            text = ""
        elif depth == 2:
            line = here()
            fields = {}
            oddity = ""
        elif depth == 1:
            _check_root(name, attributes, here(), events)
            return
        elif depth > MAX_DEPTH:
            raise BrokenXml(here(), f"elements nested over {MAX_DEPTH} deep")
        else:
            oddity = f"<{name}> inside a field"
        if attributes:
            oddity = f"<{name}> has attributes"

    def characters(data: str) -> None:
        nonlocal text, oddity
        if depth == 3:
            text += data
            if len(text) > MAX_FIELD_CHARS:
                text = text[:MAX_FIELD_CHARS]
                oddity = f"a value of over {MAX_FIELD_CHARS} characters"
        elif data and not data.isspace():
            if depth < 2 and not oddity:
                events.append(RawEvent(ROOT, here(), {}, "text between the events"))
            oddity = "text outside the fields"

    def end(name: str) -> None:
        nonlocal depth, oddity
        if depth == 3:
            if name in fields:
                oddity = twice(name)
            elif len(fields) < MAX_FIELDS:
                fields[name] = text
        elif depth == 2:
            events.append(RawEvent(name, line, fields, oddity))
            oddity = ""
        depth -= 1

    def doctype(*_: object) -> None:
        raise BrokenXml(here(), "a document type declaration, which is refused")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    return parser


def twice(name: str) -> str:
    """The oddity of an event that has a field twice; the first counts."""
    return f"<{name}> stands twice"


def _check_root(name: str, attributes: dict[str, str], line: int, events: list[RawEvent]) -> None:
    if name != ROOT:
        raise BrokenXml(line, f"the root is <{name[:40]}>, not <{ROOT}>")
    if any(not attribute.startswith(_INSTANCE) for attribute in attributes):
        events.append(RawEvent(ROOT, line, {}, f"<{ROOT}> has attributes"))
