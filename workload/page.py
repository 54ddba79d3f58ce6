"""A replay's result as one self-contained HTML page: inline SVG and CSS, no script, nothing loaded from anywhere."""

from html import escape
from typing import Final

from workload.chart import Line, bar_rows, line_chart
from workload.measure import Interval, Result
from workload.report import About, figures, milliseconds, refusals, remarks, share

MAX_MALFORMED_ROWS: Final = 50

_STYLE: Final = """
:root { color-scheme: light dark; --back: #f6f7f9; --card: #fff; --ink: #14181f; --dim: #667085; --rule: #e4e7ec;
  --rate: #2563eb; --p50: #0d9488; --p99: #d97706; --max: #dc2626; --warn: #b42318; --warn-back: #fef3f2; }
@media (prefers-color-scheme: dark) { :root { --back: #0d1117; --card: #161b22; --ink: #e6edf3; --dim: #8b949e;
  --rule: #2a313c; --rate: #60a5fa; --p50: #2dd4bf; --p99: #fbbf24; --max: #f87171; --warn: #fda29b; --warn-back: #2a1614; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 960px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 26px; letter-spacing: -.02em; margin: 0; }
h2 { font-size: 16px; margin: 0 0 2px; }
p { margin: 0; }
.dim { color: var(--dim); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 12px; margin: 24px 0; }
.tile, section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.tile { padding: 12px 16px; }
.tile dt { color: var(--dim); font-size: 13px; }
.tile dd { margin: 0; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
section { padding: 20px 24px; margin-top: 16px; overflow-x: auto; }
section > p { font-size: 13px; margin-bottom: 12px; }
.failure { border-color: var(--warn); background: var(--warn-back); color: var(--warn); }
.notice { border-color: var(--p99); }
.failure p, .notice p { font-size: 15px; margin: 0; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--rule); }
.tick { fill: var(--dim); font-size: 12px; font-variant-numeric: tabular-nums; }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke: currentColor; }
.dot { fill: currentColor; }
.area { fill: currentColor; opacity: .12; }
.hover { fill: var(--ink); opacity: 0; }
.hover:hover { opacity: .06; }
.rate { color: var(--rate); } .p50 { color: var(--p50); } .p99 { color: var(--p99); } .max { color: var(--max); }
.legend { display: flex; gap: 16px; font-size: 13px; margin-bottom: 8px; }
.legend span::before { content: ""; display: inline-block; width: 14px; height: 3px; border-radius: 2px;
  margin-right: 6px; vertical-align: middle; background: currentColor; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 500; white-space: nowrap; }
td, th { padding: 4px 16px 4px 0; border-bottom: 1px solid var(--rule); }
tr:last-child > * { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar { width: 55%; padding-right: 0; }
.bar span { display: block; height: 10px; min-width: 2px; border-radius: 3px; background: var(--rate); }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; }
"""


def page(result: Result, about: About) -> str:
    """The whole page."""
    title = escape(f"Replay of {about.source}")
    body = "".join(
        (
            f'<h1>{title}</h1><p class="dim">{escape(about.started_at)} · {escape(about.machine)}</p>',
            _remarks(result, about),
            _tiles(result),
            _throughput(result),
            _latency(result),
            _refused(result),
            _malformed(result),
            _conditions(result, about),
            _intervals(result),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _remarks(result: Result, about: About) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in remarks(result, about))
    css_class = "failure" if about.failure else "notice"
    return f'<section class="{css_class}">{lines}</section>' if lines else ""


def _tiles(result: Result) -> str:
    tiles = "".join(
        f'<div class="tile"><dt>{escape(what)}</dt><dd>{escape(value)}</dd></div>'
        for what, value in figures(result)
    )
    return f'<dl class="tiles">{tiles}</dl>'


def _middles(result: Result) -> list[float]:
    """The middle of each interval in seconds; the last one may be cut short."""
    width_s = result.interval_ms / 1000
    return [(each.start_s + min(each.start_s + width_s, result.seconds)) / 2 for each in result.series]


def _throughput(result: Result) -> str:
    rates = [each.per_second for each in result.series]
    line = Line("commands/s", "rate", rates, filled=True)
    chart = line_chart("Commands a second over time", _middles(result), result.seconds, [line], _rate)
    return (
        f"<section><h2>Throughput</h2>"
        f'<p class="dim">Final replies a second, by intervals of {result.interval_ms:,} ms.</p>{chart}</section>'
    )


def _latency(result: Result) -> str:
    lines = [
        Line("max", "max", [each.max_ms for each in result.series]),
        Line("p99", "p99", [each.p99_ms for each in result.series]),
        Line("p50", "p50", [each.p50_ms for each in result.series]),
    ]
    legend = "".join(f'<span class="{line.css_class}">{line.name}</span>' for line in reversed(lines))
    chart = line_chart("Latency over time", _middles(result), result.seconds, lines, _tick_ms, is_log=True)
    return (
        "<section><h2>Latency</h2>"
        '<p class="dim">From handing a line to its connection until its final reply was read, retries and lost connections '
        f'included, by when the reply came. Logarithmic.</p><div class="legend">{legend}</div>{chart}</section>'
    )


def _refused(result: Result) -> str:
    if not result.errors:
        return "<section><h2>Refused</h2><p class='dim'>Nothing was refused.</p></section>"
    rows = [(code, count, share(count, result)) for code, count in refusals(result)]
    return (
        "<section><h2>Refused, by code</h2>"
        '<p class="dim">A refusal is an answer by the rules of trading (no funds, nothing pending), not a fault. '
        f"MALFORMED lines were not sent.</p>{bar_rows(rows)}</section>"
    )


def _malformed(result: Result) -> str:
    if not result.malformed:
        return ""
    rows = "".join(
        f'<tr><td class="number">{item.line_number:,}</td><td>{escape(item.reason)}</td>'
        f"<td><code>{escape(item.excerpt)}</code></td></tr>"
        for item in result.malformed[:MAX_MALFORMED_ROWS]
    )
    count = result.errors.get("MALFORMED", 0)
    shown = min(count, MAX_MALFORMED_ROWS)
    return (
        f"<section><details><summary>Malformed lines ({shown:,} of {count:,})</summary>"
        f"<table><tr><th>line</th><th>why</th><th>how it begins</th></tr>{rows}</table></details></section>"
    )


def _conditions(result: Result, about: About) -> str:
    rows = [
        ("Command", about.command_line),
        ("Machine", about.machine),
        ("Session", result.session),
        ("Lines", f"{result.lines_to_send:,} to send, {result.commands:,} answered"),
        ("Audit log", result.audit_log or "the file asks for none"),
    ]
    cells = "".join(
        f'<tr><th scope="row">{what}</th><td><code>{escape(value)}</code></td></tr>' for what, value in rows
    )
    return f"<section><h2>How this was measured</h2><table>{cells}</table></section>"


def _intervals(result: Result) -> str:
    rows = "".join(map(_interval_row, result.series))
    head = "".join(
        f'<th class="number">{name}</th>' for name in ("from", "commands", "per second", "p50", "p99", "max")
    )
    return f"<section><details><summary>All intervals</summary><table><tr>{head}</tr>{rows}</table></details></section>"


def _interval_row(each: Interval) -> str:
    values = (
        f"{each.start_s:g} s",
        f"{each.commands:,}",
        f"{each.per_second:,.0f}",
        milliseconds(each.p50_ms),
        milliseconds(each.p99_ms),
        milliseconds(each.max_ms),
    )
    return "<tr>" + "".join(f'<td class="number">{value}</td>' for value in values) + "</tr>"


def _rate(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10_000 and value % 100 == 0 else f"{value:,.0f}"


def _tick_ms(value: float) -> str:
    return f"{value / 1000:g} s" if value >= 1000 else f"{value:g} ms"
