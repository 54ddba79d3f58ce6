"""Generating, replaying, grading: the commands of the main job, with what they print and how they exit."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import ports, state
from stack.process import wait_until
from tests.e2e.commandline import Command

pytestmark = pytest.mark.services

_PROMISED = {
    "commands", "seconds", "per_second", "p50_ms", "p99_ms", "max_ms", "window", "users", "errors", "quote_hits",
    "quote_cost_usd", "audit_log",
}  # fmt: skip


@pytest.fixture
def command(tmp_path: Path) -> Iterator[Command]:
    each = Command(tmp_path / "state")
    yield each
    each("down")


@pytest.fixture
def workload(command: Command, tmp_path: Path) -> Path:
    path = tmp_path / "workload.txt"
    done = command(
        "workload", "generate", "--users", "5", "--commands", "500", "--seed", "7", "-o", str(path)
    )
    assert done.returncode == 0, done.stderr
    return path


def test_the_same_seed_gives_the_same_file(command: Command, workload: Path) -> None:
    again = command("workload", "generate", "--users", "5", "--commands", "500", "--seed", "7")
    assert again.stdout == workload.read_text()
    assert again.stdout.count("\n") == 500


@pytest.mark.slow
def test_a_throw_away_replay_leaves_a_right_log_and_nothing_else(
    command: Command, workload: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    done = command(
        "replay", str(workload), "--fresh", "--delay", "none", "--seed", "3", "--shards", "1", "--window", "8",
        "--json", "-", "--html", str(page),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result.keys() >= _PROMISED
    assert (result["commands"], result["users"], result["window"]) == (500, 5, 8)
    assert result["quote_hits"] > 0
    assert result["quote_cost_usd"] == pytest.approx(0.05 * result["quote_hits"])
    assert "<html" in page.read_text().lower()
    log = result["audit_log"]
    graded = command("log", "check", log, "--workload", str(workload), "--json")
    assert graded.returncode == 0, graded.stdout
    assert command("log", "check", log).returncode == 0
    cut = tmp_path / "cut.xml"
    cut.write_text(Path(log).read_text().replace("<action>add</action>", "<action>remove</action>", 1))
    assert command("log", "check", str(cut)).returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "/no/such/file"),
        ("replay", __file__, "--target", "nowhere"),
        ("replay", __file__, "--target", "127.0.0.1:1", "--seed", "1"),
        ("replay", __file__, "--window", "0"),
        ("workload", "generate", "--users", "5", "--commands", "5", "--seed", "1"),
        ("bench", "no-such-benchmark"),
        ("log", "check", "/no/such/file"),
        ("no-such-command",),
    ],
)
def test_a_command_line_that_makes_no_sense(command: Command, arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_target_that_is_not_there_is_told(command: Command, workload: Path) -> None:
    done = command("replay", str(workload), "--target", "127.0.0.1:1", "--json", "-")
    assert done.returncode == 1
    assert json.loads(done.stdout)["failure"]


def test_check_without_a_stack_says_what_to_do(command: Command) -> None:
    done = command("check")
    assert done.returncode == 1
    assert "daytrade up" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_small_demo_is_right(command: Command) -> None:
    done = command("demo", "--users", "10", "--commands", "2000", "--delay", "none")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All of it is right" in done.stdout
    assert command("status").returncode == 3
    assert command.directory.stat().st_mode & 0o777 == 0o700


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_replay_that_is_cut_off_leaves_nothing(
    command: Command, workload: Path, tmp_path: Path, number: int
) -> None:
    """The quote server is so slow that the replay is certainly not over."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command.env["TMPDIR"] = str(temporary)
    with command.start(
        "replay", str(workload), "--fresh", "--delay", "fixed:60000", "--shards", "1"
    ) as process:
        assert wait_until(lambda: any(map(is_ready, temporary.iterdir())), 90)
        (directory,) = temporary.iterdir()
        now = state.read(directory)
        assert now is not None
        process.send_signal(number)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert now.supervisor.wait_gone(60)
    assert not any(part.process and part.process.alive for part in now.parts)
    assert list(temporary.iterdir()) == []


def is_ready(directory: Path) -> bool:
    now = state.read(directory)
    return now is not None and now.ready


def test_the_quote_server_alone(command: Command) -> None:
    port, control = ports.reserve(), ports.reserve()
    port.release()
    control.release()
    options = (
        "--port",
        str(port.port),
        "--control-port",
        str(control.port),
        "--delay",
        "none",
        "--price",
        "fixed:1234",
    )
    with command.start("quoteserver", *options) as process:
        assert wait_until(lambda: ports.accepts((ports.LOOPBACK, port.port)), 30)
        with socket.create_connection((ports.LOOPBACK, port.port), 10) as connection:
            connection.sendall(b"ABC,joe\n")
            assert connection.makefile().readline().startswith("12.34,ABC,joe,")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0
