"""The part of docs/performance.md that is measured: reports in, Markdown out. Pure."""

import re
from collections.abc import Sequence
from typing import Final

from bench._report import Grid, Report, goals

BEGIN: Final = "<!-- measured: written by ./daytrade bench all --page -->"
END: Final = "<!-- end of what is measured -->"
_BLOCK: Final = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)


def replaced(page: str, reports: Sequence[Report], picture: str) -> str:
    """The page with what is between the marks written anew. Raises ValueError when the marks are not there.

    `picture`: where the flame graphs lie, seen from the page.
    """
    block = f"{BEGIN}\n\n{_block(reports, picture)}\n{END}"
    text, count = _BLOCK.subn(lambda _: block, page)
    if count != 1:
        raise ValueError(f"the page needs {BEGIN!r} and {END!r} once")
    return text


def _block(reports: Sequence[Report], picture: str) -> str:
    """The table of goals of all of them, then each with its tables."""
    rows = [[*row, f"`{report.name}`"] for report in reports for row in goals(report.rows).rows if row[3]]
    met = sum(row[3] == "yes" for row in rows)
    machines = dict.fromkeys(report.machine for report in reports)
    parts = [
        f"{met} of {len(rows)} goals are met. Machine: {'; '.join(machines)}.\n",
        _table(["goal", "measured", "ratio", "met", "benchmark"], rows),
        *(_section(report, picture) for report in reports),
    ]
    return "\n".join(parts)


def _section(report: Report, picture: str) -> str:
    grids = "\n".join(f"{grid.title}:\n\n{_grid(grid)}" for grid in report.grids)
    notes = "".join(f"- {note}\n" for note in report.notes)
    figures = [row for row in report.rows if row.met is None]
    others = "".join(
        f"- {row.goal}: {' '.join(filter(None, (row.measured, row.ratio)))}\n" for row in figures
    )
    links = _links(report, picture)
    return f"### {report.name}\n\n`{report.command}` ({report.started_at})\n\n{notes}{others}{links}\n{grids}"


def _links(report: Report, picture: str) -> str:
    """Profiles are pictures."""
    if report.name != "profile":
        return ""
    names = sorted(re.findall(r"[a-z]+-\d+\.svg", " ".join(report.notes)))
    return "- " + ", ".join(f"[{name}]({picture}/{name})" for name in names) + "\n"


def _grid(grid: Grid) -> str:
    return _table(grid.columns, grid.rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")
