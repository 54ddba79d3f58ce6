"""The simulator as a program."""

import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from stack import ports
from tests.unit.quotecache.market import ROOT, Process, QuoteServer

PROGRAM = ["-m", "quotecache.legacy"]


def neighbours() -> int:
    """The first of two neighbouring free ports."""
    while True:
        first = ports.reserve()
        first.release()
        with suppress(OSError):
            ports.Reservation(first.port + 1).release()
            return first.port


def quote(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, 5) as connection:
        connection.sendall(b"ABC,ann\n")
        return connection.makefile("rb").read()


def test_it_answers_counts_and_stops() -> None:
    with QuoteServer("--delay=none", "--price=fixed:250", "--seed=1") as server:
        assert quote(server.address).startswith(b"2.50,ABC,ann,")
        assert server.counts()["by_symbol"] == {"ABC": 1}
        assert server.stop() == 0


def test_the_environment_may_say_where_to_listen_and_the_control_port_is_the_next() -> None:
    port = neighbours()
    with Process(PROGRAM, {"DAYTRADE_LISTEN": f"127.0.0.1:{port}", "DAYTRADE_LOG_LEVEL": "error"}) as server:
        line = server.line()
        assert line.startswith(f"quote server on 127.0.0.1:{port}, control on 127.0.0.1:{port + 1}, seed ")
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "say where to listen"),
        (["--port=29999", "--delay=slow"], "delay 'slow'"),
        (["--port=29999", "--price=dear"], "price 'dear'"),
        (["--port=29999", "--price=file:/does/not/exist"], "No such file"),
        (["--port=29999", "--fault=explode:1"], "fault 'explode:1'"),
    ],
)
def test_options_that_make_no_sense_are_named(options: list[str], complaint: str) -> None:
    ended = subprocess.run(
        [sys.executable, *PROGRAM, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 2
    assert complaint in ended.stderr
