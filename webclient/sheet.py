"""History as a CSV file that a spreadsheet may open: no cell of it is ever taken for a formula. Values only."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from webclient.history import Entry

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
"""How a cell begins that spreadsheets calculate (OWASP, CSV Injection)."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
COLUMNS: Final = ("time_utc", *Entry.__struct_fields__)


def header() -> str:
    """The first line."""
    return _lines([COLUMNS])


def lines(entries: Iterable[Entry]) -> str:
    """A line for each entry: its time in words, then its fields; an absent value is an empty cell."""
    return _lines(
        [_time(entry.at), *(_cell(getattr(entry, name)) for name in Entry.__struct_fields__)]
        for entry in entries
    )


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _time(at_ms: int) -> str:
    """`2026-11-21 14:30:00.000`, which spreadsheets take for a time; empty beyond the year 9999."""
    try:
        return (_EPOCH + timedelta(milliseconds=at_ms)).replace(tzinfo=None).isoformat(" ", "milliseconds")
    except OverflowError:
        return ""


def _cell(value: str | int | None) -> str:
    """The value's text; with an apostrophe before it when a spreadsheet would take it for a formula and it is no number."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    whole, _, fraction = text.removeprefix("-").partition(".")
    return text.isascii() and (whole + fraction).isdecimal()
