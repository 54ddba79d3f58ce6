"""Becomes the program it is given, but one that the kernel stops when its parent dies. Run as a script, by path:

    python guard.py PARENT SIGNAL PROGRAM [ARGUMENT ...]

A parent that is killed with -9 can stop nobody, so the kernel has to (prctl PR_SET_PDEATHSIG, Linux; elsewhere the next
start stops what is left). A program of its own, not a preexec_fn: that one may deadlock in a parent with threads.
The signal is sent when the parent's *thread* ends, so a parent starts its children from a thread that lives as long as they.
"""

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, signal_number: int, argv: list[str]) -> None:
    """Replaces this process by `argv`; exits with 1 when the parent is dead already or there is no such program."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 (becoming that program is the point)
    except OSError as error:
        sys.exit(f"cannot run {argv[0]}: {error.strerror}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
