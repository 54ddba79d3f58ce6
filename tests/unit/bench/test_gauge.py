"""Costs and memory by tier: what belongs to whom, and that work is found where it was done."""

import os
import subprocess
import sys
import time

from bench import _gauge
from bench._gauge import Cost, Reading


def test_processes_of_a_kind_are_one_tier() -> None:
    assert [_gauge.tier_of(name) for name in ("transaction-0", "webserver-11", "postgres")] == [
        "transaction",
        "webserver",
        "postgres",
    ]


def test_what_a_tier_started_is_the_tiers() -> None:
    parents = [(10, 1), (11, 10), (12, 11), (20, 1), (21, 20), (30, 1)]
    assert _gauge.owners({10: "postgres", 20: "valkey"}, parents) == {
        10: "postgres",
        11: "postgres",
        12: "postgres",
        20: "valkey",
        21: "valkey",
    }


def test_a_root_under_a_root_keeps_its_own_tier() -> None:
    assert _gauge.owners({10: "supervisor", 11: "valkey"}, [(11, 10), (12, 11)]) == {
        10: "supervisor",
        11: "valkey",
        12: "valkey",
    }


def test_cost_is_the_difference() -> None:
    before = Reading(10.0, {"a": 1.0}, {"a": 5.0}, 100.0)
    after = Reading(12.0, {"a": 1.5, "b": 0.25}, {"a": 6.0}, 101.0)
    found = _gauge.cost(before, after)
    assert (found.seconds, found.cpu_s) == (2.0, {"a": 0.5, "b": 0.25})
    assert found.others_share == 0.25 / (2.0 * (os.cpu_count() or 1))


def test_microseconds_each() -> None:
    assert Cost(1.0, {"a": 0.5, "b": 0.25}, 0.0).us_per(1_000) == {"a": 500.0, "b": 250.0, "total": 750.0}


def test_work_is_found_where_it_was_done() -> None:
    """A child that works, through a grandchild that has ended too, is charged to its tier and not to us."""
    work = "import time\nwhile time.process_time() < 0.2: pass\n"
    program = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {work!r}])\n{work}input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as child:
        assert child.stdin is not None
        deadline = time.monotonic() + 20
        while (now := _gauge.read({child.pid: "worker"})).cpu_s["worker"] < 0.3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert now.memory_mb["worker"] > 1
        child.communicate(b"\n")
    assert _gauge.read({child.pid: "worker"}).cpu_s["worker"] == 0.0
