"""Reports: what is met, and that the command printed is the one to type."""

import pytest

from bench import _report
from bench._report import Row


@pytest.mark.parametrize(
    ("value", "least", "most"), [(1.9, False, True), (2.0, True, True), (2.1, True, False)]
)
def test_a_limit_that_is_reached_is_met(value: float, least: bool, most: bool) -> None:
    assert _report.at_least("goal", value, 2.0, "m").met is least
    assert _report.at_most("goal", value, 2.0, "m").met is most


def test_the_table_says_missed() -> None:
    rows = [Row("a", "1", "", True), Row("b", "2", "0.5 x", False), Row("c", "3", "", None)]
    assert _report.goals(rows).rows == [
        ["a", "1", "", "yes"],
        ["b", "2", "0.5 x", "MISSED"],
        ["c", "3", "", ""],
    ]


@pytest.mark.parametrize("where", [["--json", "out"], ["--json=out"]])
def test_where_it_went_is_no_part_of_the_command(where: list[str]) -> None:
    assert _report.without_json(["file", *where, "--runs", "1"]) == ["file", "--runs", "1"]
