"""The price profiles against the figures of quote-server.md, each with a tolerance, on a fixed seed."""

from itertools import pairwise
from math import log
from statistics import fmean, median, quantiles

import pytest

from quotecache.legacy.prices import Last, listed, parse_file, parse_price
from tests.unit.quotecache.market import symbols

PAIRS = 14_700
"""So many consecutive pairs were measured."""


def walk(age_ms: int, hits: int, seed: int = 4, start: int | None = None) -> list[list[int]]:
    """For each of 100 symbols its prices in cents, the hits so far apart."""
    price = parse_price("walk", seed)
    walks = []
    for symbol in symbols(100):
        prices = [start or price(symbol, 1, None)]
        for k in range(2, hits + 2):
            prices.append(price(symbol, k, Last(prices[-1], age_ms)))
        walks.append(prices)
    return walks


def moves(walks: list[list[int]]) -> list[float]:
    """ln of each ratio; single cents at the bottom of the range are too coarse to show a median."""
    return [log(b / a) for prices in walks for a, b in pairwise(prices) if a > 300]


@pytest.mark.parametrize(
    ("age_ms", "low", "high"), [(0, 0.12, 0.14), (999, 0.12, 0.14), (60_001, 0.2, 0.3), (600_000, 0.2, 0.3)]
)
def test_moves_are_as_large_as_measured(age_ms: int, low: float, high: float) -> None:
    drawn = moves(walk(age_ms, PAIRS // 100))
    assert low <= median(map(abs, drawn)) <= high


def test_prices_move_at_every_hit_within_the_range_and_slightly_upward() -> None:
    walks = walk(60_001, 300)
    assert all(a != b for prices in walks for a, b in pairwise(prices))
    assert all(100 <= cents <= 499_900 for prices in walks for cents in prices)
    assert 0 < fmean(moves(walk(60_001, 12, start=10_000))) < 0.03


def test_resets_are_rare() -> None:
    jumps = [move for move in moves(walk(500, 200)) if abs(move) > 6 * 0.193]
    assert 0 < len(jumps) < 0.004 * 20_000


def test_first_prices_are_as_measured() -> None:
    price = parse_price("walk", seed=4)
    first = [price(symbol, 1, None) / 100 for symbol in symbols(5_000)]
    assert 26 <= median(first) <= 48
    assert 1_600 <= quantiles(first, n=10)[-1] <= 3_400
    assert min(first) >= 1
    assert max(first) <= 4_999


def test_two_runs_with_the_same_seed_agree_though_not_to_the_millisecond() -> None:
    assert walk(60_020, 20) == walk(61_500, 20)
    assert walk(60_020, 20) != walk(60_020, 20, seed=5)


def test_a_walk_at_the_end_of_the_range_turns_back() -> None:
    for cents in (100, 499_900):
        price = parse_price("walk", 1)
        assert all(
            100 <= price("ABC", k, Last(cents, 0)) <= 499_900 != cents for k in range(1, 500) if cents == 100
        )
        assert all(price("ABC", k, Last(cents, 0)) != cents for k in range(1, 500))


def test_fixed_prices() -> None:
    assert parse_price("fixed:1234", 1)("ABC", 7, Last(5, 0)) == 1234


def test_a_file_lists_prices_hit_by_hit() -> None:
    prices = parse_file("ABC,1.00,2.5,3\n\nxyz, 7.77\n")
    assert [listed(prices, "ABC", k) for k in (1, 2, 3, 4, 99)] == [100, 250, 300, 300, 300]
    assert listed(prices, "XYZ", 1) == 777
    assert listed(prices, "ZZZ", 5) == 1000


@pytest.mark.parametrize(
    "line", ["ABC", "ABC,", "ABC,0", "ABC,-1", "ABC,1e3", "ABCD,1", "A1,1", ",1", "OLD,2"]
)
def test_a_bad_line_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 of the price file"):
        parse_file(f"OLD,1\n{line}\n")


@pytest.mark.parametrize(
    "text", ["", "walk:1", "fixed:", "fixed:0", "fixed:1.5", "fixed:-3", "file:", "file", "random"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not walk, fixed:CENTS or file:F"):
        parse_price(text, 1)
