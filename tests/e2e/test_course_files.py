"""The main job on the real course files: every line answered once, a log that passes every check, no hit too many."""

from pathlib import Path

import pytest
from lxml import etree

from db.check import check
from faults.accounts import accounts, still
from grader.check import check_log
from grader.report import AccountView, Report
from stack import hits
from stack.topology import Shape
from tests.e2e.conftest import SHARED, course_file, running
from workload.driver import load, replay_now

FILES = {"user1": 1, "user2": 20, "user10": 50, "user45": 100, "user100": 981}
"""Distinct symbols of each file: the most that a run may hit within a quote's life (quote-server.md)."""


@pytest.mark.slow
@pytest.mark.parametrize("window", [1, 64])
@pytest.mark.parametrize("name", FILES)
def test_a_course_file_is_replayed_right(name: str, window: int, tmp_path: Path) -> None:
    file = course_file(name)
    lines = file.read_text().splitlines()
    with running(Shape(delay="none", seed=7), tmp_path) as stack:
        result = replay_now(load(file), stack.state.balancer_address, window=window, keep_replies=True)
        counted = hits.count(stack.state)
        violations = check(stack.state.audit_url)
        final = still(stack.state.audit_url, tmp_path / "later")

    assert result.replies is not None
    numbers = sorted(int(reply[1 : reply.index(b"]")]) for reply in result.replies)
    assert numbers == list(range(1, len(lines) + 1)), "each line is answered once"
    assert violations == []
    assert 0 < counted <= FILES[name]
    assert result.audit_log is not None
    _assert_right(check_log(Path(result.audit_log), file), len(lines), counted)
    later = check_log(tmp_path / "later", file)
    _assert_right(later, len(lines), counted)
    assert {user: view for user, view in later.accounts.items() if view != _EMPTY} == final
    _assert_valid(Path(result.audit_log))


def test_a_negative_add_is_an_error_event_and_changes_nothing(tmp_path: Path) -> None:
    file = course_file("user10")
    line = next(line for line in file.read_text().splitlines() if ",-" in line)
    user = line.split(",")[1]
    number = int(line[1 : line.index("]")])
    with running(Shape(delay="none"), tmp_path) as stack:
        few = [f"[1] ADD,{user},10.00\n".encode(), line.encode() + b"\n", b"[10000] DUMPLOG,./testLOG"]
        result = replay_now(few, stack.state.balancer_address)
        final = accounts(stack.state.audit_url)
    assert result.errors == {"BAD_AMOUNT": 1}
    assert final[user].cash_cents == 1000
    assert result.audit_log is not None
    log = etree.parse(result.audit_log)
    events = [event for event in log.getroot() if event.findtext("transactionNum") == str(number)]
    assert [event.tag for event in events] == ["userCommand", "errorEvent"]
    assert [event.findtext("funds") for event in events] == ["-73280.58", "-73280.58"]
    assert (events[1].findtext("errorMessage") or "").startswith("BAD_AMOUNT")


_EMPTY = AccountView(0, 0, {}, [], [], {}, {})


def _assert_right(report: Report, commands: int, counted: int) -> None:
    assert report.comparable
    assert [str(violation) for violation in report.violations] == []
    assert report.figures.commands == commands
    assert report.figures.quote_hits == counted


def _assert_valid(log: Path) -> None:
    """Against the grading schema, as a stream."""
    schema = SHARED / "schema" / "logfile.xsd"
    parsed = etree.iterparse(str(log), events=("end",), schema=etree.XMLSchema(etree.parse(str(schema))))
    for _, element in parsed:
        if len(element) == 0:
            continue
        element.clear()
    assert not parsed.error_log
