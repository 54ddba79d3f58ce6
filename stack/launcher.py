"""Starts and stops stacks that run in a process of their own: a lasting one in the background, or one for a single use."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from stack import state
from stack.errors import StackError
from stack.process import Child, Launch, wait_until
from stack.state import ROOT, State
from stack.supervisor import stop_left_behind
from stack.topology import Shape

_START_SECONDS: Final = 120.0
_STOP_SECONDS: Final = 120.0


@dataclass(frozen=True)
class Stack:
    """A running stack's folder."""

    directory: Path

    @property
    def state(self) -> State:
        """What it says about itself now. Raises StackError when it is gone."""
        now = state.read(self.directory)
        if now is None:
            raise StackError(
                f"The stack in {self.directory} has ended: look into its logs, then start it again."
            )
        return now

    def wait_all_up(self, seconds: float) -> bool:
        """Whether every part was up within that time."""
        return wait_until(lambda: self.state.all_up, seconds)


@contextlib.contextmanager
def throw_away(
    shape: Shape, environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Iterator[Stack]:
    """A stack with empty data for the length of a `with`. What DUMPLOG wrote goes too, unless DAYTRADE_LOG_DIR is elsewhere.

    Its folder goes with it, but stays when something went wrong: the error says where.

    `environ` (ours, unless given) is what the tiers see besides their own settings; `directory` an empty folder that is there
    already, instead of one in the system's temporary folder. Raises StackError, also when it did not stop cleanly.
    """
    directory = directory or Path(tempfile.mkdtemp(prefix="daytrade-"))
    launch = Launch(
        argv=_argv(directory, shape, "--fresh"),
        log=directory / "supervisor.log",
        env=_env(os.environ if environ is None else environ),
        cwd=ROOT,
    )
    child = Child(launch)
    try:
        child.wait_ready(lambda: _is_ready(directory), _START_SECONDS)
        yield Stack(directory)
    except BaseException:
        child.stop(signal.SIGTERM, _STOP_SECONDS)
        raise
    if child.stop(signal.SIGTERM, _STOP_SECONDS):
        raise StackError(child.log_tail())


def start_detached(directory: Path, shape: Shape) -> State:
    """Starts the lasting stack in the background and waits until it is ready. Raises StackError."""
    if state.read(directory):
        raise StackError(f"A stack runs in {directory} already: stop it with `./daytrade down`.")
    state.make(directory)
    log = directory / "supervisor.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _argv(directory, shape),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_env(os.environ),
            cwd=ROOT,
            start_new_session=True,
        )
    wait_until(lambda: process.poll() is not None or _is_ready(directory), _START_SECONDS)
    if process.poll() is not None:
        raise StackError(
            log.read_text("utf-8", "replace").strip()
            or f"The stack ended at once: look into {directory}/logs."
        )
    now = state.read(directory)
    if now is None or not now.ready:
        process.terminate()
        raise StackError(f"The stack was not ready after {_START_SECONDS:.0f} s: look into {directory}/logs.")
    return now


def stop(directory: Path) -> bool:
    """Stops the lasting stack, or what a killed supervisor left of it. False when there was nothing to stop."""
    last = state.read_last(directory)
    if last is None:
        return False
    last.supervisor.signal(signal.SIGTERM)
    if not last.supervisor.wait_gone(_STOP_SECONDS):
        raise StackError(
            f"The supervisor (process {last.supervisor.pid}) does not stop: look into {directory}/logs."
        )
    with state.lock(directory):
        stop_left_behind(directory)
    return True


def _is_ready(directory: Path) -> bool:
    now = state.read(directory)
    return now is not None and now.ready


def _argv(directory: Path, shape: Shape, *options: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "stack.supervisor",
        str(directory),
        msgspec.json.encode(shape).decode(),
        *options,
    ]


def _env(environ: Mapping[str, str]) -> dict[str, str]:
    return {**environ, "PYTHONPATH": str(ROOT)}
