"""Profiles that follow a file."""

from pathlib import Path

import pytest

from quotecache.legacy import changing
from quotecache.legacy.faults import Faults


def test_a_delay_follows_its_file(tmp_path: Path) -> None:
    path = tmp_path / "delay"
    path.write_text("fixed:5\n")
    delay = changing.delay(f"file:{path}", seed=1)
    assert delay("A", 1) == 5
    path.write_text("fixed:4000\n")
    assert delay("A", 2) == 4000


def test_faults_follow_their_file_and_draw_as_ever(tmp_path: Path) -> None:
    path = tmp_path / "faults"
    path.write_text("")
    faults = changing.faults(f"file:{path}", seed=3)
    assert faults.draw("A", 1) is None
    path.write_text("refuse:0.5\n")
    plain = Faults.parse("refuse:0.5", 3)
    drawn = [faults.draw("A", k) for k in range(1, 50)]
    assert drawn == [plain.draw("A", k) for k in range(1, 50)]
    assert "refuse" in drawn


def test_without_a_file_they_are_what_they_were() -> None:
    assert changing.delay("fixed:7", 1)("A", 1) == 7
    assert changing.faults("hang:1", 1).draw("A", 1) == "hang"


def test_a_file_that_is_not_there_or_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        changing.delay(f"file:{tmp_path}/nowhere", 1)
    (tmp_path / "odd").write_text("sometimes")
    with pytest.raises(ValueError, match="sometimes"):
        changing.faults(f"file:{tmp_path}/odd", 1)
