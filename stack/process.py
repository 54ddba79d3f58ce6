"""Child processes: started so that they do not outlive us, recognised again by a later start, stopped for certain."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import msgspec

from stack.errors import StartFailed

_GUARD: Final = Path(__file__).with_name("guard.py")
_LOG_TAIL_LINES: Final = 12
_LOG_TAIL_BYTES: Final = 8192


class Identity(msgspec.Struct, frozen=True):
    """One certain process: a number alone may have been given to another program since."""

    pid: int
    started: str
    """When it started, in the machine's own words (Linux: boot and clock tick)."""

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this number now; None when there is none, or only its remains (a zombie)."""
        started = _started_linux(pid) if sys.platform == "linux" else _started_elsewhere(pid)
        return cls(pid, started) if started else None

    @property
    def alive(self) -> bool:
        """Whether that very process still runs."""
        return Identity.of(self.pid) == self

    def signal(self, number: int) -> None:
        """Sends the signal if that very process still runs."""
        if self.alive:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def wait_gone(self, seconds: float) -> bool:
        """Whether it ended within that time; for processes that are not our children."""
        return wait_until(lambda: not self.alive, seconds)


def _started_linux(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat[stat.rindex(")") + 2 :].split()  # the program's name before it may hold anything
    if fields[0] in {"Z", "X"}:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot} {fields[19]}"


def _started_elsewhere(pid: int) -> str | None:
    shown = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Whether the condition came true within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


@dataclass(frozen=True)
class Launch:
    """How a program is started. Its output goes to the end of `log`."""

    argv: Sequence[str]
    log: Path
    env: Mapping[str, str]
    cwd: Path
    orphan_signal: int = signal.SIGTERM
    """What it gets when we die."""


class Child:
    """A running program, in a session of its own: Ctrl-C reaches us only, and we stop the others in order."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._log_start = launch.log.stat().st_size if launch.log.exists() else 0
        guard = [
            sys.executable,
            "-I",
            "-S",
            str(_GUARD),
            str(os.getpid()),
            str(int(launch.orphan_signal)),
        ]
        with launch.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [*guard, *launch.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(launch.env),
                cwd=launch.cwd,
                start_new_session=True,
            )
        self.identity = Identity.of(self._popen.pid) or Identity(self._popen.pid, "")

    @property
    def pid(self) -> int:
        return self._popen.pid

    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._popen.poll()

    def signal(self, number: int) -> None:
        """Sends the signal; nothing happens when it has ended."""
        self._popen.send_signal(number)

    def stop(self, number: int, seconds: float) -> int:
        """Asks with the signal and, when that time is over, kills. Returns the exit code."""
        self.signal(number)
        return self.finish(seconds)

    def finish(self, seconds: float) -> int:
        """Waits for its end and, when that time is over, kills. Returns the exit code."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()

    def wait_ready(self, ready: Callable[[], bool], seconds: float) -> None:
        """Waits until `ready` says so. Raises StartFailed when the program ends before, or takes longer."""
        wait_until(lambda: self.exit_code() is not None or ready(), seconds)
        if (code := self.exit_code()) is not None:
            raise StartFailed(f"{self._launch.argv[0]} ended with {code}. {self.log_tail()}")
        if not ready():
            raise StartFailed(
                f"{self._launch.argv[0]} was not ready after {seconds:.0f} s. {self.log_tail()}"
            )

    def log_tail(self) -> str:
        """The last lines that this run wrote to its log."""
        if not self._launch.log.exists():
            return "Its log is gone with its folder: it was told to stop."
        with self._launch.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(min(self._log_start, size), size - _LOG_TAIL_BYTES))
            lines = log.read().decode("utf-8", "replace").splitlines()[-_LOG_TAIL_LINES:]
        return "Its log says: " + (" | ".join(lines) if lines else "nothing.")
