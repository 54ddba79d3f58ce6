"""Percentiles and time series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workload.measure import MAX_INTERVALS, Recorder, percentile

MS = 1_000_000


@given(st.lists(st.integers(0, 10**9), min_size=1), st.integers(1, 100))
def test_nearest_rank(values: list[int], percent: int) -> None:
    ordered = sorted(values)
    found = percentile(ordered, percent)
    assert sum(v <= found for v in values) * 100 >= percent * len(values)
    assert sum(v < found for v in values) * 100 < percent * len(values)


def test_known_percentiles() -> None:
    recorder = Recorder()
    recorder.start(5)
    recorder.note(5 + 100 * MS, [i * MS for i in range(1, 101)], [b""] * 100)
    assert recorder.percentiles_ms() == (50.0, 99.0, 100.0)
    assert recorder.seconds == 0.1


@given(st.lists(st.tuples(st.integers(0, 10**10), st.lists(st.integers(0, 10**9), max_size=5)), max_size=40))
def test_a_series_accounts_for_every_command(chunks: list[tuple[int, list[int]]]) -> None:
    recorder = Recorder()
    recorder.start(1000)
    now = 1000
    for step, latencies in chunks:
        now += step
        recorder.note(now, latencies, [])
    width_ms, series = recorder.series()
    assert sum(each.commands for each in series) == recorder.commands
    assert len(series) <= MAX_INTERVALS + 1
    assert [each.start_s for each in series] == [round(i * width_ms / 1000, 3) for i in range(len(series))]
    assert all((each.p50_ms is None) == (each.commands == 0) for each in series)
    assert max((each.max_ms or 0 for each in series), default=0) == recorder.percentiles_ms()[2]


def test_series_places_commands_where_they_were_answered() -> None:
    recorder = Recorder()
    recorder.start(0)
    recorder.note(5 * MS, [1 * MS] * 10, [])
    recorder.note(35 * MS, [2 * MS] * 20, [])
    width_ms, series = recorder.series()
    assert width_ms == 10
    assert [each.commands for each in series] == [10, 0, 0, 20]
    assert series[0].per_second == 1000
    assert series[3].per_second == 4000


def test_errors_by_code() -> None:
    recorder = Recorder()
    recorder.note(1, [1, 1, 1], [b"", b"NOT_SET", b"NOT_SET"])
    recorder.note(2, [1], [b"BUSY"])
    assert recorder.errors == {"NOT_SET": 2, "BUSY": 1}


def test_nothing_recorded() -> None:
    recorder = Recorder()
    assert recorder.series()[1] == []
    assert recorder.percentiles_ms() == (0.0, 0.0, 0.0)
    assert recorder.seconds == pytest.approx(0)
