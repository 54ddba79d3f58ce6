"""The shared connection to the cache: many at once, an outage, a server that stands still, a script that was forgotten."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hiredis
import pytest

from core.clock import SystemClock
from core.errors import Unavailable
from core.limits import WEB_VALKEY_PAUSE_MS, WEB_VALKEY_TIMEOUT_MS
from stack.valkey import EmbeddedValkey
from tests.conftest import Cache
from webclient.valkey import Script, Valkey


class Hand(SystemClock):
    """A clock that the test turns."""

    step_ms = 0

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() + self.step_ms


@pytest.fixture
def valkey(redis_db: Cache) -> Iterator[Valkey]:
    one = Valkey(redis_db.url, redis_db.password, SystemClock())
    yield one
    one.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server that only this test uses, to be stopped as it likes."""
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


def test_everybody_gets_their_own_answer(valkey: Valkey) -> None:
    def count(name: int) -> list[int]:
        return [valkey.call("INCR", f"count:{name}") for _ in range(200)]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(count, range(16))) == [list(range(1, 201))] * 16


def test_commands_together_and_each_kind_of_reply(valkey: Valkey) -> None:
    assert valkey.calls(
        ("SET", "a", b"\x00\xff"), ("GET", "a"), ("GET", "none"), ("EXISTS", "a", "none")
    ) == [
        b"OK",
        b"\x00\xff",
        None,
        1,
    ]
    with pytest.raises(hiredis.ReplyError, match="WRONGTYPE"):
        valkey.call("HGET", "a", "b")
    assert valkey.call("GET", "a") == b"\x00\xff", "a refused command costs nobody else anything"


def test_a_script_is_sent_whole_only_when_it_is_not_known(valkey: Valkey, tmp_path: Path) -> None:
    path = tmp_path / "double.lua"
    path.write_text("return {KEYS[1], ARGV[1] * 2}")
    double = Script(valkey, path)
    for _ in range(2):
        assert double(["k"], [21]) == [b"k", 42]
        valkey.call("SCRIPT", "FLUSH", "SYNC")


def test_a_server_that_died_is_found_again(own: EmbeddedValkey) -> None:
    clock = Hand()
    valkey = Valkey(own.url, own.password_file.read_text().strip(), clock)
    assert valkey.call("PING") == b"PONG"
    own.stop()
    for _ in range(3):
        with pytest.raises(Unavailable):
            valkey.call("PING")
    own.start()
    with pytest.raises(Unavailable, match="a moment ago"):
        valkey.call("PING")
    clock.step_ms += WEB_VALKEY_PAUSE_MS
    assert valkey.call("PING") == b"PONG"
    valkey.close()


def test_while_it_stands_still_only_one_waits(own: EmbeddedValkey) -> None:
    clock = Hand()
    valkey = Valkey(own.url, own.password_file.read_text().strip(), clock)
    assert valkey.call("PING") == b"PONG"
    assert own.pid is not None
    os.kill(own.pid, signal.SIGSTOP)
    with pytest.raises(Unavailable, match="in time"):
        valkey.call("PING")
    clock.step_ms += WEB_VALKEY_PAUSE_MS

    def ask(_: int) -> float:
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            valkey.call("PING")
        return time.monotonic() - begun

    with ThreadPoolExecutor(8) as pool:
        took = sorted(pool.map(ask, range(8)))
    assert took[-1] > WEB_VALKEY_TIMEOUT_MS / 1000 * 0.9, "somebody tried"
    assert took[-2] < 0.5, "and nobody else waited"
    os.kill(own.pid, signal.SIGCONT)
    clock.step_ms += 2 * (WEB_VALKEY_PAUSE_MS + WEB_VALKEY_TIMEOUT_MS)
    assert valkey.call("PING") == b"PONG"
    valkey.close()
