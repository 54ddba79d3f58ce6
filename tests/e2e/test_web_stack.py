"""The web client as a tier of the stack: it answers, comes back when it dies, stops cleanly; and how a supervisor gets in."""

import os
import re
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from stack import state
from stack.launcher import Stack, throw_away
from stack.process import wait_until
from stack.topology import WEB_CLIENT, Shape
from tests.e2e.commandline import Command


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with throw_away(Shape(shards=1, web_servers=1, delay="none", web_client=True)) as running:
        yield running


@pytest.fixture
def command(stack: Stack) -> Command:
    return Command(stack.directory)


def page(stack: Stack) -> str:
    now = stack.state
    assert now.web is not None
    return now.web


def log_in(stack: Stack, password: str) -> requests.Response:
    body = {"user": "boss", "password": password}
    return requests.post(f"{page(stack)}api/session", json=body, timeout=10)


def session_of(stack: Stack, logged_in: requests.Response) -> dict[str, object]:
    """Whose session it is; the requests library would keep a `__Host-` cookie to itself where there is no TLS."""
    cookie = logged_in.headers["Set-Cookie"].partition(";")[0]
    shown = requests.get(f"{page(stack)}api/session", headers={"Cookie": cookie}, timeout=10)
    found: dict[str, object] = shown.json()
    return found


def supervise(command: Command, name: str, password: str | None = None) -> "subprocess.CompletedProcess[str]":
    options = [] if password is None else ["--password-stdin"]
    return subprocess.run(
        ["./daytrade", "supervisor", name, *options], input=f"{password}\n", env=command.env, cwd=state.ROOT,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def test_it_answers_where_the_stack_says(stack: Stack) -> None:
    assert page(stack) == f"http://{stack.state.part(WEB_CLIENT).address}/"
    assert requests.get(page(stack), timeout=10).status_code == 200
    assert requests.get(f"{page(stack)}api/session", timeout=10).json()["user"] is None
    key = stack.directory / "services" / "web.secret"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text().strip()) >= 32


def test_it_comes_back(stack: Stack) -> None:
    before = stack.state.part(WEB_CLIENT)
    assert before.process is not None
    before.process.signal(signal.SIGKILL)
    assert wait_until(lambda: answers(stack) and stack.state.part(WEB_CLIENT).restarts > before.restarts, 30)
    assert stack.wait_all_up(5)
    assert stack.state.part(WEB_CLIENT).process != before.process


def answers(stack: Stack) -> bool:
    try:
        return requests.get(f"{page(stack)}healthz", timeout=1).ok
    except requests.RequestException:
        return False


def test_a_supervisor_gets_a_password_in_a_file(stack: Stack, command: Command) -> None:
    first = supervise(command, "boss")
    assert first.returncode == 0, first.stderr
    file = command.directory / "supervisors" / "boss.password"
    assert str(file) in first.stdout
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = file.read_text().strip()
    assert password not in first.stdout + first.stderr
    entered = log_in(stack, password)
    assert entered.status_code == 200, entered.text
    assert session_of(stack, entered)["role"] == "supervisor"
    assert supervise(command, "boss").returncode == 0
    assert file.read_text().strip() != password
    assert log_in(stack, password).status_code == 401
    assert log_in(stack, file.read_text().strip()).status_code == 200


def test_a_supervisor_may_bring_a_password(stack: Stack, command: Command) -> None:
    done = supervise(command, "boss", "four correct horses of battery")
    assert (done.returncode, done.stdout) == (0, "boss can log in.\n")
    assert log_in(stack, "four correct horses of battery").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"), [("boss", "short"), ("../boss", None), ("..", None), ("a" * 65, None)]
)
def test_a_bad_name_or_password_is_told_in_one_sentence(
    command: Command, name: str, password: str | None
) -> None:
    done = supervise(command, name, password)
    assert done.returncode == 1
    assert re.fullmatch(r"daytrade: [A-Z].*\.\n", done.stderr)
    given = {path.relative_to(command.directory) for path in command.directory.rglob("*.password")}
    assert {path for path in given if path.parts[0] != "services"} <= {Path("supervisors/boss.password")}


def test_a_traders_name_is_not_taken(stack: Stack, command: Command) -> None:
    body = {"user": "joe", "password": "four correct horses of battery"}
    assert requests.post(f"{page(stack)}api/registration", json=body, timeout=10).status_code == 201
    done = supervise(command, "joe")
    assert done.returncode == 1
    assert "trader" in done.stderr


def test_status_shows_the_address(stack: Stack, command: Command) -> None:
    shown = command("status")
    assert shown.returncode == 0
    assert page(stack) in shown.stdout


def test_nobody_to_supervise_where_nothing_runs(tmp_path: Path) -> None:
    done = supervise(Command(tmp_path), "boss")
    assert done.returncode == 1
    assert "./daytrade up" in done.stderr
    assert os.listdir(tmp_path) == []
