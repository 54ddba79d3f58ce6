"""The proxy and the client that insists, over real sockets to a system that answers every line."""

import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from core.settings import Address
from faults import client
from faults.proxy import Proxy, SharedLedger


class _Answers(socketserver.StreamRequestHandler):
    """`SESSION OK`, then OK to each line; as the real one, only to whole lines."""

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"SESSION"):
                self.wfile.write(b"SESSION OK\n")
            elif line.endswith(b"\n"):
                self.server.seen.append(line)  # type: ignore[attr-defined]
                self.wfile.write(b'%b OK {"cash":"1.00"}\n' % line.split(b" ")[0])


class _System(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.seen: list[bytes] = []


@pytest.fixture
def system() -> Iterator[_System]:
    with _System() as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def proxy(system: _System) -> Iterator[Proxy]:
    host, port = system.server_address[:2]
    one = Proxy(Address((str(host), port)), SharedLedger(), seed=1)
    one.start()
    yield one
    one.stop()


def lines(first: int, count: int) -> list[str]:
    return [f"[{number}] ADD,ann,1.00" for number in range(first, first + count)]


def ask(proxy: Proxy, some: list[str], seconds: float = 10.0) -> SharedLedger:
    ledger = SharedLedger()
    client.ask(proxy.address, "s", some, ledger, seconds)
    return ledger


def test_what_passes_is_noted(system: _System, proxy: Proxy) -> None:
    ask(proxy, lines(1, 50))
    assert len(system.seen) == 50
    noted = proxy._ledger
    assert (noted.sent_count, noted.acknowledged, noted.contradiction_count) == (50, 50, 0)


@pytest.mark.parametrize("what", ["requests", "replies"])
def test_a_cut_connection_leaves_requests_unknown_until_they_are_asked_again(proxy: Proxy, what: str) -> None:
    setattr(proxy, f"{what}_to_cut", 3)
    ledger = ask(proxy, lines(1, 200))
    assert proxy.struck[f"{what} cut"] == 3
    assert ledger.ever_unknown > 0
    assert (ledger.unanswered, ledger.contradiction_count) == (set(), 0)
    assert (proxy._ledger.unanswered, proxy._ledger.contradiction_count) == (set(), 0)


def test_a_request_that_was_cut_within_its_line_never_arrives_whole(system: _System, proxy: Proxy) -> None:
    proxy.requests_to_cut = 1
    ask(proxy, lines(1, 1))
    assert system.seen == [b"[1] ADD,ann,1.00\n"]


def test_slices_and_delays_change_nothing_but_the_time(system: _System, proxy: Proxy) -> None:
    proxy.slicing = True
    ask(proxy, lines(1, 20))
    assert proxy.struck["slices"] > 20 * len("[1] ADD,ann,1.00")
    proxy.slicing, proxy.delay_s = False, 0.05
    ask(proxy, lines(21, 1))
    assert proxy.struck["delays"] >= 2
    assert system.seen == [f"{line}\n".encode() for line in lines(1, 21)]


def test_the_pace_is_kept(proxy: Proxy) -> None:
    proxy.rate = 200.0
    start_s = time.monotonic()
    ask(proxy, lines(1, 200))
    assert time.monotonic() - start_s > 0.5


def test_nobody_there(proxy: Proxy) -> None:
    nowhere = Address(("127.0.0.1", 1))
    with pytest.raises(client.NoAnswer, match=r"\[1\]"):
        client.ask(nowhere, "s", lines(1, 1), SharedLedger(), 0.2)
    with pytest.raises(client.NoAnswer):
        client.ask_again(nowhere, "s", lines(1, 1), SharedLedger(), 0.2)
