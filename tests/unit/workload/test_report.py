"""Reports as JSON and on a terminal."""

import json

import msgspec
from rich.console import Console

from tests.unit.workload.results import ABOUT, RESULT
from workload.report import About, milliseconds, share, terminal, to_json

WANTED = {
    "commands", "seconds", "per_second", "p50_ms", "p99_ms", "max_ms", "window", "users", "errors",
    "quote_hits", "quote_cost_usd", "audit_log",
}  # fmt: skip


def shown(about: About = ABOUT, **changes: object) -> str:
    console = Console(width=200, no_color=True)
    with console.capture() as capture:
        console.print(terminal(msgspec.structs.replace(RESULT, **changes), about))
    return capture.get()


def test_json_has_what_was_promised_and_no_replies() -> None:
    found = json.loads(to_json(RESULT, ABOUT))
    assert found.keys() >= WANTED
    assert "replies" not in found
    assert found["errors"] == {"NOT_SET": 30, "EXPIRED": 70, "MALFORMED": 1}
    assert found["malformed"] == [
        {"line_number": 7, "reason": "none of the 16 commands", "excerpt": "<script>"}
    ]
    assert found["command_line"] == ABOUT.command_line
    assert len(found["series"]) == 4


def test_terminal() -> None:
    text = shown()
    assert "28,571" in text
    assert text.index("EXPIRED") < text.index("NOT_SET")
    assert "line 7: none of the 16 commands: <script>" in text
    assert "/logs/testLOG" in text
    assert "quote" not in text
    assert "lost" not in text


def test_terminal_tells_what_went_wrong() -> None:
    about = msgspec.structs.replace(ABOUT, failure="no connection")
    text = shown(about, commands=900, reconnects=3, busy=2, quote_hits=50, quote_cost_usd=2.5)
    assert "Incomplete: no connection. 100 of 1,000 lines have no reply." in text
    assert "3 connections were lost" in text
    assert "2 times a line was answered BUSY" in text
    assert "USD 2.50" in text


def test_excerpts_are_no_markup() -> None:
    text = shown(malformed=[RESULT.malformed[0]._replace(excerpt="[red]x[/red]")])
    assert "[red]x[/red]" in text


def test_milliseconds() -> None:
    assert [milliseconds(x) for x in (0.123, 12.34, 1234.5, None)] == ["0.12 ms", "12.3 ms", "1,234 ms", "–"]


def test_share() -> None:
    assert share(10, RESULT) == "1.0 %"
    assert share(0, RESULT) == "0.0 %"
    assert share(1, msgspec.structs.replace(RESULT, commands=100_000)) == "< 0.1 %"
