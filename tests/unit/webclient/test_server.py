"""`python -m webclient` as a process: gunicorn, gevent, dying workers, a stop with streams open, broken HTTP, metrics and log."""

import contextlib
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import metrics
from core.settings import Settings
from stack.ports import reserve
from tests.unit.webclient.balancer import Tiers

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "correct horse battery"


class Web:
    """A running web client."""

    def __init__(self, settings: Settings, log: Path, balancer: str, **changes: str) -> None:
        self.port, self.metrics = free_port(), free_port()
        self.log = log
        env = {
            "NAME": "webclient", "LISTEN": f"127.0.0.1:{self.port}", "METRICS": f"127.0.0.1:{self.metrics}",
            "DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "BALANCER": balancer,
            "WEB_SECRET_FILE": str(settings.web_secret_file), "WEB_WORKERS": "2", **changes,
        }  # fmt: skip
        if settings.redis_password_file:
            env["REDIS_PASSWORD_FILE"] = str(settings.redis_password_file)
        told = {**os.environ, **{f"DAYTRADE_{name}": value for name, value in env.items()}}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "webclient"], cwd=ROOT, env=told, stdout=output, stderr=output
            )

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        with contextlib.closing(connection):
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if body is not None:
                named["Content-Type"] = "application/json"
            connection.request(method, path, None if body is None else json.dumps(body), named)
            answer = connection.getresponse()
            data = answer.read()
        return answer, json.loads(data) if "json" in (answer.headers["Content-Type"] or "") else data

    def send(self, data: bytes, wait_s: float = 10) -> bytes:
        """What it answers to these bytes until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), wait_s) as peer:
            peer.sendall(data)
            answer = b""
            while part := peer.recv(65_536):
                answer += part
        return answer

    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def registered(self, user: str) -> dict[str, str]:
        """The headers of a new trader's session."""
        answer, told = self.ask("POST", "/api/registration", {"user": user, "password": PASSWORD})
        assert answer.status == 201, told
        cookies = answer.headers.get_all("Set-Cookie") or []
        return {"Cookie": cookies[0].partition(";")[0], "X_CSRF_Token": told["csrf_token"]}


def free_port() -> int:
    held = reserve()
    held.release()
    return held.port


def wait_for(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)


def answers(web: Web) -> bool:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return web.ask("GET", "/healthz")[0].status == 200
    return False


@pytest.fixture
def tiers() -> Iterator[Tiers]:
    with Tiers() as running:
        running.says = b'OK {"cash":"1.00"}'
        yield running


@pytest.fixture
def web(web_settings: Settings, tmp_path: Path, tiers: Tiers) -> Iterator[Web]:
    host, port = tiers.address
    running = Web(web_settings, tmp_path / "web.log", f"{host}:{port}")
    try:
        wait_for(lambda: answers(running))
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def test_workers_that_die_are_replaced_and_nobody_is_logged_out(web: Web) -> None:
    headers = web.registered("ann")
    wait_for(lambda: len(web.workers()) == 2)
    before = web.workers()
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(web.workers() - before) == 2, 5)
    wait_for(lambda: answers(web))
    assert web.ask("GET", "/api/session", **headers)[1]["user"] == "ann"


def test_workers_share_what_comes_at_once(web: Web) -> None:
    """Whoever has fewer connections takes the next; one that comes back finds that it has the fewest."""
    with contextlib.ExitStack() as peers:

        def connect(count: int) -> None:
            for _ in range(count):
                peers.enter_context(socket.create_connection(("127.0.0.1", web.port), 5))

        def both_have_one() -> bool:
            connect(1)
            return len(held(web)) == 2

        wait_for(both_have_one)
        before = sum(held(web).values())
        connect(60)
        wait_for(lambda: sum(held(web).values()) == before + 60)
        assert max(held(web).values()) - min(held(web).values()) <= 6
        victim, survivor = sorted(held(web))
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: len(web.workers() - {victim, survivor}) == 1)
        wait_for(both_have_one)
        kept, both = held(web)[survivor], sum(held(web).values())
        connect(20)
        wait_for(lambda: sum(held(web).values()) == both + 20)
        assert held(web)[survivor] - kept <= 5


def held(web: Web) -> Counter[int]:
    """How many connections each worker has accepted."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{web.port:04X}") and row[3] == "01"}
    found: Counter[int] = Counter()
    for pid in web.workers():
        with contextlib.suppress(OSError):
            found[pid] = sum(os.readlink(link) in ours for link in Path(f"/proc/{pid}/fd").iterdir())
    return +found


def test_workers_die_with_their_arbiter(web: Web) -> None:
    wait_for(lambda: len(web.workers()) == 2)
    workers = web.workers()
    web.process.kill()
    web.process.wait()
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in workers), 5)


def is_zombie(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def test_a_stop_waits_neither_for_streams_nor_for_idle_connections(web: Web) -> None:
    headers = web.registered("ann")
    stream = http.client.HTTPConnection("127.0.0.1", web.port, timeout=15)
    stream.request("GET", "/api/users/ann/events", None, {"Cookie": headers["Cookie"]})
    answer = stream.getresponse()
    assert answer.status == 200
    assert answer.read(6) == b"retry:"
    idle = socket.create_connection(("127.0.0.1", web.port), 5)
    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(12) == b"HTTP/1.1 200"
    begun = time.monotonic()
    web.process.terminate()
    assert web.process.wait(10) == 0
    assert time.monotonic() - begun < 10
    answer.read()  # to its end: there is one
    idle.close()
    stream.close()
    assert [line for line in web.lines() if line["level"] == "error"] == []


def test_what_is_not_http_is_answered_with_a_problem(web: Web) -> None:
    for broken in (
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header: y\r\n\r\n",
        b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n",
        b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    ):
        answer = web.send(broken)
        assert re.match(rb"HTTP/1.1 4(00|13) ", answer), (broken[:60], answer[:60])
        assert b"Content-Type: application/problem+json" in answer
        assert b"Content-Security-Policy: default-src 'none'" in answer
        assert b"gunicorn" not in answer.lower().replace(b"server: gunicorn", b"")
    assert answers(web)
    assert [line for line in web.lines() if line["level"] == "error"] == []


def test_a_broken_chunk_is_the_peers_fault(web: Web) -> None:
    head = b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    for body in (b"zz\r\n", b"5\r\nab", b"-1\r\n", b"fffffffffffffffff\r\n"):
        with socket.create_connection(("127.0.0.1", web.port), 5) as peer:
            peer.sendall(head + body)
            peer.shutdown(socket.SHUT_WR)
            assert peer.recv(65_536).startswith(b"HTTP/1.1 400 "), body
    assert [line for line in web.lines() if line["level"] == "error"] == []


def test_every_request_leaves_a_line_and_no_secret(web: Web) -> None:
    headers = web.registered("ann")
    key = "a-key-that-is-hashed"
    answer, _ = web.ask("POST", "/api/users/ann/deposits", {"amount": "1.00"}, Idempotency_Key=key, **headers)
    wait_for(lambda: any(line.get("route", "").endswith("/deposits") for line in web.lines()))
    line = next(line for line in web.lines() if line.get("route", "").endswith("/deposits"))
    assert (line["event"], line["method"], line["user"], line["tier"]) == (
        "request",
        "POST",
        "ann",
        "webclient",
    )
    assert line["route"] == "/api/users/<user>/deposits"
    assert line["status"] == answer.status
    assert line["key"] == answer.headers["X-Request-Key"]
    assert line["id"] == answer.headers["X-Request-Id"]
    assert line["ms"] > 0
    text = web.log.read_text()
    for secret in (PASSWORD, headers["Cookie"].partition("=")[2], headers["X_CSRF_Token"], key):
        assert secret not in text


def test_metrics_are_those_of_all_workers(web: Web) -> None:
    web.registered("ann")
    for _ in range(20):
        web.ask("GET", "/api/session")
    assert web.ask("POST", "/api/session", {"user": "ann", "password": "not this one"})[0].status == 401
    shown = metrics.fetch(("127.0.0.1", web.metrics), 5)
    route = {"route": "/api/session", "method": "GET", "status": "200"}
    assert shown.total("daytrade_web_requests_total", **route) == 20
    assert shown.total("daytrade_web_request_seconds_count", route="/api/session") == 21
    assert shown.by_label("daytrade_web_logins_total", "outcome") == {"registered": 1, "refused": 1}
    assert shown.total("daytrade_web_streams") == 0
    own = {name for name in shown.samples if name.startswith("daytrade_web_")}
    assert own - {"daytrade_web_limited_total"} == {
        "daytrade_web_requests_total", "daytrade_web_request_seconds_bucket", "daytrade_web_request_seconds_sum",
        "daytrade_web_request_seconds_count", "daytrade_web_streams", "daytrade_web_logins_total",
        "daytrade_web_line_seconds_bucket", "daytrade_web_line_seconds_sum", "daytrade_web_line_seconds_count",
    }  # fmt: skip


def test_it_starts_and_answers_without_database_and_cache(web_settings: Settings, tmp_path: Path) -> None:
    gone = web_settings.model_copy(
        update={"database_url": "postgresql://nobody@127.0.0.1:9/none", "redis_url": "redis://127.0.0.1:9/0"}
    )
    web = Web(gone, tmp_path / "web.log", "127.0.0.1:9", WEB_WORKERS="1")
    try:
        wait_for(lambda: answers(web))
        assert web.ask("GET", "/api/session")[0].status == 200
        for method, path, body, cookie in (
            ("POST", "/api/session", {"user": "ann", "password": PASSWORD}, ""),
            ("POST", "/api/registration", {"user": "ann", "password": PASSWORD}, ""),
            ("GET", "/api/session", None, f"__Host-daytrade={'x' * 43}"),
        ):
            answer, told = web.ask(method, path, body, Cookie=cookie)
            assert (answer.status, told["code"]) == (503, "UNAVAILABLE")
            assert answer.headers["Retry-After"] == "1"
        assert web.process.poll() is None
    finally:
        web.process.kill()
        web.process.wait()


def test_it_says_what_is_missing(web_settings: Settings, tmp_path: Path) -> None:
    web = Web(web_settings, tmp_path / "web.log", "127.0.0.1:9", WEB_SECRET_FILE=str(tmp_path / "none"))
    assert web.process.wait(20) != 0
    assert "none" in web.log.read_text()
