"""A tier under supervision, with small programs in its place."""

import signal
import socket
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Address
from stack import logfile, ports
from stack.errors import StartFailed
from stack.process import Child, Launch, wait_until
from stack.supervised import Supervised, pause_seconds
from stack.topology import Tier

LISTENS = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    server.accept()[0].close()
"""


def supervised(tmp_path: Path, program: str) -> Supervised:
    reserved = ports.reserve()
    launch = Launch([sys.executable, "-c", program, str(reserved.port)], tmp_path / "tier.log", {}, tmp_path)
    return Supervised(Tier("tier", "tier", (), Address((ports.LOOPBACK, reserved.port)), {}, ()), launch)


def test_a_tier_that_is_killed_is_back_at_once(tmp_path: Path) -> None:
    each = supervised(tmp_path, LISTENS)
    each.start()
    each.await_ready()
    first = each.part()
    assert first.process is not None
    first.process.signal(signal.SIGKILL)
    assert wait_until(lambda: each.look() and not each.up, 5)
    assert wait_until(lambda: each.look() and each.up, 5)
    again = each.part()
    assert again.restarts == 1
    assert again.process != first.process
    each.ask_to_stop()
    each.finish()
    assert not ports.accepts(each.tier.address)


def test_one_that_cannot_live_is_tried_less_and_less_often(tmp_path: Path) -> None:
    each = supervised(tmp_path, "raise SystemExit(3)")
    each.start()
    deadline = time.monotonic() + 2.5
    while time.monotonic() < deadline:
        each.look()
        time.sleep(0.01)
    assert 2 <= each.restarts <= 4
    each.ask_to_stop()
    each.finish()


@given(st.integers(0, 10**6))
def test_pauses_grow_and_are_bounded(deaths: int) -> None:
    assert 0 <= pause_seconds(deaths) <= pause_seconds(deaths + 1) <= 10


def test_no_pause_after_a_single_death() -> None:
    assert [pause_seconds(deaths) for deaths in (0, 1)] == [0, 0]
    assert all(later > sooner for sooner, later in pairwise(map(pause_seconds, range(1, 6))))


def test_the_error_of_a_start_shows_the_log(tmp_path: Path) -> None:
    each = supervised(tmp_path, "import sys; sys.exit('the price of tea')")
    each.start()
    with pytest.raises(StartFailed, match="the price of tea"):
        each.await_ready()


def test_a_stop_that_is_ignored_becomes_a_kill(tmp_path: Path) -> None:
    program = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    log = tmp_path / "deaf.log"
    child = Child(Launch([sys.executable, "-c", program], log, {}, tmp_path))
    assert wait_until(lambda: "deaf" in log.read_text(), 10)
    assert child.stop(signal.SIGTERM, 0.2) == -signal.SIGKILL


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    child = Child(Launch(["/no/such/program"], tmp_path / "log", {}, tmp_path))
    with pytest.raises(StartFailed, match="No such file"):
        child.wait_ready(lambda: False, 10)


def test_logs_are_bounded_while_the_program_goes_on_writing(tmp_path: Path) -> None:
    log = tmp_path / "tier.log"
    with log.open("ab") as writer:
        writer.write(b"x" * 100)
        writer.flush()
        logfile.trim(log, 50)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert (tmp_path / "tier.log.1").read_bytes() == b"x" * 100
    logfile.trim(log, 50)
    assert log.read_bytes() == b"after"


def test_a_reserved_port_is_nobody_elses_but_its_server_may_come_and_go() -> None:
    reserved = ports.reserve()
    assert 20_000 <= reserved.port < 32_768
    if sys.platform == "linux":
        with pytest.raises(OSError, match="in use"), socket.socket() as other:
            other.bind((ports.LOOPBACK, reserved.port))
    for _ in range(2):
        with socket.create_server((ports.LOOPBACK, reserved.port)):
            assert ports.accepts((ports.LOOPBACK, reserved.port))
    reserved.release()


def test_a_wanted_port_is_taken_unless_somebody_listens() -> None:
    wanted = ports.reserve()
    wanted.release()
    with socket.create_server((ports.LOOPBACK, wanted.port)) as server:
        client = socket.create_connection((ports.LOOPBACK, wanted.port))
        connection, _ = server.accept()
        other = ports.reserve_first(wanted.port)
        assert other.port != wanted.port
        connection.close()  # this side closes first, so it stays behind in TIME_WAIT
        client.close()
    again = ports.reserve_first(wanted.port)
    assert again.port == wanted.port
    for reserved in (other, again):
        reserved.release()
