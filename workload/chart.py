"""Line and bar charts as inline SVG. Colours come from the page's CSS variables, so that a chart follows light and dark."""

from collections.abc import Callable, Sequence
from html import escape
from math import ceil, floor, log10

from msgspec import Struct

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 34
MAX_DECADES = 8
"""Of a logarithmic scale; what is smaller lies on its floor."""


class Line(Struct, frozen=True):
    """One line of a chart: a value for each x, None where there is a gap."""

    name: str
    css_class: str
    values: Sequence[float | None]
    filled: bool = False


class _Scale(Struct, frozen=True):
    """From values to heights, with the values that get a grid line."""

    low: float
    high: float
    ticks: list[float]
    is_log: bool

    def y(self, value: float) -> float:
        """Pixels from the top."""
        low, high, value = self.low, self.high, max(value, self.low)
        if self.is_log:
            low, high, value = log10(low), log10(high), log10(value)
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def line_chart(
    title: str,
    xs: Sequence[float],
    end_x: float,
    lines: Sequence[Line],
    unit: Callable[[float], str],
    is_log: bool = False,
) -> str:
    """A chart of values over seconds, each drawn at its x, with a tooltip for every x. `unit` writes a value."""
    values = [value for line in lines for value in line.values if value is not None]
    scale = _log_scale(values) if is_log else _linear_scale(values)
    right = end_x or 1.0

    def x_of(x: float) -> float:
        return LEFT + x / right * (WIDTH - LEFT - RIGHT)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    parts += [_grid_line(scale.y(tick), unit(tick)) for tick in scale.ticks]
    parts += [_x_label(x_of(tick), tick) for tick in _nice_ticks(right, 8)]
    for line in lines:
        points = [None if v is None else (x_of(x), scale.y(v)) for x, v in zip(xs, line.values, strict=True)]
        parts += [_run(run, line, scale.y(scale.low)) for run in _runs(points)]
    parts += _tooltips(xs, right, x_of, lines, unit)
    return "".join([*parts, "</svg>"])


def bar_rows(rows: Sequence[tuple[str, int, str]]) -> str:
    """Horizontal bars as a table: (name, count, remark)."""
    most = max((count for _, count, _ in rows), default=1)
    cells = (
        f'<tr><th scope="row">{escape(name)}</th><td class="number">{count:,}</td>'
        f'<td class="number dim">{escape(remark)}</td>'
        f'<td class="bar"><span style="width:{100 * count / most:.2f}%"></span></td></tr>'
        for name, count, remark in rows
    )
    return f'<table class="bars">{"".join(cells)}</table>'


def _linear_scale(values: Sequence[float]) -> _Scale:
    ticks = _nice_ticks(max(values, default=0.0) or 1.0, 5)
    step = ticks[1] - ticks[0]
    high = max(ticks[-1], ceil(max(values, default=0.0) / step) * step)
    ticks = [step * i for i in range(round(high / step) + 1)]
    return _Scale(0.0, high, ticks, is_log=False)


def _log_scale(values: Sequence[float]) -> _Scale:
    positive = [value for value in values if value > 0] or [1.0]
    low, high = floor(log10(min(positive))), ceil(log10(max(positive)))
    low, high = max(low, high - MAX_DECADES), max(high, low + 1)
    return _Scale(10.0**low, 10.0**high, [10.0**power for power in range(low, high + 1)], is_log=True)


def _nice_ticks(high: float, count: int) -> list[float]:
    """0 and multiples of 1, 2 or 5 times a power of ten up to `high`, at least two and about `count` of them."""
    raw = high / count
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw)
    return [step * i for i in range(max(1, floor(high / step + 1e-9)) + 1)]


def _runs(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _run(run: list[tuple[float, float]], line: Line, floor_y: float) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in run)
    if len(run) == 1:
        return f'<circle class="dot {line.css_class}" cx="{run[0][0]:.1f}" cy="{run[0][1]:.1f}" r="2.5"/>'
    area = ""
    if line.filled:
        corners = f"{run[0][0]:.1f},{floor_y:.1f} {path} {run[-1][0]:.1f},{floor_y:.1f}"
        area = f'<polygon class="area {line.css_class}" points="{corners}"/>'
    return f'{area}<polyline class="line {line.css_class}" points="{path}"/>'


def _grid_line(y: float, label: str) -> str:
    return (
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
    )


def _x_label(x: float, seconds: float) -> str:
    if x > WIDTH - RIGHT + 1:
        return ""
    return f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 12}" text-anchor="middle">{seconds:g} s</text>'


def _tooltips(
    xs: Sequence[float],
    right: float,
    x_of: Callable[[float], float],
    lines: Sequence[Line],
    unit: Callable[[float], str],
) -> list[str]:
    """Invisible columns, one an x, that show its values when pointed at."""
    width = (WIDTH - LEFT - RIGHT) / max(1, len(xs))
    columns = []
    for index, x in enumerate(xs):
        shown = [(line.name, line.values[index]) for line in lines]
        text = f"at {x:.2f} s" + "".join(f"\n{n}: {'–' if v is None else unit(v)}" for n, v in shown)
        left = min(max(LEFT, x_of(x) - width / 2), x_of(right))
        columns.append(
            f'<rect class="hover" x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}">'
            f"<title>{escape(text)}</title></rect>"
        )
    return columns
