"""How many users were held: the last crowd before the first that was too much."""

import pytest

from bench import _climb
from bench._climb import Level


def level(users: int, p95_ms: float, failures: int = 0, requests: int = 100) -> Level:
    return Level(users, requests, failures, 10.0, 1.0, p95_ms, 2 * p95_ms, 50.0)


@pytest.mark.parametrize(
    ("levels", "users"),
    [
        ([level(10, 50), level(20, 199), level(30, 201)], 20),
        ([level(10, 50), level(20, 200)], 20),
        ([level(10, 50), level(20, 300), level(30, 50)], 10),
        ([level(10, 50), level(20, 50, failures=1)], 10),
        ([level(10, 50), level(20, 0, requests=0)], 10),
        ([level(10, 300)], None),
        ([level(10, 50), Level(20, 100, 0, 10.0, 1.0, 50.0, 60.0, 50.0, missing=1)], 10),
        ([], None),
    ],
)
def test_held(levels: list[Level], users: int | None) -> None:
    found = _climb.held(levels, 200.0)
    assert (found.users if found else None) == users


def test_a_climb_that_ended_early_is_not_the_top() -> None:
    assert _climb.topped([level(10, 50), level(20, 300)], 200)
    assert not _climb.topped([level(10, 50)], 200)
    assert not _climb.topped([], 200)


def test_the_rate() -> None:
    assert level(10, 50).per_second == 10
