"""The client of the web benchmark: answers read from any pieces, each lane in order, every due request sent once."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import _http
from bench._http import Reader
from core.errors import ProtocolError

ANSWER = b"HTTP/1.1 201 CREATED\r\nDate: now\r\ncontent-LENGTH: 5\r\nConnection: keep-alive\r\n\r\n{...}"


@given(st.lists(st.integers(1, len(ANSWER) - 1), max_size=8))
def test_an_answer_is_read_from_any_pieces(cuts: list[int]) -> None:
    reader = Reader()
    edges = [0, *sorted(set(cuts)), len(ANSWER)]
    for _ in range(2):  # the connection is kept
        found = [reader.feed(ANSWER[start:end]) for start, end in itertools.pairwise(edges)]
        assert [each for each in found if each is not None] == [(201, b"{...}")]
        assert found[-1] is not None


def test_an_answer_without_a_body() -> None:
    assert Reader().feed(b"HTTP/1.1 204 NO CONTENT\r\nServer: x\r\n\r\n") == (204, b"")


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ANSWER + b"more",
        b"x" * 20_000,
    ],
)
def test_anything_else_is_an_error(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        Reader().feed(data)


class Echo(asyncio.Protocol):
    """Answers a request with its own first line, after a moment; closes where it is told to."""

    heard: list[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        line = data.split(b"\r\n")[0]
        self.heard.append(line)
        if line == b"END":
            self.transport.abort()
        else:
            asyncio.get_running_loop().call_later(0.002, self._answer, line)

    def _answer(self, line: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(line), line))


@contextmanager
def echo() -> Iterator[tuple[tuple[str, int], list[bytes]]]:
    heard: list[bytes] = []
    protocol = type("Own", (Echo,), {"heard": heard})
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(protocol, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname(), heard
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def request(lane: int, place: int) -> bytes:
    return f"{lane} {place}\r\n\r\n".encode()


def test_paced_sends_each_once_and_each_lane_in_order() -> None:
    with echo() as (address, heard):
        answers = _http.paced(address, 3, request, 2_000, 30)
    assert sorted((each.lane, each.place) for each in answers) == [
        (lane, place) for lane in range(3) for place in range(10)
    ]
    for lane in range(3):
        own = [int(line.split()[1]) for line in heard if int(line.split()[0]) == lane]
        assert own == list(range(10))
    assert all(each.body == f"{each.lane} {each.place}".encode() for each in answers)
    assert all(each.status == 200 and each.ms > 1 for each in answers)


def test_a_request_that_had_to_wait_is_charged_since_it_was_due() -> None:
    """One lane of 2 ms a request, all due at once: the last waited for all others."""
    with echo() as (address, _):
        answers = _http.paced(address, 1, request, 1e9, 20)
    assert answers[-1].ms > 19 * 2


def test_flat_out_ends_with_whole_pairs() -> None:
    with echo() as (address, _):
        answers = _http.flat_out(address, 4, request, 0.05, 2)
    for lane in range(4):
        places = sorted(each.place for each in answers if each.lane == lane)
        assert places == list(range(len(places)))
        assert len(places) % 2 == 0
        assert len(places) >= 2


def test_a_connection_that_breaks_is_an_error() -> None:
    with echo() as (address, _), pytest.raises(ConnectionError):
        _http.paced(address, 1, lambda lane, place: b"END\r\n\r\n", 100, 1)
