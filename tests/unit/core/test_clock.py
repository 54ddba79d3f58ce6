"""The clock that a test may step."""

import time
from pathlib import Path

import pytest

from core.clock import CLOCK_FILE, SystemClock, set_step


def test_without_a_file_it_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CLOCK_FILE, raising=False)
    before_ms = time.time_ns() // 1_000_000
    assert before_ms <= SystemClock().now_ms() <= time.time_ns() // 1_000_000


def test_the_wall_clock_steps_and_the_monotonic_one_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "step"
    set_step(path, 0)
    monkeypatch.setenv(CLOCK_FILE, str(path))
    clock = SystemClock()
    for step_ms in (90_000, -90_000, 0):
        monotonic_ms = clock.monotonic_ms()
        set_step(path, step_ms)
        assert clock.now_ms() - time.time_ns() // 1_000_000 == pytest.approx(step_ms, abs=1_000)
        assert 0 <= clock.monotonic_ms() - monotonic_ms < 1_000


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CLOCK_FILE, str(tmp_path / "none"))
    with pytest.raises(OSError, match="none"):
        SystemClock()
