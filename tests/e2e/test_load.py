"""Load with checks: a right system passes, one that is a cent off does not; the web benchmark counts what it sent."""

import json
import re
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stack.state import ROOT
from tests.e2e.commandline import Command

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "state")


def test_a_short_load_of_all_kinds(command: Command, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = command("load", "--users", "8", "--minutes", "0.1", "--delay", "none", "--html", str(page))
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    assert re.search(r"Aggregated +[1-9]\d* +0\(0.00%\)", said), said
    assert "/api/users/" in said
    assert "TCP" in said
    assert "<html" in page.read_text()[:200].lower()


def test_a_mix_that_is_none(command: Command) -> None:
    done = command("load", "--mix", "sleep")
    assert done.returncode == 2
    assert "browse" in done.stderr


class Cheat(socketserver.StreamRequestHandler):
    """A load balancer whose second reply is a cent off."""

    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"SESSION OK\n")
        for line in self.rfile:
            number, _, text = line.decode().partition(" ")
            command, _, *arguments = text.strip().split(",")
            self.wfile.write(f"{number} OK {json.dumps(reply(command, arguments))}\n".encode())


def reply(command: str, arguments: list[str]) -> dict[str, Any]:
    if command == "ADD":
        return {"cash": arguments[0]}
    if command == "QUOTE":
        return {"symbol": arguments[0], "price": "1.00", "quoted_at": 1}
    return {"symbol": "ABC", "shares": 1, "price": "1.00", "cost": "1.01", "cash": "1.00"}


@pytest.fixture
def cheat() -> Iterator[str]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Cheat) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def locust(*options: str) -> "subprocess.CompletedProcess[str]":
    argv = [
        sys.executable,
        "-m",
        "locust",
        "-f",
        "bench/locustfile.py",
        "--headless",
        "--only-summary",
        "-u",
        "1",
    ]
    return subprocess.run(
        [*argv, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_cent_that_is_wrong_fails_the_run(cheat: str) -> None:
    done = locust("--balancer", cheat, "--measure", "2", "RawTcp")
    assert done.returncode == 1
    assert "buy no such shares" in done.stdout + done.stderr


def test_a_system_that_is_not_there_fails_the_run() -> None:
    done = locust("--host", "http://127.0.0.1:1", "--run-time", "2s", "Browse")
    assert done.returncode == 1


def test_the_web_benchmark_counts_what_it_sent(command: Command, tmp_path: Path) -> None:
    result = tmp_path / "web.json"
    done = command(
        "bench",
        "web",
        "--runs",
        "1",
        "--rates",
        "100",
        "--seconds",
        "1",
        "--users",
        "4",
        "--json",
        str(result),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(result.read_text())
    [run] = found["runs"]
    assert run["counted"]["wrong"] == run["violations"] == []
    assert run["counted"]["acknowledged"] == run["counted"]["rows"] == run["counted"]["sent"] > 100
    assert [step["failed"] for step in run["steps"]] == [0, 0]
    assert found["rows"][-1]["met"] is True
