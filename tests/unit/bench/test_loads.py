"""Workloads of the benchmarks: the closing dump apart, everything else as it was."""

from pathlib import Path

from bench import _loads


def test_the_closing_dump_is_apart() -> None:
    load = _loads.split("x", [b"[1] ADD,u,1.00\n[2] DUMP", b"LOG,./log\n"])
    assert (load.lines, load.dump) == ([b"[1] ADD,u,1.00\n"], b"[2] DUMPLOG,./log\n")
    assert load.commands.total == 1


def test_a_users_dump_is_a_command() -> None:
    load = _loads.split("x", [b"[1] ADD,u,1.00\n[2] DUMPLOG,u,./log\n"])
    assert (len(load.lines), load.dump) == (2, None)


def test_a_dump_in_the_middle_stays() -> None:
    assert _loads.split("x", [b"[1] DUMPLOG,./log\n[2] ADD,u,1.00\n"]).dump is None


def test_a_crowd_is_complete() -> None:
    load = _loads.crowd(3, 50)
    assert (len(load.lines), load.commands.user_count) == (49, 3)
    assert load.dump == b"[50] DUMPLOG,./testLOG\n"


def test_a_file_that_is_named_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"[7] QUOTE,u,ABC\n")
    assert _loads.course(tmp_path / "mine").lines == [b"[7] QUOTE,u,ABC\n"]
