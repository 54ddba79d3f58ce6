"""Charts stay inside their frame, whatever the values."""

import re

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from workload.chart import HEIGHT, WIDTH, Line, bar_rows, line_chart

VALUES = st.lists(st.one_of(st.none(), st.floats(0, 1e9, allow_subnormal=False)), max_size=30)


@given(VALUES, st.floats(1e-3, 1e5), st.booleans())
def test_everything_is_inside(values: list[float | None], seconds: float, is_log: bool) -> None:
    xs = [seconds * (i + 0.5) / len(values) for i in range(len(values))]
    line = Line("a<b", "rate", values, filled=True)
    svg = line_chart("t", xs, seconds, [line], "{:g}".format, is_log)
    root = etree.fromstring(svg)
    elements = list(root.iter())
    pairs = " ".join(each.get("points", "") for each in elements).split()
    xs_drawn = [float(pair.split(",")[0]) for pair in pairs] + floats(elements, "x", "x1", "x2", "cx")
    ys_drawn = [float(pair.split(",")[1]) for pair in pairs] + floats(elements, "y", "y1", "y2", "cy")
    assert all(0 <= x <= WIDTH for x in xs_drawn)
    assert all(0 <= y <= HEIGHT for y in ys_drawn)
    assert sum(each.tag == "rect" for each in elements) == len(values)
    assert 2 <= sum(each.tag == "line" for each in elements) <= 24


def floats(elements: list[etree._Element], *names: str) -> list[float]:
    return [float(value) for each in elements for name in names if (value := each.get(name)) is not None]


def test_gaps_split_a_line() -> None:
    svg = line_chart("t", [0, 1, 2, 3, 4], 5, [Line("a", "rate", [1, 2, None, 3, None])], "{:g}".format)
    assert svg.count("<polyline") == 1
    assert svg.count("<circle") == 1


def test_bars() -> None:
    html = bar_rows([("A", 200, "66 %"), ("<B>", 100, "33 %")])
    assert re.findall(r"width:([0-9.]+)%", html) == ["100.00", "50.00"]
    assert "&lt;B&gt;" in html
    assert bar_rows([]) == '<table class="bars"></table>'
