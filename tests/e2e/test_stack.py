"""The stack as its user meets it: `up`, `status`, `down`, what dies, what is killed, two at once."""

import json
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stack import state
from stack.launcher import Stack, throw_away
from stack.process import wait_until
from stack.topology import Shape
from tests.e2e.commandline import Command

pytestmark = [pytest.mark.services, pytest.mark.slow]
_UP_SECONDS = 90.0
_SMALL = ("--shards", "1", "--web-servers", "1", "--delay", "none", "--no-web")


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    each = Command(tmp_path / "state")
    yield each
    each("down")


def ask(address: str, *lines: str) -> list[str]:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall("".join(f"{line}\n" for line in lines).encode())
        with connection.makefile() as file:
            return [file.readline().strip() for _ in lines]


def test_up_status_work_and_down(command: Command) -> None:
    assert command("status").returncode == 3
    started = command("up", "--detach", *_SMALL)
    assert started.returncode == 0, started.stderr
    shown = command("status", "--json")
    assert shown.returncode == 0
    said: dict[str, Any] = json.loads(shown.stdout)
    assert [part["name"] for part in said["parts"]] == [
        "postgres", "valkey", "quoteserver", "transaction-0", "trigger-0", "webserver-0", "loadbalancer",
    ]  # fmt: skip
    assert ask(said["balancer"], "[1] ADD,joe,12.34") == ['[1] OK {"cash":"12.34"}']
    again = command("up", *_SMALL)
    assert again.returncode == 1
    assert "already" in again.stderr
    assert len(again.stderr.splitlines()) == 1
    running = command.parts()
    assert command("down").returncode == 0
    assert not any(process.alive for process in running.values())
    assert command("status").returncode == 3


def test_accounts_outlive_a_restart(command: Command) -> None:
    for number, cash in enumerate(("10.00", "20.00"), 1):
        assert command("up", "--detach", *_SMALL).returncode == 0
        now = state.read(command.directory)
        assert now is not None
        assert ask(now.balancer, f"[{number}] ADD,joe,10.00") == [f'[{number}] OK {{"cash":"{cash}"}}']
        assert command("check").returncode == 0
        command("down")


def test_ctrl_c_stops_what_runs_in_the_foreground(command: Command) -> None:
    with command.start("up", *_SMALL) as process:
        assert wait_until(
            lambda: (now := state.read(command.directory)) is not None and now.ready, _UP_SECONDS
        )
        running = command.parts()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    assert not any(each.alive for each in running.values())
    assert state.read_last(command.directory) is None


def test_of_two_at_once_one_runs(command: Command) -> None:
    with command.start("up", *_SMALL) as first, command.start("up", *_SMALL) as second:
        assert wait_until(
            lambda: (now := state.read(command.directory)) is not None and now.ready, _UP_SECONDS
        )
        assert wait_until(lambda: (first.poll() is None) != (second.poll() is None), 30)
        loser = first if first.poll() is not None else second
        assert loser.returncode == 1
        command("down")
    assert {first.returncode, second.returncode} == {0, 1}


def test_a_killed_supervisor_takes_everything_with_it_and_the_next_start_is_clean(command: Command) -> None:
    assert command("up", "--detach", *_SMALL).returncode == 0
    now, running = state.read(command.directory), command.parts()
    assert now is not None
    now.supervisor.signal(signal.SIGKILL)
    if sys.platform == "linux":
        assert wait_until(lambda: not any(each.alive for each in running.values()), 20)
    assert command("status").returncode == 3
    assert command("up", "--detach", *_SMALL).returncode == 0


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with throw_away(Shape(shards=1, web_servers=1, delay="none")) as running:
        yield running
    assert not running.directory.exists()


@pytest.mark.parametrize(
    "name", ["transaction-0", "webserver-0", "loadbalancer", "trigger-0", "quoteserver", "valkey", "postgres"]
)
def test_what_is_killed_comes_back_and_works(stack: Stack, name: str) -> None:
    before = stack.state.part(name)
    assert before.process is not None
    before.process.signal(signal.SIGKILL)
    assert wait_until(lambda: stack.state.part(name).restarts == before.restarts + 1, 30)
    assert stack.wait_all_up(30)
    after = stack.state.part(name)
    assert after.address == before.address
    assert after.process != before.process
    assert_works(stack)


def test_everything_killed_at_once_comes_back(stack: Stack) -> None:
    for part in stack.state.parts:
        assert part.process is not None
        part.process.signal(signal.SIGKILL)
    assert wait_until(lambda: all(part.restarts > 0 for part in stack.state.parts), 30)
    assert stack.wait_all_up(30)
    assert_works(stack)


def assert_works(stack: Stack) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            replies = ask(stack.state.balancer, "ADD,joe,1.00", "QUOTE,joe,ABC")
        except OSError:
            replies = [""]
        if all(re.match(r"\[\d\] OK ", reply) for reply in replies):
            return
        assert time.monotonic() < deadline, replies
        time.sleep(0.1)


def test_tiers_hold_no_password_where_others_can_see_it(stack: Stack) -> None:
    passwords = {path.read_text().strip() for path in (stack.directory / "services").glob("*.password")}
    assert passwords
    for part in stack.state.parts:
        assert part.process is not None
        process = Path(f"/proc/{part.process.pid}")
        if process.exists():
            seen = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            assert not any(password.encode() in seen for password in passwords), part.name
    for log in stack.directory.rglob("*.log"):
        assert not any(password in log.read_text("utf-8", "replace") for password in passwords), log


def test_a_tier_that_cannot_start_is_told_in_one_sentence(command: Command) -> None:
    failed = command("up", "--detach", "--price", "file:/no/such/prices")
    assert failed.returncode == 1
    assert "prices" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert command("status").returncode == 3
