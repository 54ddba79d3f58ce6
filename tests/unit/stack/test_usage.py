"""Processor time and memory of a program and its children."""

import os
import subprocess
import sys

from stack.usage import usage

_WITH_A_CHILD = """
import subprocess, sys
holds = "held = bytearray(50_000_000); print(len(held), flush=True); input()"
child = subprocess.Popen([sys.executable, "-c", holds], stdin=subprocess.PIPE)
while sum(range(100_000)) and __import__("time").process_time() < 0.3:
    pass
print("ready", flush=True)
input()
child.communicate(b"\\n")
"""


def test_children_count_and_strangers_do_not() -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", _WITH_A_CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    assert {program.stdout.readline().strip(), program.stdout.readline().strip()} == {"50000000", "ready"}
    found = usage([program.pid, os.getpid()])
    alone = usage([os.getpid()])[os.getpid()]
    assert found[program.pid].memory_bytes > 50_000_000
    assert 0.25 <= found[program.pid].cpu_s < 20
    assert found[os.getpid()].cpu_s >= found[program.pid].cpu_s, "it is our child"
    program.communicate("\n")
    assert alone.cpu_s > 0


def test_who_does_not_run_has_no_usage() -> None:
    program = subprocess.Popen([sys.executable, "-c", ""])
    program.wait()
    assert usage([program.pid]) == {}
