"""Percentiles and time series."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workload.measure import MAX_INTERVALS, Interval, Recorder, percentile

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


def test_a_series_counts_from_the_start_of_the_run() -> None:
    """The clock may stand anywhere; figures are rounded to what can be told: microseconds, milliseconds, a tenth a second."""
    start = 7_000 * MS
    recorder = Recorder()
    recorder.start(start)
    recorder.note(start + 12_345_678, [1_234_567, 10_000_000_499], [])
    recorder.note(start + 18 * MS, [], [])
    width_ms, [first, second] = recorder.series()
    assert width_ms == 10
    assert first == Interval(0.0, 0, 0.0, None, None, None)
    assert second == Interval(0.01, 2, 250.0, 1.235, 10_000.0, 10_000.0)


@pytest.mark.parametrize(
    ("span_ms", "width_ms"),
    [(1_200, 10), (1_201, 20), (2_400, 20), (7_200_000, 60_000), (7_200_001, 60_001), (7_320_000, 61_000)],
)
def test_the_width_of_an_interval_fits_the_run(span_ms: int, width_ms: int) -> None:
    recorder = Recorder()
    recorder.start(5 * MS)
    recorder.note((5 + span_ms) * MS, [MS], [])
    found, series = recorder.series()
    assert (found, len(series)) == (width_ms, -(-span_ms // width_ms))
    assert [each.commands for each in series] == [0] * (len(series) - 1) + [1]
    assert series[-1].start_s == round((len(series) - 1) * width_ms / 1000, 3)


def test_an_interval_that_was_hardly_begun_has_a_rate_that_means_something() -> None:
    recorder = Recorder()
    recorder.start(0)
    recorder.note(10 * MS + 1, [MS] * 3, [])
    assert recorder.series()[1][1].per_second == 3_000.0


def test_a_rate_is_told_to_a_tenth() -> None:
    recorder = Recorder()
    recorder.start(0)
    recorder.note(7 * MS, [MS] * 3, [])
    assert recorder.series()[1][0].per_second == 428.6


def test_errors_by_code() -> None:
    recorder = Recorder()
    recorder.note(1, [1, 1, 1], [b"", b"NOT_SET", b"NOT_SET"])
    recorder.note(2, [1], [b"BUSY"])
    assert recorder.errors == {"NOT_SET": 2, "BUSY": 1}


def test_nothing_recorded() -> None:
    recorder = Recorder()
    assert (recorder.start_ns, recorder.end_ns) == (0, 0)
    assert recorder.series() == (10, [])
    assert recorder.percentiles_ms() == (0.0, 0.0, 0.0)
    assert recorder.seconds == pytest.approx(0)
