"""Puts a replay's result where it was asked for: JSON and HTML into files, the rest on the terminal."""

import sys
from pathlib import Path

from rich.console import Console

from workload.measure import Result
from workload.page import page
from workload.report import About, terminal, to_json


def publish(result: Result, about: About, json_to: str | None = None, html_to: str | None = None) -> None:
    """Writes the files that are named and shows the result. `json_to` may be `-`: then JSON is all that standard output
    gets, and the rest goes to standard error. Raises OSError."""
    if html_to is not None:
        Path(html_to).write_text(page(result, about), encoding="utf-8")
    if json_to == "-":
        sys.stdout.buffer.write(to_json(result, about))
        sys.stdout.buffer.flush()
    elif json_to is not None:
        Path(json_to).write_bytes(to_json(result, about))
    Console(stderr=json_to == "-").print(terminal(result, about))
