"""Flame graphs out of stacks."""

import pytest
from lxml import etree

from bench import _flames

STACKS = _flames.folded("main (a.py:1);work (a.py:2) 3\nmain (a.py:1);rest (b.py:9) 1\n")


def test_folded_lines_are_stacks() -> None:
    assert STACKS == {("main (a.py:1)", "work (a.py:2)"): 3, ("main (a.py:1)", "rest (b.py:9)"): 1}


def test_waits_are_left_out_and_noise_too() -> None:
    text = "run (a.py:1);epoll_wait (libc.so.6) 9\nrun (a.py:1);Py_DECREF (object.h:5);0x7f (libc.so.6);send (libc.so.6) 2\n"
    assert _flames.folded(text) == {("run (a.py:1)", "send (libc.so.6)"): 2}


def test_perf_tells_the_innermost_first() -> None:
    text = "postgres \n\t 49cba0 array_map.isra.0\n\t 1f main (inlined)\n\npostgres \n\t 49cba0 array_map\n\t 1f main\n\n"
    assert _flames.of_perf(text) == {("main", "array_map"): 2}


def test_time_itself_and_with_calls() -> None:
    assert _flames.on_top(STACKS, 1) == [("work (a.py:2)", 0.75)]
    assert _flames.under(STACKS, 2) == [("main (a.py:1)", 1.0), ("work (a.py:2)", 0.75)]


def test_a_function_that_calls_itself_counts_once() -> None:
    assert _flames.under(_flames.folded("f;f;f 2"), 1) == [("f", 1.0)]


def test_width_is_time() -> None:
    root = etree.fromstring(_flames.svg("tier <x>", STACKS).encode())
    shares = {}
    for group in root.iter("{http://www.w3.org/2000/svg}g"):
        title, box = group[0], group[1]
        assert title.text is not None
        shares[title.text] = float(box.attrib["width"])
    assert set(shares) == {"main (a.py:1): 100.0%", "rest (b.py:9): 25.0%", "work (a.py:2): 75.0%"}
    assert abs(shares["work (a.py:2): 75.0%"] / 1200 - 0.75) < 0.01


def test_what_is_too_narrow_is_left_out() -> None:
    assert "rare" not in _flames.svg("x", _flames.folded("often 999\nrare 1"))


def test_nothing_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="no samples"):
        _flames.svg("x", {})
