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
from dataclasses import dataclass
from pathlib import Path

from tests.peer import Peer
from tests.unit.webserver.fake_shard import ShardThread

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    """A port below the ephemeral ones that nobody listens on now."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True


class Tier:
    """One tier as a process."""

    def __init__(self, module: str, port: int, descriptors: int | None = None, **settings: str) -> None:
        self.port = port
        limit = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh"] if descriptors else []
        self._command = [*limit, sys.executable, "-m", module]
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
        deadline = time.monotonic() + 10
        while not accepts(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"{self._command} does not listen on port {self.port}")
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; returns the exit code of the clean stop."""
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


def load_balancer(port: int, web_servers: Sequence[int], descriptors: int | None = None) -> Tier:
    addresses = ",".join(f"127.0.0.1:{server}" for server in web_servers)
    return Tier("loadbalancer", port, descriptors, web_servers=addresses)


@dataclass
class Stack:
    """A balancer, its web servers and their shards."""

    balancer: Tier
    web_servers: list[Tier]
    shards: list[ShardThread]

    @property
    def port(self) -> int:
        return self.balancer.port


@contextlib.contextmanager
def stack(web_servers: int = 2, shards: int = 2, descriptors: int | None = None) -> Iterator[Stack]:
    """Real balancer and web servers on fake shards; all are gone at the end."""
    with contextlib.ExitStack() as cleanup:
        threads = [cleanup.enter_context(ShardThread(free_port())) for _ in range(shards)]
        webs = []
        for _ in range(web_servers):
            webs.append(web_server(free_port(), [thread.port for thread in threads]))
            cleanup.enter_context(running(webs[-1]))
        balancer = load_balancer(free_port(), [web.port for web in webs], descriptors)
        cleanup.enter_context(running(balancer))
        yield Stack(balancer, webs, threads)


class LineClient(Peer):
    """A client of the balancer."""

    def __init__(self, port: int, timeout_s: float = 20.0) -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port), timeout_s), timeout_s)

    def __enter__(self) -> "LineClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

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
