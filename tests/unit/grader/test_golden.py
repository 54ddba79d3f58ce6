"""The log computed on paper: clean, with the balances and figures of the paper; and every rule of a user's or cut-off dump."""

import gzip
from pathlib import Path

import pytest

from grader.check import check_log
from grader.report import AccountView, Report
from tests.unit.grader.golden import LOG, WORKLOAD


def check(folder: Path, log: str, workload: str | None = WORKLOAD) -> Report:
    path, lines = folder / "testLOG", folder / "w.txt"
    path.write_text(log)
    lines.write_text(workload or "")
    return check_log(path, lines if workload is not None else None)


def without(*numbers: int) -> str:
    gone = tuple(f"<transactionNum>{number}</transactionNum>" for number in numbers)
    return "".join(line for line in LOG.splitlines(keepends=True) if not any(one in line for one in gone))


def test_balances_are_those_of_the_paper(tmp_path: Path) -> None:
    report = check(tmp_path, LOG)
    assert report.exit_code == 0, report.to_text()
    assert not report.undecided
    assert not report.warnings
    assert report.accounts == {
        "alice": AccountView(900_00, 0, {"ABC": (10, 0)}, [], [], {}, {}),
        "bob": AccountView(430_00, 0, {"ABC": (5, 2)}, [], [], {}, {"ABC": (40_00, 20_00, 14)}),
    }


def test_figures_are_those_of_the_paper(tmp_path: Path) -> None:
    figures = check(tmp_path, LOG).figures
    assert (figures.users, figures.commands, figures.events) == (2, 19, 41)
    assert (figures.quote_hits, figures.quote_cost_usd, figures.hits_per_floor) == (2, "0.10", 1.0)
    assert (figures.fires, figures.expiries, figures.trigger_hits) == (1, 1, 0)
    assert figures.seconds == 62.01
    assert figures.per_second == pytest.approx(19 / 62.01)
    assert figures.outcomes == {
        "OK": 15,
        "NOTHING_PENDING": 1,
        "TOO_SMALL": 1,
        "INSUFFICIENT_FUNDS": 1,
        "EXPIRED": 1,
    }
    assert figures.by_command["BUY"] == 5


def test_compressed(tmp_path: Path) -> None:
    path, lines = tmp_path / "testLOG.gz", tmp_path / "w.txt"
    path.write_bytes(gzip.compress(LOG.encode()))
    lines.write_text(WORKLOAD)
    assert check_log(path, lines).exit_code == 0
    path.write_bytes(gzip.compress(LOG.encode())[:-20])
    report = check_log(path, lines)
    assert "xml" in report.counts
    assert report.figures.commands > 10


def test_dump_need_not_show_its_own_command(tmp_path: Path) -> None:
    assert check(tmp_path, without(19)).exit_code == 0


def test_dump_of_a_dumplog_in_the_middle(tmp_path: Path) -> None:
    """What stands in the file after the DUMPLOG that wrote the log cannot be in it."""
    workload = WORKLOAD + "[20] ADD,alice,1.00\n[21] DUMPLOG,./late\n"
    assert check(tmp_path, LOG, workload).exit_code == 0
    assert check(tmp_path, without(19), workload).exit_code == 0


def test_lines_without_a_dumplog_after_them_must_be_there(tmp_path: Path) -> None:
    """A DUMPLOG that is refused writes no log."""
    workload = WORKLOAD.replace("DUMPLOG,./testLOG", "DUMPLOG,..") + "[20] ADD,alice,1.00\n"
    assert [one.number for one in check(tmp_path, without(19), workload).of("missing-command")] == [19, 20]


def test_earlier_dumplog_must_be_audited(tmp_path: Path) -> None:
    workload = WORKLOAD.replace("[19]", "[20]").replace("[3] QUOTE", "[19] DUMPLOG,./first\n[3] QUOTE")
    report = check(tmp_path, LOG.replace("<transactionNum>19<", "<transactionNum>20<"), workload)
    assert [one.number for one in report.of("missing-command")] == [19]


def test_a_user_s_dump(tmp_path: Path) -> None:
    """bob's prices stand under alice: undecided, and so are the other users' lines."""
    bob = "".join(
        line for line in LOG.splitlines(keepends=True) if "<username>" not in line or ">bob<" in line
    )
    bob = "".join(line for line in bob.splitlines(keepends=True) if "DUMPLOG" not in line)
    report = check(tmp_path, bob, None)
    assert report.exit_code == 0, report.to_text()
    assert any("one user's dump" in one.because for one in report.undecided)
    workload = WORKLOAD + "".join(f"[{number}] ADD,carol,1.00\n" for number in range(20, 30))
    report = check(tmp_path, bob, workload)
    assert report.exit_code == 0, report.to_text()
    assert any("one user's dump" in one.because for one in report.undecided)
    assert report.accounts["bob"].cash_cents == 430_00
    missing = "".join(line for line in bob.splitlines(keepends=True) if "<transactionNum>13<" not in line)
    assert [one.number for one in check(tmp_path, missing, workload).of("missing-command")] == [13]


def test_full_dump_of_a_single_user_is_decided(tmp_path: Path) -> None:
    """With a workload of this one user the log is whole, and a price without a hit is wrong."""
    bob = "".join(
        line for line in LOG.splitlines(keepends=True) if "<username>" not in line or ">bob<" in line
    )
    bob = "".join(line for line in bob.splitlines(keepends=True) if "DUMPLOG" not in line)
    workload = "".join(line for line in WORKLOAD.splitlines(keepends=True) if ",bob" in line)
    assert "price-unquoted" in check(tmp_path, bob, workload).counts


def test_other_session_cannot_be_compared(tmp_path: Path) -> None:
    """Numbers are unique within a session only: exit code 2, and it says why."""
    other = (
        "<userCommand><timestamp>1795000062020</timestamp><server>t0</server><transactionNum>1</transactionNum>"
        "<command>DISPLAY_SUMMARY</command><username>alice</username></userCommand>\n</log>"
    )
    report = check(tmp_path, LOG.replace("</log>", other))
    assert report.exit_code == 2, report.to_text()
    assert not report.comparable
    assert "another session" in report.to_text()
    assert check(tmp_path, LOG.replace("</log>", other), None).exit_code == 0


def test_violation_wins_over_other_session(tmp_path: Path) -> None:
    other = (
        "<userCommand><timestamp>1795000062020</timestamp><server>t0</server><transactionNum>77</transactionNum>"
        "<command>COMMIT_SELL</command><username>alice</username></userCommand>\n</log>"
    )
    report = check(tmp_path, LOG.replace("</log>", other))
    assert report.exit_code == 1
    assert not report.comparable


def test_first_violation_of_a_user_is_named_by_the_later_ones(tmp_path: Path) -> None:
    """Without alice's first ADD all that she does is refused by the oracle; bob is not touched."""
    report = check(tmp_path, without(1), None)
    assert all(one.user == "alice" for one in report.violations)
    assert len(report.violations) > 4
    assert sum(one.follows == 0 for one in report.violations) == 1
