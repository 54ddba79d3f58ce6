"""Metrics as somebody else reads them: the text over HTTP, and what a reader makes of it."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.core import Metric

from core import metrics
from core.errors import Unavailable
from core.histogram import Histogram
from core.settings import Address, Settings

ROOT = Path(__file__).parents[3]
_DIES = """
import time
from core import log, metrics
from core.settings import Settings
log.configure("sample")
def collect():
    raise KeyError("a bug")
metrics.serve(Settings(), "sample", collect)
print("ready", flush=True)
time.sleep(20)
"""


@pytest.fixture
def address() -> Address:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return Address(found.getsockname())


def shown(address: Address, *families: Metric) -> None:
    metrics.serve(Settings(name="sample-3", metrics=address), "sample", lambda: families)


def test_counters_gauges_and_histograms_arrive_as_they_were_counted(address: Address) -> None:
    times = Histogram((1, 2, 5))
    for number in (0.5, 1, 1.5, 4, 5, 6):
        times.observe(number)
    by_code = {"OK": 7, 'say "no"\n': 2}
    shown(
        address,
        metrics.counter("daytrade_things_total", "Things.", 41),
        metrics.counters("daytrade_codes_total", "Codes.", "code", by_code),
        metrics.gauge("daytrade_waiting", "Waiting.", 3),
        metrics.histogram("daytrade_seconds", "How long.", times),
    )
    reading = metrics.fetch(address)
    assert reading.total("daytrade_things_total") == 41
    assert reading.by_label("daytrade_codes_total", "code") == by_code
    assert reading.total("daytrade_codes_total") == 9
    assert reading.total("daytrade_codes_total", code="OK") == 7
    assert reading.total("daytrade_waiting") == 3
    assert reading.by_label("daytrade_seconds_bucket", "le") == {"1.0": 2, "2.0": 3, "5.0": 5, "+Inf": 6}
    assert reading.total("daytrade_seconds_sum") == 18
    assert reading.total("daytrade_seconds_count") == 6
    assert reading.total("daytrade_nothing") is None


def test_a_tier_says_who_it_is_and_what_its_process_uses(address: Address) -> None:
    shown(address)
    reading = metrics.fetch(address)
    assert reading.total("daytrade_up", tier="sample-3", kind="sample") == 1
    started = reading.total("daytrade_process_start_time_seconds")
    memory = reading.total("daytrade_process_resident_memory_bytes")
    assert started is not None
    assert memory is not None
    assert time.time() - 86_400 < started <= time.time()
    assert memory > 10_000_000
    assert reading.total("daytrade_process_cpu_seconds_total")


def test_each_reading_is_of_its_own_moment(address: Address) -> None:
    counts = iter(range(3))

    def collect() -> Iterator[Metric]:
        yield metrics.counter("daytrade_readings_total", "Readings.", next(counts))

    metrics.serve(Settings(metrics=address), "sample", collect)
    totals = [metrics.fetch(address).total("daytrade_readings_total") for _ in range(3)]
    assert totals == [0, 1, 2]


def test_nothing_is_shown_where_nobody_asked_for_it() -> None:
    metrics.serve(Settings(), "sample", lambda: pytest.fail("nobody reads"))


def test_who_does_not_speak_costs_the_next_reader_seconds_and_not_more(address: Address) -> None:
    shown(address)
    with socket.create_connection(address):
        began = time.monotonic()
        assert metrics.fetch(address, timeout_s=10.0).total("daytrade_up") == 1
        assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "line", [b"GET / HTTP/1.0", b"GET http://[::1 HTTP/1.0", b"\xff\x00 ? ?", b"POST /metrics HTTP/1.0"]
)
def test_a_request_that_makes_no_sense_is_refused_and_harms_nobody(address: Address, line: bytes) -> None:
    shown(address)
    with socket.create_connection(address, 5) as sock:
        sock.sendall(line + b"\r\n\r\n")
        answer = sock.recv(4096)
    assert b"200" not in answer.partition(b"\n")[0]
    assert metrics.fetch(address).total("daytrade_up") == 1


def test_a_collector_that_raises_is_a_bug_and_ends_the_process(address: Address) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", _DIES],
        env={"DAYTRADE_METRICS": str(address), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    with pytest.raises(Unavailable):
        metrics.fetch(address)
    _, said = child.communicate(timeout=20)
    assert child.returncode == 70
    assert "a bug" in said


def test_who_cannot_be_reached_or_speaks_otherwise_is_unavailable(address: Address) -> None:
    with pytest.raises(Unavailable, match=str(address)):
        metrics.fetch(address)
    with socket.create_server(address) as listener:
        listener.settimeout(5)
        with pytest.raises(Unavailable):
            metrics.fetch(address, timeout_s=0.2)


def test_what_is_no_text_of_metrics_is_refused() -> None:
    for text in ("x{", "<html> <body>", "x y", 'x{a="b"', "x"):
        with pytest.raises(ValueError, match=r"metric name|to float"):
            metrics.parse(text)
