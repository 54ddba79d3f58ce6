"""A stop signal is heard wherever it strikes: no lock may be taken in its handler that the interrupted code may hold."""

import os
import subprocess
import sys
import textwrap

from stack.state import ROOT

ROUNDS = 3000

WATCHING = f"""
    import signal, sys
    from pathlib import Path
    import stack.supervisor as module
    from stack.topology import Shape

    module._TICK_SECONDS = 0.0001
    supervisor = module.Supervisor(Path(sys.argv[1]), Shape(), {{}}, fresh=True)
    signal.signal(signal.SIGALRM, supervisor._told_to_stop)
    for round in range({ROUNDS}):
        supervisor._stopping = False
        signal.setitimer(signal.ITIMER_REAL, 0.0001 + round % 50 * 0.00001)
        supervisor._watch()
    print("heard", round + 1)
"""


def test_the_supervisor_hears_it_at_any_moment(tmp_path: os.PathLike[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(WATCHING), str(tmp_path)],
        capture_output=True, text=True, timeout=60, check=True, cwd=ROOT,
    )  # fmt: skip
    assert done.stdout == f"heard {ROUNDS}\n"
