"""What a tier's processes use together, from real ones."""

import os
import subprocess
import sys

from core.processes import Processes, children


def reading() -> dict[str, float]:
    return {metric.name: metric.samples[0].value for metric in Processes("daytrade").collect()}


def test_children_are_counted_with_their_parent() -> None:
    before = reading()
    program = "x = bytearray(64 * 1024 * 1024)\nx[::4096] = b'1' * len(x[::4096])\nprint(flush=True)\ninput()"
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    try:
        assert child.pid in children(os.getpid())
        during = reading()
    finally:
        child.communicate(b"\n")
    assert (
        during["daytrade_process_resident_memory_bytes"]
        > before["daytrade_process_resident_memory_bytes"] + 60 * 1024**2
    )
    assert during["daytrade_process_open_fds"] > before["daytrade_process_open_fds"]
    for name in ("daytrade_process_start_time_seconds", "daytrade_process_max_fds"):
        assert during[name] == before[name]
    assert child.pid not in children(os.getpid())


def test_a_process_that_is_gone_counts_for_nothing() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert children(child.pid) == []
    assert not Processes("daytrade")._of(child.pid)
