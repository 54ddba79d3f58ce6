"""The delay profiles against the figures of quote-server.md."""

from statistics import fmean

import pytest

from quotecache.legacy.delays import parse_delay

FIGURES = {0: 65.75, 1: 15.75, 2: 8.33, 3: 5.92, 4: 4.25}
"""Whole seconds: per cent of the 1,200 measured requests."""


def test_measured_delays_have_the_measured_distribution() -> None:
    delay = parse_delay("measured", seed=1)
    drawn = [delay(f"S{n % 500}", n // 500 + 1) for n in range(40_000)]
    for seconds, percent in FIGURES.items():
        share = 100 * sum(1 for ms in drawn if ms // 1000 == seconds) / len(drawn)
        assert abs(share - percent) < 0.6, seconds
    assert {ms % 1000 for ms in drawn} == set(range(7, 27))
    assert abs(fmean(drawn) - 680) < 20


def test_a_delay_depends_on_seed_symbol_and_place_only() -> None:
    one, other = parse_delay("measured", seed=1), parse_delay("measured", seed=1)
    forward = [one(symbol, 1) for symbol in ("A", "B", "C")]
    assert forward == [other(symbol, 1) for symbol in ("C", "B", "A")][::-1]
    again = parse_delay("measured", seed=2)
    assert [one("A", k) for k in range(1, 30)] != [again("A", k) for k in range(1, 30)]


def test_a_seed_means_the_same_delays_for_ever() -> None:
    """Measurements that name their seed can be done again."""
    delay = parse_delay("measured", seed=20_261_121)
    assert [delay("ABC", k) for k in range(1, 13)] == [
        2019, 16, 11, 21, 1009, 25, 1021, 22, 19, 14, 10, 2017,
    ]  # fmt: skip
    assert [delay(symbol, 1) for symbol in "ABCDEF"] == [17, 24, 15, 24, 1025, 9]


def test_none_and_fixed() -> None:
    assert parse_delay("none", 1)("A", 1) == 0
    assert parse_delay("fixed:250", 1)("A", 9) == 250
    assert parse_delay("fixed:60000", 1)("A", 1) == 60_000


@pytest.mark.parametrize(
    "text", ["", "slow", "fixed", "fixed:", "fixed:-1", "fixed:1.5", "fixed:60001", "fixed:1:2", "none:1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not none, measured or fixed:MS"):
        parse_delay(text, 1)
