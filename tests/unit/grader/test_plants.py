"""Every corruption planted into a right log is found, under its rule; the log without it is clean."""

import random
from copy import deepcopy
from pathlib import Path

import pytest

from grader.check import check_log
from grader.report import Report
from grader.rules import RULES
from tests.unit.grader import market
from tests.unit.grader.market import Market, render
from tests.unit.grader.planting import Plant
from tests.unit.grader.plants import PLANTS

PLANTED_EACH = 8
"""Different logs into which each corruption is planted."""
MAX_SEEDS = 400


@pytest.fixture(scope="module")
def markets() -> list[Market]:
    return [Market(seed, users=3, commands=160) for seed in range(40)]


def grade(folder: Path, log: bytes, workload: str | None) -> Report:
    path, lines = folder / "testLOG", folder / "workload.txt"
    path.write_bytes(log)
    if workload is not None:
        lines.write_text(workload)
    return check_log(path, lines if workload is not None else None)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_planted_corruption_is_found(plant: Plant, markets: list[Market], tmp_path: Path) -> None:
    planted = 0
    for seed, right in enumerate(markets):
        records = sorted(deepcopy(right.records), key=lambda one: (one.time_ms, one.user, one.sequence))
        if not plant(records, random.Random(seed)):
            continue
        assert render(records) != right.xml(), "nothing was planted"
        planted += 1
        report = grade(tmp_path, render(records), right.workload())
        assert report.exit_code == 1, f"seed {seed}: not found\n{report.to_text()}"
        assert set(PLANTS[plant]) & report.counts.keys(), f"seed {seed}: wrong rule\n{report.to_text()}"
        if planted == PLANTED_EACH:
            return
    pytest.fail(f"only {planted} logs had a place for it")


def test_unplanted_logs_are_clean(markets: list[Market], tmp_path: Path) -> None:
    for right in markets:
        report = grade(tmp_path, right.xml(), right.workload())
        assert report.exit_code == 0, report.to_text()


BUGS = {
    market.NO_TRIGGER_SERVER: "no-trigger-server",
    market.COMMIT_OLDEST: "commit-older",
    market.KEEP_EXPIRED: "commit-expired",
    market.EXPIRE_EARLY: "expiry-early",
    market.OLD_QUOTES: "price-stale",
    market.CACHE_AS_HIT: "key-reused",
}


@pytest.mark.parametrize("bug", BUGS)
def test_wrong_system_is_found(bug: str, tmp_path: Path) -> None:
    found = 0
    for seed in range(6):
        wrong = Market(seed, users=4, commands=400, bugs=frozenset({bug}))
        report = grade(tmp_path, wrong.xml(), wrong.workload())
        assert report.exit_code == 1, f"seed {seed}: not found\n{report.to_text()}"
        found += BUGS[bug] in report.counts
    assert found >= 4


def test_every_rule_has_a_plant() -> None:
    """A rule that nothing breaks in these tests is listed here with the test that breaks it."""
    elsewhere = {
        "xml",
        "empty",
        "stray-event",
        "fire-unarmed",
        "fire-unquoted",
        "fire-stale",
        "fire-too-small",
    }
    broken = {rule for rules in PLANTS.values() for rule in rules} | set(BUGS.values())
    assert set(RULES) - broken == elsewhere
