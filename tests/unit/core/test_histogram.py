"""Counting by bounds, against counting by hand."""

from hypothesis import given
from hypothesis import strategies as st

from core.histogram import SECONDS, SIZES, Histogram


@given(st.lists(st.integers(-1, 12), max_size=60))
def test_an_observation_is_counted_at_the_smallest_bound_that_it_does_not_exceed(numbers: list[int]) -> None:
    counted = Histogram([2, 5, 9])
    for number in numbers:
        counted.observe(number)
    by_hand = [
        sum(number <= 2 for number in numbers),
        sum(2 < number <= 5 for number in numbers),
        sum(5 < number <= 9 for number in numbers),
        sum(number > 9 for number in numbers),
    ]
    assert counted.counts == by_hand
    assert counted.total == sum(numbers)
    assert counted.bounds == (2, 5, 9)


def test_the_bounds_rise() -> None:
    for bounds in (SECONDS, SIZES):
        assert list(bounds) == sorted(set(bounds))
