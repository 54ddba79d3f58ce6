"""One server program that we own: started in its folder, found again if an earlier launcher was killed, restarted when it dies.

Embedded Postgres and Valkey differ in argv, readiness and stop signal only.
"""

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from stack import ports, secretfiles
from stack.errors import StackError, StartFailed
from stack.process import Child, Identity, Launch

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 60.0
_TRIES: Final = 40
_RETRY_SECONDS: Final = 0.25
_LOST_PORT: Final = "Address already in use"


class OwnServer(ABC):
    """A server on a loopback port of its own choice; everything it writes stays in `directory`."""

    name: str
    stop_signal: int = signal.SIGTERM
    passing_troubles: tuple[str, ...] = ()
    """What its log says when it only has to be started again a little later."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._child: Child | None = None
        self._port: ports.Reservation | None = None
        self.restarts = 0

    @abstractmethod
    def argv(self, port: int) -> Sequence[str]:
        """The program and its arguments."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it takes our password at its port: then it is ours, and ready."""

    @abstractmethod
    def prepare(self) -> None:
        """Makes what it needs before its first start."""

    @property
    def port(self) -> int:
        """Where it listens on the loopback address, from the first start on."""
        if self._port is None:
            raise StackError(f"{self.name} was not started: start it first.")
        return self._port.port

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def died(self) -> bool:
        """Whether it was started and has ended without being told to."""
        return self._child is not None and self._child.exit_code() is not None

    @property
    def log(self) -> Path:
        return self.directory / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.directory / f"{self.name}.process"

    def start(self) -> None:
        """Starts it and waits until it accepts. Raises StackError."""
        stop_recorded(self._record, self.stop_signal)
        self.prepare()
        for tries_left in reversed(range(_TRIES)):
            if self._port is None:
                self._port = ports.reserve()
            try:
                self._launch()
            except StartFailed as error:
                if not self._may_try_again(str(error)) or not tries_left:
                    raise
                time.sleep(_RETRY_SECONDS)
            else:
                return

    def _launch(self) -> None:
        self._child = Child(
            Launch(
                argv=self.argv(self.port),
                log=self.log,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C", "TZ": "UTC"},
                cwd=self.directory,
                orphan_signal=self.stop_signal,
            )
        )
        secretfiles.write(self._record, msgspec.json.encode(self._child.identity).decode())
        try:
            self._child.wait_ready(self.answers, _START_SECONDS)
        except StartFailed:
            self._child.stop(self.stop_signal, _STOP_SECONDS)
            raise

    def _may_try_again(self, message: str) -> bool:
        if _LOST_PORT in message and self._port is not None:
            self._port.release()
            self._port = None
            return True
        return any(trouble in message for trouble in self.passing_troubles)

    def restart(self) -> None:
        """Starts it again after it died, on the same port."""
        self.restarts += 1
        self.start()

    def stop(self) -> None:
        """Stops it cleanly; does nothing when it does not run."""
        if self._child is not None:
            self._child.stop(self.stop_signal, _STOP_SECONDS)
            self._child = None
            self._record.unlink(missing_ok=True)

    def kill(self) -> None:
        """Ends it as a crash would, for tests of recovery."""
        if self._child is not None:
            self._child.stop(signal.SIGKILL, _STOP_SECONDS)


def stop_recorded(record: Path, number: int) -> None:
    """Stops the process that a launcher, which is gone now, noted in that file; a number used anew is not touched."""
    try:
        identity = msgspec.json.decode(record.read_bytes(), type=Identity)
    except (FileNotFoundError, msgspec.DecodeError):
        return
    identity.signal(number)
    if not identity.wait_gone(_STOP_SECONDS):
        identity.signal(signal.SIGKILL)
        identity.wait_gone(_STOP_SECONDS)
    record.unlink(missing_ok=True)
