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


def test_a_price_follows_its_file(tmp_path: Path) -> None:
    path, new = tmp_path / "prices", tmp_path / "prices.new"
    path.write_text("ABC,1.00,2.00\n")
    price = changing.price(f"file:{path}", seed=1)
    assert [price("ABC", 1, None), price("ABC", 2, None), price("XYZ", 1, None)] == [100, 200, 1000]
    new.write_text("ABC,7.50\n")
    new.rename(path)
    assert price("ABC", 3, None) == 750


def test_without_a_file_they_are_what_they_were() -> None:
    assert changing.delay("fixed:7", 1)("A", 1) == 7
    assert changing.faults("hang:1", 1).draw("A", 1) == "hang"
    assert changing.price("fixed:321", 1)("A", 1, None) == 321


def test_a_file_that_is_not_there_or_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        changing.delay(f"file:{tmp_path}/nowhere", 1)
    (tmp_path / "odd").write_text("sometimes")
    with pytest.raises(ValueError, match="sometimes"):
        changing.faults(f"file:{tmp_path}/odd", 1)
    with pytest.raises(ValueError, match="line 1 of the price file"):
        changing.price(f"file:{tmp_path}/odd", 1)
