"""Logs of other systems: no crash, their deviations named, and what they do not let one decide said so instead of guessed.

Each imitates a convention seen in logs of the course's teams; none is a copy of one.
"""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from grader.check import check_log
from grader.report import Report
from tests.unit.grader.golden import LOG, WORKLOAD
from tests.unit.grader.hand import command, error, hit, move, system

DERIVED = {
    "wrong-code", "accepted-wrongly", "refused-wrongly", "commit-expired", "commit-older", "move-wrong", "move-extra",
    "expiry-missing", "expiry-early", "expiry-unknown", "fire-unarmed", "fire-missing", "no-trigger-server",
}  # fmt: skip
ROUNDS = 12


def grade(folder: Path, events: list[str], workload: str | None = None) -> Report:
    log, lines = folder / "log.xml", folder / "w.txt"
    log.write_text("\n".join(["<?xml version='1.0' encoding='ASCII'?>", "<log>", *events, "</log>"]))
    lines.write_text(workload or "")
    report = check_log(log, lines if workload is not None else None)
    report.to_text()
    report.to_json()
    return report


def funded(user: str) -> list[str]:
    return [command(0, 1, "ADD", user, funds="9000.00"), move(0, 1, "add", user, "9000.00")]


def books_at_the_commit() -> list[str]:
    """Cash leaves at COMMIT_BUY, and the whole amount of it."""
    events = funded("u") + funded("v")
    for number in range(2, 2 + 2 * ROUNDS, 2):
        now = 100 * number
        events += [
            hit(now, number, "u", "S", "7.00"), command(now, number, "BUY", "u", "S", "50.00"),
            command(now + 1, number + 1, "COMMIT_BUY", "u"), move(now + 1, number + 1, "remove", "u", "50.00"),
        ]  # fmt: skip
    return events


def stamps_every_event_anew() -> list[str]:
    """Effects carry the time at which each was written."""
    events = funded("u") + funded("v")
    for number in range(2, 2 + ROUNDS):
        now = 1_000 * number
        events += [
            command(now, number, "ADD", "u", funds="10.00"), move(now + 7, number, "add", "u", "10.00"),
            command(now + 9, number, "SELL", "v", "S", "5.00"), error(now + 20, number, "SELL", "INSUFFICIENT_SHARES", "v"),
        ]  # fmt: skip
    return events


def writes_the_amount_as_price() -> list[str]:
    """A systemEvent for each BUY and trigger, whose funds are the command's own."""
    events = funded("u") + funded("v")
    for number in range(2, 2 + ROUNDS):
        now = 100 * number
        events += [
            command(now, number, "BUY", "u", "S", "50.00"),
            system(now, number, "BUY", "u", "S", "50.00"),
        ]
    return events


def knows_no_codes() -> list[str]:
    events = funded("u") + funded("v")
    for number in range(2, 2 + ROUNDS):
        refusal = error(100 * number, number, "COMMIT_BUY", "x", "u").replace("x: no", "No buy exists for u.")
        events += [command(100 * number, number, "COMMIT_BUY", "u"), refusal]
    return events


def has_another_clock() -> list[str]:
    """The quote server's clock is three minutes behind."""
    events = funded("u") + funded("v")
    for number in range(2, 2 + ROUNDS):
        now = 1_000 * number
        events += [
            hit(now, number, "u", "S", f"{number}.00", now - 180_000),
            command(now, number, "QUOTE", "u", "S"),
        ]
    return events


def logs_errors_alone() -> list[str]:
    """A refused command has an errorEvent and no userCommand."""
    events = funded("u") + funded("v")
    for number in range(2, 2 + ROUNDS):
        events.append(error(100 * number, number, "COMMIT_BUY", "NOTHING_PENDING", "u"))
    return events


@pytest.mark.parametrize(
    ("convention", "named", "because"),
    [
        (books_at_the_commit, {"move-missing"}, "book at the COMMIT"),
        (stamps_every_event_anew, {"one-time"}, "do not stand under their command"),
        (writes_the_amount_as_price, {"price-unquoted"}, "no price"),
        (knows_no_codes, {"error-code"}, "begin with no code"),
        (has_another_clock, set(), "two clocks"),
        (logs_errors_alone, {"stray-event"}, "do not stand under their command"),
    ],
)
def test_conventions(
    convention: Callable[[], list[str]], named: set[str], because: str, tmp_path: Path
) -> None:
    report = grade(tmp_path, convention())
    assert named <= set(report.counts), report.to_text()
    assert not DERIVED & set(report.counts), report.to_text()
    assert any(because in one.because for one in report.undecided), report.to_text()
    assert report.exit_code == (1 if named else 0)


def test_one_wrong_event_is_no_convention(tmp_path: Path) -> None:
    """The same deviation once is a violation with all that follows from it."""
    events = [*funded("u"), *funded("v"), hit(5, 2, "u", "S", "7.00"), command(5, 2, "BUY", "u", "S", "50.00"),
              command(6, 3, "COMMIT_BUY", "u"), move(6, 3, "remove", "u", "50.00")]  # fmt: skip
    assert set(grade(tmp_path, events).counts) == {"move-missing", "move-extra"}


FILLED = """<userCommand><timestamp>1613631314754</timestamp><server>WS</server><transactionNum>2</transactionNum>
<command>QUOTE</command><username>u</username><stockSymbol>S</stockSymbol><filename>./testLOG</filename><funds>0.0</funds>
</userCommand><quoteServer><timestamp>1613631054971</timestamp><server>QS</server><transactionNum>2</transactionNum>
<price>1.7</price><stockSymbol>S</stockSymbol><username>u</username><quoteServerTime>1613631054971</quoteServerTime>
<cryptokey>IoSL9vI+HJ5evxObdLS=
</cryptokey></quoteServer><accountTransaction><action>BUY</action><funds>252980.91000000003</funds>
<timestamp>1613631314755</timestamp><username>u</username></accountTransaction><userCommand><timestamp>1613631314.75</timestamp>
<server></server><transactionNum>None</transactionNum><command>Add</command><username>None</username><stockSymbol></stockSymbol>
<funds>None</funds></userCommand><debugEvent><timestamp>1</timestamp><userName>u</userName></debugEvent><systemEvent/>"""


def test_fields_of_every_wrong_kind(tmp_path: Path) -> None:
    report = grade(tmp_path, [FILLED])
    assert report.exit_code == 1
    assert report.counts["schema"] >= 14
    assert "time-order" in report.counts
    text = report.to_text()
    for wrong in ("'1.7'", "252980.91", "'None'", "<userName>", "'BUY'", "lacks"):
        assert wrong in text, wrong


def test_second_timestamps_are_named(tmp_path: Path) -> None:
    events = [event.replace("<timestamp>1795000", "<timestamp>1795") for event in funded("u") + funded("v")]
    assert "seconds" in grade(tmp_path, events).counts


def test_figures_of_a_log_that_breaks_everything(tmp_path: Path) -> None:
    figures = grade(tmp_path, [FILLED]).figures
    assert (figures.quote_hits, figures.quote_cost_usd, figures.commands) == (1, "0.05", 1)


def test_all_at_one_time(tmp_path: Path) -> None:
    """A log that counts time in days: everything together, and still in the order of the file."""
    events = [event for number in range(1, 400) for event in (command(0, number, "ADD", "u", funds="1.00"),
              move(0, number, "add", "u", "1.00"))]  # fmt: skip
    report = grade(tmp_path, [*events, *funded("v")])
    assert report.exit_code == 0, report.to_text()
    assert report.accounts["u"].cash_cents == 399_00
    assert report.figures.per_second is None


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 40))
def test_any_values_are_graded_without_a_crash(seed: int, changes: int, tmp_path: Path) -> None:
    """Values, fields and events of the golden log mixed up: a report, whatever it says."""
    rng = random.Random(seed)
    tree = etree.fromstring(LOG[LOG.index("<log>") :])
    values = [field.text or "" for event in tree for field in event]
    odd = ["", "0", "-1", "0.00", "None", "999999999999999999.99", "1e9", "x" * 300, "9999999999999", "ADD"]
    for _ in range(changes):
        event = rng.choice(tree)
        change = rng.randrange(5)
        if change == 0:
            event.tag = rng.choice(tree).tag
        elif change == 1 and len(event):
            event.remove(rng.choice(event))
        elif change == 2:
            tree.remove(event)
        elif change == 3:
            tree.insert(rng.randrange(len(tree)), etree.fromstring(etree.tostring(event)))
        elif len(event):
            rng.choice(event).text = rng.choice(values + odd)
    path, lines = tmp_path / "log.xml", tmp_path / "w.txt"
    path.write_bytes(etree.tostring(tree))
    lines.write_text(WORKLOAD)
    for workload in (None, lines):
        report = check_log(path, workload)
        assert report.to_text()
        assert report.to_json()
