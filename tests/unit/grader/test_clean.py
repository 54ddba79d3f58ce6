"""A right log has no violation, whatever random workload it comes from; and the report's figures are those of the log."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.check import check_log
from grader.report import Report, view
from tests.unit.grader.market import Market


def grade(market: Market, folder: Path, with_workload: bool = True) -> Report:
    log, workload = folder / "testLOG", folder / "workload.txt"
    log.write_bytes(market.xml())
    workload.write_text(market.workload())
    return check_log(log, workload if with_workload else None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), users=st.integers(2, 6), commands=st.integers(6, 300))
def test_right_log_is_clean(tmp_path: Path, seed: int, users: int, commands: int) -> None:
    market = Market(seed, users, commands)
    report = grade(market, tmp_path)
    assert report.exit_code == 0, report.to_text()
    assert not report.undecided, report.to_text()
    known = {user: view(account) for user, account in market.accounts.items()}
    assert report.accounts == known
