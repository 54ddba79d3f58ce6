"""A client's books: what is waiting, what may be answered BUSY, when everything is said."""

from loadbalancer.client import Client, Hold, cost, field_of, user_of


def sheltered(*lines: tuple[int, bytes, int | None]) -> Client:
    """A client with lines that have no server: (number, user, since or None if a server once had it)."""
    client = Client(1, 2)
    for number, user, since in lines:
        client.lanes[-1][number] = b"[%d] ADD,%b,1" % (number, user)
        if since is not None:
            client.unsent_since[number] = since
    return client


def test_lines_expire_by_their_own_age() -> None:
    client = sheltered((1, b"a", 10), (2, b"b", 20), (3, b"c", 30))
    assert client.expired(9) == []
    assert client.expired(10) == [1]
    assert client.expired(25) == [1, 2]


def test_a_line_behind_one_that_waits_on_does_not_expire() -> None:
    client = sheltered((1, b"a", None), (2, b"a", 10), (3, b"b", 10), (4, b"b", 50), (5, b"b", 50))
    assert client.expired(20) == [3]
    assert client.expired(60) == [3, 4, 5]


def test_waiting_lines_are_those_in_lanes_and_holds() -> None:
    client = sheltered((1, b"a", 1))
    client.lanes[0][2] = b"[2] ADD,b,1"
    client.holds[b"b"] = Hold(0)
    client.holds[b"b"].lines += [b"[3] ADD,b,1", b"[4] ADD,b,1"]
    client.backlog.append(b"[5] ADD,b,1")
    assert client.waiting_lines == 4


def test_a_client_is_drained_when_it_is_finished_and_has_had_everything() -> None:
    client = Client(1, 1)
    assert not client.drained
    client.finished = True
    assert client.drained
    client.backlog.append(b"x")
    assert not client.drained
    client.backlog.clear()
    client.waiting_bytes = 1
    assert not client.drained
    client.waiting_bytes = 0
    client.output.put(b"x")
    assert not client.drained


def test_the_field_the_user_and_the_cost_of_a_line() -> None:
    assert field_of(b"[1] BUY,u \r,A,1") == b"u \r"
    assert field_of(b"[1] COMMIT_BUY,u ") == b"u "
    assert field_of(b"[1] QUOTE") == b""
    assert user_of(b"u \r") == b"u"
    assert user_of(b"XX\x0b") == b"XX\x0b"
    assert user_of(b"XX") == b"XX"
    assert cost(b"12345") > 5
