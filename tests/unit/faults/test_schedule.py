"""The same seed gives the same faults; what was asked for is in it."""

from collections import Counter

import pytest

from faults.schedule import FAULTS, LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS, draw, length_s


def test_the_same_seed_gives_the_same_steps() -> None:
    assert draw(7, list(FAULTS), 20, 0) == draw(7, list(FAULTS), 20, 0)
    assert draw(7, list(FAULTS), 20, 0) != draw(8, list(FAULTS), 20, 0)


@pytest.mark.parametrize("seed", range(20))
def test_every_fault_comes_once_and_the_kills_go_round(seed: int) -> None:
    steps = draw(seed, list(FAULTS), 18, 0)
    assert Counter(step.fault for step in steps) == {**dict.fromkeys(FAULTS, 1), "kill": 18}
    targets = Counter(step.target for step in steps if step.fault == "kill")
    assert targets == dict.fromkeys(FAULTS["kill"].targets, 2)
    for step in steps:
        assert step.target in FAULTS[step.fault].targets
        assert SHORTEST_PAUSE_MS <= step.pause_ms <= LONGEST_PAUSE_MS


def test_minutes_are_filled() -> None:
    steps = draw(1, ["everything", "kill"], 1, 300)
    assert 300 <= length_s(steps) < 320
    assert {step.fault for step in steps} == {"everything", "kill"}


def test_a_fault_that_is_none() -> None:
    with pytest.raises(KeyError):
        draw(1, ["earthquake"], 0, 0)
