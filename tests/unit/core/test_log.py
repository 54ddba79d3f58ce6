"""The lines of the log: whole, JSON, and never the reason why something fails."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from core import log


class Sink:
    """Standard error that remembers each write."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def write(self, text: str) -> None:
        self.writes.append(text)

    def flush(self) -> None:
        pass


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    sink = Sink()
    monkeypatch.setattr(sys, "stderr", sink)
    log.configure("tier1")
    yield sink
    structlog.reset_defaults()


def told(sink: Sink) -> Any:
    (line,) = sink.writes
    assert line.endswith("\n")
    assert line.count("\n") == 1
    return json.loads(line)


def test_a_line_is_one_write_however_many_processes_share_the_file(sink: Sink) -> None:
    log.get_logger().info("started", port=7000, text="two\nlines, \u00e9")
    line = told(sink)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "started",
        "level": "info",
        "tier": "tier1",
        "port": 7000,
        "text": "two\nlines, \u00e9",
    }


@pytest.mark.parametrize("value", ["\udcff", 2**70, ["a", "\ud800"], {"deep": -(2**80)}])
def test_what_is_no_unicode_or_very_long_is_written_too(sink: Sink, value: object) -> None:
    log.get_logger().info("odd", value=value)
    assert told(sink)["value"] == value


def test_what_is_no_json_is_written_as_it_shows_itself(sink: Sink) -> None:
    log.get_logger().info("odd", value=object)
    assert told(sink)["value"] == "<class 'object'>"


def test_an_exception_is_written_with_its_way(sink: Sink) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        log.get_logger().exception("failed")
    line = told(sink)
    assert (line["event"], line["level"]) == ("failed", "error")
    assert line["exception"].endswith("ValueError: why")


def test_what_is_below_the_level_is_not_written(sink: Sink) -> None:
    log.get_logger().debug("detail")
    assert sink.writes == []
