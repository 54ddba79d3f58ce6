"""What the delays alone cost, by hand."""

import pytest

from bench._bound import Needs, bound

DELAYS = {"A": 1.0, "B": 2.0, "C": 4.0}


@pytest.mark.parametrize(
    ("users", "window", "seconds"),
    [
        ([[]], 1, 0.0),
        ([[None, None]], 1, 0.0),
        ([["A", "B", "C"]], 1, 7.0),
        ([["A", "B", "C"]], 2, 5.0),  # B with A at 0, C when A is there
        ([["A", "B", "C"]], 3, 4.0),
        ([["A", "A", "A"]], 1, 1.0),
        ([["A", None, "C"]], 2, 5.0),  # C is sent when A is answered, at 1
        ([["B"], ["A", "B"]], 1, 2.0),  # one fetch of B for both
        ([["A", "B"], ["A", "C"]], 1, 5.0),
        ([[None, "C"], ["A"]], 1, 4.0),
    ],
)
def test_time_goes_by_only_in_fetches(users: list[Needs], window: int, seconds: float) -> None:
    assert bound(users, window, DELAYS.__getitem__).seconds == seconds


def test_a_wider_window_is_never_slower() -> None:
    users: list[Needs] = [["A", "C", None, "B", "D"], ["D", "A", "B"], ["C", "B"]]
    found = [bound(users, window, {**DELAYS, "D": 3.0}.__getitem__).seconds for window in range(1, 6)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1] == 4.0


@pytest.mark.parametrize(
    ("users", "window", "late"),
    [
        ([], 1, 0),
        ([[None, "C", None, None]], 1, 3),  # the first at once, the others at 4
        ([[None, "A", None, "C", None]], 1, 2),  # at 1, then at 5
        ([["C", None, None], ["A", "A"], [None]], 1, 3),
        ([["A", "C", "B", None], [None, "B"]], 4, 3),
    ],
)
def test_late_is_what_the_slowest_prices_hold_up(users: list[Needs], window: int, late: int) -> None:
    assert bound(users, window, DELAYS.__getitem__).late == late
