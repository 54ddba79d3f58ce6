"""The fewest hits, beside a search that tries everything."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench._floor import Need, early, floor

LIFE_MS = 10


@pytest.mark.parametrize(
    ("needs", "hits"),
    [
        ([], 0),
        ([(5, 5)], 1),
        ([(5, 5), (15, 15)], 1),
        ([(5, 5), (16, 16)], 2),
        ([(0, 10)], 1),
        ([(0, 11)], 2),
        ([(0, 21)], 2),
        ([(0, 22)], 3),
        ([(0, 3), (12, 12)], 2),
        ([(0, 25), (5, 5)], 3),
    ],
)
def test_lives_that_cover_the_needs(needs: list[tuple[int, int]], hits: int) -> None:
    assert floor([Need("A", start, end) for start, end in needs], LIFE_MS) == hits


def test_each_symbol_needs_its_own() -> None:
    assert floor([Need("A", 5, 5), Need("B", 5, 5), Need("A", 6, 6)], LIFE_MS) == 2


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 6)), min_size=1, max_size=4))
def test_it_is_the_least(spans: list[tuple[int, int]]) -> None:
    life_ms = 3
    needs = [Need("A", start, start + length) for start, length in spans]
    moments = {at for need in needs for at in range(need.from_ms, need.to_ms + 1)}

    def suffices(hits: tuple[int, ...]) -> bool:
        return all(any(0 <= at - hit <= life_ms for hit in hits) for at in moments)

    found = floor(needs, life_ms)
    assert any(suffices(hits) for hits in combinations(range(21), found))
    assert not any(suffices(hits) for hits in combinations(range(21), found - 1))


def test_a_hit_is_early_while_the_one_before_it_lives() -> None:
    assert early([("A", 0), ("B", 5), ("A", 11)], LIFE_MS) == 0
    assert early([("A", 10), ("A", 0), ("A", 21)], LIFE_MS) == 1
