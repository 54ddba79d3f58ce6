"""What the tests of several processes need: a quote server, askers, and what the database says was hit."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psycopg

from core.limits import QUOTE_LIFE_MS
from stack import ports
from tests.conftest import Cache, Database

ROOT = Path(__file__).parents[3]
LAST_ANSWER_S = 60


class Process(AbstractContextManager["Process"]):
    """A child with lines in and lines out; killed at the end if it still runs."""

    def __init__(self, argv: list[str], environment: dict[str, str]) -> None:
        self._child = subprocess.Popen(
            [sys.executable, *argv],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def stdin(self) -> IO[str]:
        assert self._child.stdin is not None
        return self._child.stdin

    def line(self) -> str:
        """The next line of its standard output. Fails when the process ends instead."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, f"ended with status {self._child.wait()}"
        return line

    def signal(self, number: int) -> None:
        self._child.send_signal(number)

    def stop(self) -> int:
        """A clean stop; its exit status."""
        self.signal(signal.SIGTERM)
        return self._child.wait(timeout=15)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()


class QuoteServer(Process):
    """The simulator on ports of its own."""

    def __init__(self, *options: str) -> None:
        quotes, control = ports.reserve(), ports.reserve()
        self.address, self._control = ("127.0.0.1", quotes.port), ("127.0.0.1", control.port)
        quotes.release()
        control.release()
        argv = [
            "-m",
            "quotecache.legacy",
            f"--port={quotes.port}",
            f"--control-port={control.port}",
            *options,
        ]
        super().__init__(argv, {"DAYTRADE_LOG_LEVEL": "warning"})
        self.line()

    def counts(self) -> dict[str, Any]:
        """What its control port says."""
        with socket.create_connection(self._control, 5) as connection, connection.makefile() as answer:
            counts: dict[str, Any] = json.loads(answer.read())
            return counts


class AskerProcess(Process):
    """A process with a QuoteCache (asker.py)."""

    def __init__(
        self, name: str, database: Database, cache: Cache, server: QuoteServer, life_ms: int = QUOTE_LIFE_MS
    ) -> None:
        host, port = server.address
        environment = {
            "DAYTRADE_NAME": name,
            "DAYTRADE_DATABASE_URL": database.url("daytrade_transaction"),
            "DAYTRADE_REDIS_URL": cache.url,
            "DAYTRADE_REDIS_PASSWORD_FILE": str(cache.password_file or ""),
            "DAYTRADE_QUOTE_SERVER": f"{host}:{port}",
            "DAYTRADE_QUOTE_LIFE_MS": str(life_ms),
            "DAYTRADE_LOG_LEVEL": "error",
        }
        super().__init__(["-m", "tests.unit.quotecache.asker"], environment)
        assert self.line() == "ready\n"

    def ask(self, symbols: list[str]) -> None:
        """Wants them all at once."""
        self.stdin.write(json.dumps(symbols) + "\n")
        self.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What became of the last `ask`: quotes (key by symbol), failed, ms."""
        answer: dict[str, Any] = json.loads(self.line())
        return answer


@contextmanager
def askers(
    count: int, database: Database, cache: Cache, server: QuoteServer, life_ms: int = QUOTE_LIFE_MS
) -> Iterator[list[AskerProcess]]:
    """So many processes, started one after the other."""
    started: list[AskerProcess] = []
    try:
        for number in range(count):
            started.append(AskerProcess(f"asker{number}", database, cache, server, life_ms))
        yield started
    finally:
        for process in started:
            process.__exit__(None, None, None)


def recorded(database: Database) -> dict[str, list[str]]:
    """The keys of the quoteServer events by symbol."""
    with psycopg.connect(database.admin_url) as connection:
        rows = connection.execute(
            "SELECT symbol, cryptokey FROM audit WHERE kind = 2 ORDER BY timestamp_ms"
        ).fetchall()
    keys: dict[str, list[str]] = {}
    for symbol, key in rows:
        keys.setdefault(symbol, []).append(key)
    return keys


def symbols(count: int) -> list[str]:
    """AAA, AAB, ..."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [letters[n // 676 % 26] + letters[n // 26 % 26] + letters[n % 26] for n in range(count)]


def wait_until_counted(server: QuoteServer, hits: int, seconds: float = 10) -> None:
    """Until the quote server has sent so many hits."""
    end = time.monotonic() + seconds
    while server.counts()["hits"] < hits:
        assert time.monotonic() < end, server.counts()
        time.sleep(0.02)
