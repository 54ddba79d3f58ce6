"""What a replay's result looks like: on a terminal, as JSON, as a page (see page.py). Values in, text out."""

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from workload.measure import Result

MAX_MALFORMED_SHOWN = 10


class About(Struct, frozen=True):
    """Under which conditions a result came about."""

    command_line: str
    machine: str
    """Processor, cores, memory, operating system, Python: one line."""
    started_at: str
    """ISO 8601."""
    source: str
    """Name of the workload file."""
    failure: str = ""
    """Why the replay ended early; empty when it did not."""


def to_json(result: Result, about: About) -> bytes:
    """One JSON object, indented, with LF: the fields of both, without the kept replies."""
    fields = msgspec.to_builtins(result)
    del fields["replies"]
    fields["malformed"] = [item._asdict() for item in result.malformed]
    fields |= msgspec.to_builtins(about)
    return msgspec.json.format(msgspec.json.encode(fields), indent=2) + b"\n"


def refusals(result: Result) -> list[tuple[str, int]]:
    """(code, count), the most frequent first."""
    return sorted(result.errors.items(), key=lambda each: (-each[1], each[0]))


def figures(result: Result) -> list[tuple[str, str]]:
    """(what, value) in the order in which they are shown."""
    hits = [] if result.quote_hits is None else [("quote hits", f"{result.quote_hits:,}")]
    cost = [] if result.quote_cost_usd is None else [("quote cost", f"USD {result.quote_cost_usd:,.2f}")]
    return [
        ("commands", f"{result.commands:,}"),
        ("seconds", f"{result.seconds:,.3f}"),
        ("per second", f"{result.per_second:,.0f}"),
        ("p50", milliseconds(result.p50_ms)),
        ("p99", milliseconds(result.p99_ms)),
        ("max", milliseconds(result.max_ms)),
        ("users", f"{result.users:,}"),
        ("window", f"{result.window:,} a user"),
        ("connections", f"{result.connections:,}"),
        *hits,
        *cost,
    ]


def milliseconds(value: float | None) -> str:
    """`0.42 ms`, `12.3 ms`, `1,234 ms`, `–` for None."""
    if value is None:
        return "–"
    places = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{places}f} ms"


def remarks(result: Result, about: About) -> list[str]:
    """What a reader has to know to judge the figures; empty after a smooth run."""
    lines = []
    if about.failure:
        missing = result.lines_to_send - result.commands
        lines.append(
            f"Incomplete: {about.failure}. {missing:,} of {result.lines_to_send:,} lines have no reply."
        )
    if result.reconnects:
        lines.append(f"{result.reconnects:,} connections were lost; what was outstanding was sent again.")
    if result.busy:
        lines.append(f"{result.busy:,} times a line was answered BUSY and sent again.")
    return lines


def terminal(result: Result, about: About) -> RenderableType:
    """Figures, refusals by code and remarks, for rich's Console."""
    numbers = Table.grid(padding=(0, 3))
    numbers.add_column(style="dim")
    numbers.add_column(justify="right", style="bold")
    for what, value in figures(result):
        numbers.add_row(what, value)
    parts: list[RenderableType] = [Panel(numbers, title=f"replay of {about.source}", expand=False)]
    if result.errors:
        parts.append(_refusal_table(result))
    parts += [
        Text(f"line {item.line_number}: {item.reason}: {item.excerpt}", style="yellow")
        for item in result.malformed[:MAX_MALFORMED_SHOWN]
    ]
    parts += [Text(line, style="bold red" if about.failure else "yellow") for line in remarks(result, about)]
    parts.append(Text(f"session {result.session}", style="dim"))
    if result.audit_log:
        parts.append(Text(f"audit log {result.audit_log}"))
    return Group(*parts)


def _refusal_table(result: Result) -> Table:
    table = Table(title="refused, by code", title_justify="left", box=None, padding=(0, 3, 0, 0))
    table.add_column("code")
    table.add_column("count", justify="right")
    table.add_column("of all", justify="right", style="dim")
    for code, count in refusals(result):
        table.add_row(code, f"{count:,}", share(count, result))
    return table


def share(count: int, result: Result) -> str:
    """Of the lines that were answered or malformed, in percent."""
    lines = result.commands + result.errors.get("MALFORMED", 0)
    percent = 100 * count / lines if lines else 0.0
    return f"{percent:.1f} %" if percent >= 0.1 or not count else "< 0.1 %"
