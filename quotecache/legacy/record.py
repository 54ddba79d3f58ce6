"""The server's own record of its hits and faults, in a file: it outlives a server that is killed, as its counts do not.

One line each, `hit MS SYM USER KEY` or `KIND MS SYM` (a kind of fault), appended by one write before the reply leaves. So a
hit of which a client can know stands in the file, whatever dies.
"""

import os
from pathlib import Path

from core.clock import Clock


class Record:
    """Appends to `path`; without one it does nothing. Raises OSError."""

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self._clock = clock
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if path else None

    def hit(self, symbol: str, user: str, key: str) -> None:
        """A valid reply is about to leave whole."""
        self._write(f"hit {self._clock.now_ms()} {symbol} {user} {key}\n")

    def fault(self, kind: str, symbol: str) -> None:
        """A request met this fault."""
        self._write(f"{kind} {self._clock.now_ms()} {symbol}\n")

    def _write(self, line: str) -> None:
        if self._file is not None:
            os.write(self._file, line.encode())
