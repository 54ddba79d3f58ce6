"""Real processes for tests: tiers on free ports, and clients that speak lines."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    """A port below the ephemeral ones that nobody listens on now."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def wait_for_port(port: int, seconds: float = 10.0) -> None:
    """Returns when somebody accepts there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on port {port}"
            time.sleep(0.02)
        else:
            return


class Tier:
    """One tier as a process."""

    def __init__(self, module: str, port: int, **settings: str) -> None:
        self.port = port
        self._command = [sys.executable, "-m", module]
        self._environment = {
            "DAYTRADE_NAME": module,
            "DAYTRADE_LOG_LEVEL": "error",
            "DAYTRADE_LISTEN": f"127.0.0.1:{port}",
        } | {f"DAYTRADE_{name.upper()}": value for name, value in settings.items()}
        self.start()

    def start(self) -> None:
        """Starts it (again)."""
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith("DAYTRADE_")
        } | self._environment
        self.process = subprocess.Popen(self._command, cwd=ROOT, env=environment)
        try:
            wait_for_port(self.port)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        return self.process.wait(20)


@contextlib.contextmanager
def running(*tiers: Tier) -> Iterator[None]:
    """Sees to it that the processes are gone at the end."""
    try:
        yield
    finally:
        for tier in tiers:
            if tier.process.poll() is None:
                tier.process.send_signal(signal.SIGCONT)
                tier.kill()


def web_server(port: int, shards: Sequence[int]) -> Tier:
    return Tier("webserver", port, shards=",".join(f"127.0.0.1:{shard}" for shard in shards))


def load_balancer(port: int, web_servers: Sequence[int]) -> Tier:
    return Tier("loadbalancer", port, web_servers=",".join(f"127.0.0.1:{server}" for server in web_servers))


class LineClient:
    """A client of the balancer."""

    def __init__(self, port: int, timeout_s: float = 20.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._buffer = b""

    def __enter__(self) -> "LineClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        """The next line without its LF; b"" at the end."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(1 << 16)
            if not data:
                return b""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def lines(self, count: int) -> list[bytes]:
        """The next so many lines."""
        return [self.line() for _ in range(count)]

    def ask(self, line: bytes) -> bytes:
        """One request and its reply."""
        self.send(line + b"\n")
        return self.line()

    def rest(self) -> bytes:
        """Everything until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.socket.recv(1 << 16):
                self._buffer += data
        rest, self._buffer = self._buffer, b""
        return rest
