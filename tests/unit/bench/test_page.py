"""The measured part of the page."""

import pytest

from bench import _page
from bench._report import Grid, Report, Row

ROWS = [
    Row("rate <= 2 | x", "1.5", "0.75 x", True),
    Row("other", "9", "", False),
    Row("a figure", "7 ms", "", None),
]
REPORT = Report(
    "replay",
    "./daytrade bench replay",
    "a machine",
    "2026-11-21",
    ROWS,
    [Grid("Each", ["a"], [["1"]])],
    ["note"],
    None,
)
PAGE = f"# Top\n\n{_page.BEGIN}\nold\n{_page.END}\n\nBottom\n"


def test_only_what_is_between_the_marks_changes() -> None:
    text = _page.replaced(PAGE, [REPORT], "flames")
    assert text.startswith("# Top\n\n")
    assert text.endswith("\n\nBottom\n")
    assert "old" not in text
    assert _page.replaced(text, [REPORT], "flames") == text


def test_goals_are_counted_and_figures_are_no_goals() -> None:
    text = _page.replaced(PAGE, [REPORT], "flames")
    assert "1 of 2 goals are met. Machine: a machine." in text
    assert "| rate &lt;= 2 \\| x | 1.5 | 0.75 x | yes | `replay` |" in text
    assert "| other | 9 |  | MISSED | `replay` |" in text
    assert "- a figure: 7 ms" in text
    assert "`./daytrade bench replay` (2026-11-21)" in text


def test_flame_graphs_are_linked() -> None:
    profile = Report("profile", "c", "m", "t", [], [], ["100 users; trigger-8.svg, postgres-8.svg"], None)
    text = _page.replaced(PAGE, [profile], "flames")
    assert "- [postgres-8.svg](flames/postgres-8.svg), [trigger-8.svg](flames/trigger-8.svg)" in text


@pytest.mark.parametrize("page", ["nothing", PAGE + PAGE])
def test_a_page_without_the_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="once"):
        _page.replaced(page, [REPORT], "flames")
