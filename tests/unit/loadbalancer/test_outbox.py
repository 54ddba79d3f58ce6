"""The outbox: the same bytes come out, however little the socket takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadbalancer.outbox import Outbox


class Socket:
    """Takes as many bytes at each call as it was told to; 0 is a full buffer, None a dead peer."""

    def __init__(self, appetite: list[int | None]) -> None:
        self.appetite = appetite
        self.taken = b""
        self.calls = 0

    def send(self, data: bytes | memoryview, /) -> int:
        self.calls += 1
        wanted = self.appetite.pop(0) if self.appetite else len(data)
        if wanted is None:
            raise ConnectionResetError
        if wanted == 0:
            raise BlockingIOError
        self.taken += bytes(data[:wanted])
        return min(wanted, len(data))


@given(
    st.lists(st.binary(max_size=50), max_size=20),
    st.lists(st.integers(min_value=0, max_value=70), max_size=30),
)
def test_nothing_is_lost_or_changed(parts: list[bytes], appetite: list[int]) -> None:
    outbox, socket = Outbox(), Socket(list(appetite))
    gone = 0
    for part in parts:
        outbox.put(part)
        gone += outbox.flush(socket)
        assert outbox.size + gone == outbox.size + len(socket.taken)
    while outbox.size:
        gone += outbox.flush(socket)
    assert socket.taken == b"".join(parts)
    assert gone == len(socket.taken)


def test_many_parts_are_one_call() -> None:
    outbox, socket = Outbox(), Socket([])
    for _ in range(1000):
        outbox.put(b"line\n")
    assert outbox.flush(socket) == 5000
    assert socket.calls == 1


def test_a_full_socket_is_asked_once() -> None:
    outbox, socket = Outbox(), Socket([3, 0])
    outbox.put(b"abcdef")
    assert outbox.flush(socket) == 3
    assert socket.calls == 1
    assert outbox.flush(socket) == 0
    assert outbox.size == 3


def test_large_amounts_are_not_copied_together_at_once() -> None:
    outbox, socket = Outbox(), Socket([])
    for _ in range(5):
        outbox.put(b"x" * 700_000)
    assert outbox.flush(socket) == 3_500_000
    assert socket.calls == 3


def test_a_dead_socket_raises_and_clear_forgets() -> None:
    outbox = Outbox()
    outbox.put(b"abc")
    with pytest.raises(ConnectionResetError):
        outbox.flush(Socket([None]))
    outbox.clear()
    assert outbox.size == 0
    assert outbox.flush(Socket([])) == 0
