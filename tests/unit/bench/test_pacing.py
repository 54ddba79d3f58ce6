"""The open loop's timetable."""

from hypothesis import given
from hypothesis import strategies as st

from bench._pacing import Schedule


@given(st.floats(0.1, 1e6), st.integers(1, 10_000), st.floats(0, 100))
def test_nothing_leaves_early_and_nothing_due_is_kept(rate: float, count: int, elapsed_s: float) -> None:
    schedule = Schedule(rate, count)
    due = schedule.due(elapsed_s)
    assert 1 <= due <= count
    assert schedule.due_at_s(due - 1) <= elapsed_s + 1e-9
    assert due == count or schedule.due_at_s(due) >= elapsed_s - 1e-9


def test_at_the_end_all_have_left() -> None:
    assert Schedule(1000.0, 500).due(0.5) == 500
