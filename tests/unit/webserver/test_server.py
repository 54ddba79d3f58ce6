"""The web server as a process: links that talk nonsense, shards that are away, back-pressure, a clean stop."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from core.framing import (
    LINK_HIGHEST,
    LINK_LINES,
    LINK_PING,
    FrameDecoder,
    decode_link,
    encode_link,
)
from core.limits import MAX_WAITING_REQUESTS_PER_SHARD
from tests.unit.loadbalancer.tiers import Tier, free_port, running, web_server
from tests.unit.webserver.fake_shard import ShardThread

pytestmark = pytest.mark.slow


class Balancer:
    """A link as a load balancer has it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self._decoder = FrameDecoder()
        self._frames: list[tuple[int, bytes]] = []

    def send(self, kind: int, text: bytes, connection: int = 1, session: bytes = b"s") -> None:
        self.socket.sendall(encode_link(kind, connection, session, text))

    def frame(self) -> tuple[int, int, bytes]:
        """The next frame: kind, connection, text. Raises EOFError at the end."""
        while not self._frames:
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError
            self._frames += self._decoder.feed(data)
        kind, payload = self._frames.pop(0)
        connection, _, text = decode_link(payload)
        return kind, connection, text

    def replies(self, count: int) -> list[bytes]:
        """The next so many reply lines."""
        lines: list[bytes] = []
        while len(lines) < count:
            lines += self.frame()[2].splitlines()
        return lines

    def closed(self) -> bool:
        """Whether the other side closed."""
        with contextlib.suppress(EOFError, ConnectionError):
            self.frame()
            return False
        return True


@pytest.fixture
def shard() -> Iterator[ShardThread]:
    with ShardThread(free_port()) as thread:
        yield thread


@pytest.fixture
def server(shard: ShardThread) -> Iterator[Tier]:
    made = web_server(free_port(), [shard.port])
    with running(made):
        yield made


def numbered(first: int, last: int) -> bytes:
    lines = (b"[%d] ADD,%060d,1\n" % (number, number % 10) for number in range(first, last + 1))
    return b"".join(lines)


def numbers(replies: list[bytes]) -> list[int]:
    return [int(reply[1 : reply.index(b"]")]) for reply in replies]


def test_lines_pings_and_questions(server: Tier) -> None:
    link = Balancer(server.port)
    link.send(LINK_PING, b"abc")
    assert link.frame() == (LINK_PING, 1, b"abc")
    link.send(LINK_LINES, numbered(1, 500), connection=7)
    assert numbers(link.replies(500)) == list(range(1, 501))
    link.send(LINK_HIGHEST, b"")
    assert link.frame() == (LINK_HIGHEST, 1, b"500")


def test_slices_of_one_byte(server: Tier) -> None:
    link = Balancer(server.port)
    for byte in encode_link(LINK_LINES, 3, b"s", numbered(1, 3)):
        link.socket.send(bytes([byte]))
    assert numbers(link.replies(3)) == [1, 2, 3]


NONSENSE = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"\0\0\0\0\0",
    bytes(range(255, 0, -1)),
    encode_link(LINK_LINES, 1, b"s", b"no number\n"),
    encode_link(LINK_LINES, 1, b"", b"[1] ADD,u,1\n"),
    encode_link(77, 1, b"s", b""),
]


def test_nonsense_costs_that_link_only(server: Tier) -> None:
    good = Balancer(server.port)
    for number, nonsense in enumerate(NONSENSE, 1):
        bad = Balancer(server.port)
        bad.socket.sendall(nonsense)
        assert bad.closed()
        good.send(LINK_LINES, numbered(number, number))
        assert numbers(good.replies(1)) == [number]


def test_replies_to_a_link_that_is_gone_are_discarded(server: Tier, shard: ShardThread) -> None:
    shard.shard.delay_s = 0.1
    for _ in range(5):
        link = Balancer(server.port)
        link.send(LINK_LINES, numbered(1, 1000))
        link.socket.close()
    link = Balancer(server.port)
    link.send(LINK_LINES, numbered(1, 3))
    assert numbers(link.replies(3)) == [1, 2, 3]


def test_a_shard_that_was_away_gets_everything_once(server: Tier, shard: ShardThread) -> None:
    link = Balancer(server.port)
    shard.shard.silent = True
    link.send(LINK_LINES, numbered(1, 50))
    deadline = time.monotonic() + 10
    while len(shard.shard.applied) < 50 and time.monotonic() < deadline:
        time.sleep(0.01)
    shard.away()
    link.send(LINK_LINES, numbered(51, 100))
    shard.shard.silent = False
    shard.listen()
    assert numbers(link.replies(100)) == list(range(1, 101))
    assert [request.number for request in shard.shard.applied] == list(range(1, 101))


def test_it_stops_reading_when_a_shard_is_behind_but_answers_pings(server: Tier, shard: ShardThread) -> None:
    link, pings = Balancer(server.port), Balancer(server.port)
    shard.away()
    count = 3 * MAX_WAITING_REQUESTS_PER_SHARD
    sender = threading.Thread(target=send_all, args=(link, count))
    sender.start()
    sender.join(3)
    assert sender.is_alive(), "it took more than it may hold"
    pings.send(LINK_PING, b"alive?")
    assert pings.frame() == (LINK_PING, 1, b"alive?")
    shard.listen()
    assert numbers(link.replies(count)) == list(range(1, count + 1))
    sender.join(10)


def send_all(link: Balancer, count: int) -> None:
    for first in range(1, count + 1, 1000):
        link.send(LINK_LINES, numbered(first, first + 999))


def test_a_stop_answers_what_was_taken(server: Tier, shard: ShardThread) -> None:
    shard.shard.delay_s = 0.3
    link, idle = Balancer(server.port), Balancer(server.port)
    link.send(LINK_LINES, numbered(1, 100))
    time.sleep(0.1)
    assert server.stop() == 0
    assert numbers(link.replies(100)) == list(range(1, 101))
    assert link.closed()
    assert idle.closed()


def test_a_stop_does_not_wait_for_ever(server: Tier, shard: ShardThread) -> None:
    shard.shard.silent = True
    link = Balancer(server.port)
    link.send(LINK_LINES, numbered(1, 1))
    time.sleep(0.1)
    assert server.stop() == 0
    assert link.closed()


def test_it_needs_to_know_its_shards() -> None:
    with pytest.raises(AssertionError):
        Tier("webserver", free_port())
