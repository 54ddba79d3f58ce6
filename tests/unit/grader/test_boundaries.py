"""What the log lets one decide to the millisecond: ages of quotes and pendings, the 2 s of a trigger, one timestamp a unit."""

from pathlib import Path

import pytest

from grader.report import Report
from tests.unit.grader.hand import command, error, grade, hit, move, system

LIFE = 60_000


def bought(at_ms: int, *, price: str = "10.00", quoted_ms: int = 0, hit_ms: int = 0) -> list[str]:
    """alice's ADD, bob's hit of S, and alice's BUY of 2 shares from the cache."""
    return [
        command(0, 1, "ADD", "alice", funds="100.00"), move(0, 1, "add", "alice", "100.00"),
        hit(hit_ms, 2, "bob", "S", price, quoted_ms), command(hit_ms, 2, "QUOTE", "bob", "S"),
        command(at_ms, 3, "BUY", "alice", "S", "25.00"), system(at_ms, 3, "BUY", "alice", "S", price),
        move(at_ms, 3, "remove", "alice", "20.00"),
    ]  # fmt: skip


@pytest.mark.parametrize(("age_ms", "rules"), [(LIFE, set()), (LIFE + 1, {"price-stale"})])
def test_age_of_a_cached_quote(age_ms: int, rules: set[str], tmp_path: Path) -> None:
    """It counts from quoteServerTime, not from the event that logged the hit."""
    assert grade(tmp_path, *bought(age_ms - 15, quoted_ms=-15)).counts.keys() == rules


@pytest.mark.parametrize(("age_ms", "rules"), [(LIFE, set()), (LIFE + 1, {"price-stale"})])
def test_age_of_the_own_hit(age_ms: int, rules: set[str], tmp_path: Path) -> None:
    report = grade(
        tmp_path, hit(0, 1, "bob", "S", "5.00"), command(age_ms, 1, "QUOTE", "bob", "S"), end(age_ms)
    )
    assert report.counts.keys() == rules


def test_quote_life_is_a_setting(tmp_path: Path) -> None:
    assert "price-stale" in grade(tmp_path, *bought(1_001), quote_life_ms=1_000).counts
    assert not grade(tmp_path, *bought(1_000), quote_life_ms=1_000).counts


def test_hit_of_the_same_millisecond_may_stand_later(tmp_path: Path) -> None:
    """A dump is ordered by time and then by account: the hit of another user can stand after its use."""
    events = bought(0)
    assert grade(tmp_path, *events[:2], *events[4:], *events[2:4]).exit_code == 0


def test_hit_a_millisecond_later_was_not_there(tmp_path: Path) -> None:
    events = bought(0, hit_ms=1)
    assert "price-unquoted" in grade(tmp_path, *events[:2], *events[4:], *events[2:4]).counts


def committed(at_ms: int) -> list[str]:
    return [*bought(0), command(at_ms, 4, "COMMIT_BUY", "alice")]


@pytest.mark.parametrize(
    ("age_ms", "rules"), [(LIFE, set()), (LIFE + 1, {"expiry-missing", "commit-expired"})]
)
def test_age_of_a_pending(age_ms: int, rules: set[str], tmp_path: Path) -> None:
    assert grade(tmp_path, *committed(age_ms)).counts.keys() == rules


def test_pending_life_is_a_setting(tmp_path: Path) -> None:
    assert grade(tmp_path, *committed(501), pending_life_ms=500).counts.keys() == {
        "expiry-missing",
        "commit-expired",
    }


@pytest.mark.parametrize(
    ("age_ms", "rules", "warnings"),
    [
        (LIFE, {"expiry-early"}, set()),
        (LIFE + 1, set(), set()),
        (LIFE + 1_000, set(), set()),
        (LIFE + 1_001, set(), {"expiry-late"}),
    ],
)
def test_time_of_an_expiry(age_ms: int, rules: set[str], warnings: set[str], tmp_path: Path) -> None:
    expiry = system(age_ms, 3, "CANCEL_BUY", "alice", "S"), move(age_ms, 3, "add", "alice", "20.00")
    report = grade(tmp_path, *bought(0), *expiry)
    assert (set(report.counts), set(report.warning_counts)) == (rules, warnings)


@pytest.mark.parametrize(("last_ms", "rules"), [(LIFE + 10_000, set()), (LIFE + 10_001, {"expiry-missing"})])
def test_expiry_missing_though_its_user_is_silent(last_ms: int, rules: set[str], tmp_path: Path) -> None:
    report = grade(tmp_path, *bought(0), command(last_ms, 9, "DISPLAY_SUMMARY", "bob"))
    assert report.counts.keys() == rules


def armed(price: str = "10.00", trigger: str = "10.00") -> list[str]:
    """alice's buy trigger on S, armed at 100 ms; the quote of bob's hit at 0 reaches it or not."""
    return [
        command(0, 1, "ADD", "alice", funds="100.00"), move(0, 1, "add", "alice", "100.00"),
        hit(0, 2, "bob", "S", price), command(0, 2, "QUOTE", "bob", "S"),
        command(100, 3, "SET_BUY_AMOUNT", "alice", "S", "25.00"), move(100, 3, "remove", "alice", "25.00"),
        command(100, 4, "SET_BUY_TRIGGER", "alice", "S", trigger),
    ]  # fmt: skip


def end(at_ms: int) -> str:
    return command(at_ms, 99, "DUMPLOG", file="testLOG")


def fired(at_ms: int, price: str = "10.00", rest: str = "5.00", number: int = 4) -> list[str]:
    return [
        system(at_ms, number, "SET_BUY_TRIGGER", "alice", "S", price),
        *([move(at_ms, number, "add", "alice", rest)] if rest else []),
    ]


def rules(report: Report) -> set[str]:
    return set(report.counts) - {"no-trigger-server"}


@pytest.mark.parametrize(("last_ms", "broken"), [(2_100, set()), (2_101, {"fire-missing"})])
def test_reached_for_two_seconds(last_ms: int, broken: set[str], tmp_path: Path) -> None:
    assert rules(grade(tmp_path, *armed(), end(last_ms))) == broken


def test_no_trigger_server_is_said_so(tmp_path: Path) -> None:
    report = grade(tmp_path, *armed(), end(5_000))
    assert report.counts == {"fire-missing": 1, "no-trigger-server": 1}
    assert not grade(tmp_path, *armed(), *fired(1_000), end(5_000)).counts


def test_not_reached(tmp_path: Path) -> None:
    assert not rules(grade(tmp_path, *armed("10.01"), end(30_000)))


def test_reserve_that_buys_no_share_need_not_fire(tmp_path: Path) -> None:
    assert not rules(grade(tmp_path, *armed("25.01", "30.00"), end(30_000)))


def test_cancelled_in_time(tmp_path: Path) -> None:
    cancel = command(2_100, 5, "CANCEL_SET_BUY", "alice", "S"), move(2_100, 5, "add", "alice", "25.00")
    assert not rules(grade(tmp_path, *armed(), *cancel, end(9_000)))


def test_cancelled_too_late(tmp_path: Path) -> None:
    cancel = command(2_101, 5, "CANCEL_SET_BUY", "alice", "S"), move(2_101, 5, "add", "alice", "25.00")
    assert rules(grade(tmp_path, *armed(), *cancel, end(9_000))) == {"fire-missing"}


def test_newer_quote_takes_the_reached_one_away(tmp_path: Path) -> None:
    newer = hit(2_000, 5, "bob", "S", "11.00"), command(2_000, 5, "QUOTE", "bob", "S")
    assert not rules(grade(tmp_path, *armed(), *newer, end(30_000)))


def test_two_quotes_in_a_row_that_reach_it(tmp_path: Path) -> None:
    newer = hit(1_500, 5, "bob", "S", "9.00"), command(1_500, 5, "QUOTE", "bob", "S")
    assert rules(grade(tmp_path, *armed(), *newer, end(2_101))) == {"fire-missing"}


def test_quote_that_dies_before_two_seconds(tmp_path: Path) -> None:
    """Armed 1.9 s before the quote's life ends."""
    report = grade(tmp_path, *armed(), end(30_000), quote_life_ms=2_000)
    assert not rules(report)
    assert "unwatched" not in report.warning_counts


def test_symbol_that_nobody_watches(tmp_path: Path) -> None:
    """An armed trigger, and no live quote of its symbol for over 30 s: nobody asks for one."""
    report = grade(tmp_path, *armed("10.01"), end(LIFE + 30_001))
    assert "unwatched" in report.warning_counts
    assert report.counts.keys() == {"no-trigger-server"}
    assert not grade(tmp_path, *armed("10.01"), end(LIFE + 30_000)).counts


def test_late_fire_is_a_warning(tmp_path: Path) -> None:
    report = grade(tmp_path, *armed(), *fired(2_101), end(9_000))
    assert (report.counts, report.warning_counts) == ({}, {"fire-late": 1})
    assert not grade(tmp_path, *armed(), *fired(2_100), end(9_000)).warning_counts


@pytest.mark.parametrize(
    ("fire", "broken"),
    [
        (fired(500, "10.00", ""), {"move-missing"}),
        (fired(500, "10.00", "5.01"), {"move-wrong"}),
        (fired(500, "10.01", "4.98"), {"fire-price", "fire-unquoted"}),
        (fired(500, "9.99", "5.02"), {"fire-unquoted"}),
        (fired(500, "10.00", number=3), {"fire-number"}),
        ([*fired(500), *fired(600)], {"fire-doubled"}),
        (fired(500) + fired(500), {"fire-doubled"}),
        (fired(50), {"fire-unarmed", "move-extra"}),
    ],
)
def test_wrong_fires(fire: list[str], broken: set[str], tmp_path: Path) -> None:
    events = armed()
    events = [*events[:4], *fire, *events[4:]] if fire == fired(50) else [*events, *fire]
    assert broken - {"move-extra"} <= set(grade(tmp_path, *events, end(1_000)).counts)


def test_fire_at_a_dead_quote(tmp_path: Path) -> None:
    report = grade(tmp_path, *armed(), *fired(1_001, "10.00"), end(2_000), quote_life_ms=1_000)
    assert set(report.counts) == {"fire-stale"}


def test_fire_that_buys_nothing(tmp_path: Path) -> None:
    report = grade(tmp_path, *armed("26.00", "30.00"), *fired(500, "26.00", "25.00"), end(1_000))
    assert set(report.counts) == {"fire-too-small"}


def test_number_that_armed_it_is_the_last_that_set_the_price(tmp_path: Path) -> None:
    moved = command(200, 5, "SET_BUY_TRIGGER", "alice", "S", "12.00")
    amount = (
        command(300, 6, "SET_BUY_AMOUNT", "alice", "S", "35.00"), move(300, 6, "add", "alice", "25.00"),
        move(300, 6, "remove", "alice", "35.00"),
    )  # fmt: skip
    right = [*armed(), moved, *amount, *fired(500, number=5), end(1_000)]
    assert not grade(tmp_path, *right).counts
    wrong = [*armed(), moved, *amount, *fired(500, number=4), end(1_000)]
    assert set(grade(tmp_path, *wrong).counts) == {"fire-number"}


def test_replaced_amount_moves_in_order(tmp_path: Path) -> None:
    amount = (
        command(300, 6, "SET_BUY_AMOUNT", "alice", "S", "35.00"), move(300, 6, "remove", "alice", "35.00"),
        move(300, 6, "add", "alice", "25.00"),
    )  # fmt: skip
    assert set(grade(tmp_path, *armed("11.00"), *amount).counts) == {"move-wrong"}


def test_effects_without_a_cause(tmp_path: Path) -> None:
    report = grade(tmp_path, move(0, 1, "add", "alice", "1.00"), error(0, 2, "ADD", "BAD_AMOUNT", "alice"))
    assert report.counts == {"stray-event": 2}


def test_fixed_prices_do_not_make_a_price_redundant(tmp_path: Path) -> None:
    """Two live hits of the same price: the systemEvent may mean the other one."""
    events = (
        hit(0, 1, "bob", "S", "10.00"), hit(1, 2, "alice", "S", "10.00"),
        command(2, 2, "QUOTE", "alice", "S"), system(2, 2, "QUOTE", "alice", "S", "10.00"),
        command(3, 1, "QUOTE", "bob", "S"),
    )  # fmt: skip
    report = grade(tmp_path, *events)
    assert (report.counts, report.warning_counts) == ({}, {"hit-unneeded": 1})


def test_unavailable_quotes_are_undecided(tmp_path: Path) -> None:
    refusal = command(0, 1, "QUOTE", "u", "S"), error(0, 1, "QUOTE", "QUOTE_UNAVAILABLE", "u", "S")
    report = grade(tmp_path, *refusal)
    assert report.exit_code == 0
    assert any("QUOTE_UNAVAILABLE" in one.what for one in report.undecided)
    poor = command(0, 1, "ADD", "u", funds="1.00"), move(0, 1, "add", "u", "1.00")
    buy = command(1, 2, "BUY", "u", "S", "5.00"), error(1, 2, "BUY", "QUOTE_UNAVAILABLE", "u", "S", "5.00")
    assert set(grade(tmp_path, *poor, *buy).counts) == {"wrong-code"}


def test_empty_log_is_no_pass(tmp_path: Path) -> None:
    assert set(grade(tmp_path).counts) == {"empty"}
