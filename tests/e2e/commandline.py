"""The command line as a program, with a state directory of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from stack import state
from stack.process import Identity
from stack.state import ROOT


def _heed_interrupts() -> None:
    """A shell lets what it starts in the background ignore Ctrl-C; the tests may have been started so."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Command:
    """The command line with a state directory of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.env = {**os.environ, "DAYTRADE_STATE_DIR": str(directory), "PYTHONPATH": str(ROOT)}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "stack.cli", *arguments],
            cwd=ROOT,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=_heed_interrupts,  # noqa: PLW1509 (no lock is taken in it)
        )

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def parts(self) -> dict[str, Identity]:
        now = state.read(self.directory)
        return {part.name: part.process for part in now.parts if part.process} if now else {}
