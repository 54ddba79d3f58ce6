"""The verdict finds what is planted: losses, doubles, lies, hits that are gone, faults that did not strike."""

from typing import Any

import pytest
from msgspec.structs import replace

from core.ids import shard_of
from faults.model import Strike
from faults.verdict import Evidence, LostHit, MissedFire, judge, late, merged

GOOD = Evidence(
    requests=10, acknowledged=8, refused=2, was_unknown=1, resent=1, busy=0, stored=10, hits=3, events=3, unanswered=[],
    contradictions=[], contradiction_count=0, lost=[], differing=[], doubled=[], unasked=[], violations=[], unjudged={},
    missed_fires=[],
    lost_hits=[], invented_hits=0, replay_exit=0,
)  # fmt: skip
SHARD = f"transaction-{shard_of('ann', 2)}"
OTHER = f"transaction-{1 - shard_of('ann', 2)}"


def killed(tier: str, time_ms: int = 1_000_000, hits: int = 1) -> Strike:
    return Strike(
        "kill", tier, time_ms, "it died", 900, 2_000, ((tier, 7),), hits, span_ms=(time_ms, time_ms + 900)
    )


def verdict(evidence: Evidence, *strikes: Strike) -> list[str]:
    return judge(evidence, strikes or (killed(SHARD),), ["kill"], shards=2)


def test_nothing_is_said_when_all_is_well() -> None:
    assert verdict(GOOD) == []


@pytest.mark.parametrize(
    "planted",
    [
        {"acknowledged": 0}, {"replay_exit": 1}, {"unanswered": [3]}, {"lost": [3]}, {"differing": [3]}, {"doubled": [3]},
        {"unasked": [11]}, {"contradiction_count": 1, "contradictions": ["[3] twice"]}, {"violations": ["i1_cash: wrong"]},
        {"invented_hits": 1},
    ],
    ids=lambda planted: next(iter(planted)),
)  # fmt: skip
def test_each_planted_wrong_is_found(planted: dict[str, Any]) -> None:
    (sentence,) = verdict(replace(GOOD, **planted))
    for value in planted.values():
        if isinstance(value, list):
            assert str(value[0]) in sentence


def test_a_fault_that_never_struck_is_told() -> None:
    assert judge(GOOD, [Strike("kill", SHARD, 1, "")], ["kill", "everything"], 2) == [
        "kill never struck",
        "everything never struck",
    ]


def test_a_strike_that_saw_something_wrong_is_told() -> None:
    (sentence,) = verdict(GOOD, replace(killed(SHARD), wrong="no reply"))
    assert "no reply" in sentence


@pytest.mark.parametrize(
    ("tier", "time_ms", "in_flight", "explained"),
    [
        (SHARD, 1_000_000, 1, True), ("trigger-0", 1_000_000, 1, True), ("quoteserver", 1_000_000, 1, True),
        (OTHER, 1_000_000, 1, False), ("webserver-0", 1_000_000, 1, False),
        (SHARD, 1_500_000, 1, False), (SHARD, 900_000, 1, False), (SHARD, 1_000_000, 0, False),
    ],
)  # fmt: skip
def test_a_lost_hit_needs_a_killed_carrier_with_hits_in_flight(
    tier: str, time_ms: int, in_flight: int, explained: bool
) -> None:
    evidence = replace(GOOD, lost_hits=[LostHit(1_000_000, "ABC", "ann")])
    assert (verdict(evidence, killed(tier, time_ms, in_flight)) == []) is explained


def test_more_hits_lost_than_were_in_flight() -> None:
    evidence = replace(GOOD, lost_hits=[LostHit(1_000_000, "ABC", "ann")] * 3)
    assert verdict(evidence, killed(SHARD, hits=3)) == []
    (sentence,) = verdict(evidence, killed(SHARD, hits=2))
    assert "only 2" in sentence


@pytest.mark.parametrize(("until_ms", "excused"), [(1_003_000, True), (1_003_600, False)])
def test_a_fire_may_wait_while_somebody_is_away_and_not_longer(until_ms: int, excused: bool) -> None:
    """The kill lasts 900 ms, and 500 more are allowed for looking anew."""
    missed = MissedFire(1_000_000, until_ms, "no fire")
    assert (verdict(replace(GOOD, missed_fires=[missed])) == []) is excused
    assert verdict(
        replace(GOOD, missed_fires=[missed]), replace(killed(SHARD), fault="cut"), killed(SHARD, 1)
    ) == ["no fire"]


def test_spans_are_merged() -> None:
    assert merged([(5, 7), (1, 3), (2, 4), (7, 9)]) == [(1, 4), (5, 9)]


def test_late_is_over_the_bound_only() -> None:
    on_time, over = replace(killed(SHARD), recovery_ms=2_000), replace(killed(SHARD), recovery_ms=2_001)
    assert late([on_time, over, Strike("cut", "", 1, "cut")]) == [over]
