"""The balancer as a process, with real web servers: what clients do to it, and what it owes them."""

import contextlib
import json
import resource
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from core.limits import MAX_LINE_BYTES
from tests.unit.loadbalancer.tiers import LineClient, Stack, Tier, free_port, stack

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running() -> Iterator[Stack]:
    """One stack for all tests here; each has users of its own."""
    with stack() as made:
        yield made


def turns(lines: list[bytes]) -> list[int]:
    """Which of the user's requests each reply is the answer to."""
    return [json.loads(line.partition(b"{")[1] + line.partition(b"{")[2])["turn"] for line in lines]


def test_two_requests_in_one_segment_and_one_in_many(running: Stack) -> None:
    with LineClient(running.port) as client:
        client.send(b"[1] ADD,segment,1\r\n[2] ADD,segment,2 \r\n")
        assert turns(client.lines(2)) == [1, 2]
        for byte in b"[3] ADD,segment,3\r\n[4] ADD,segment,4\n":
            client.send(bytes([byte]))
        assert turns(client.lines(2)) == [3, 4]


def test_a_person_with_nc(running: Stack) -> None:
    with LineClient(running.port) as client:
        client.send(b"ADD,person,1\nQUOTE,person,ABC\nFOO\n[9] BUY,person,ABC\nADD,person,")
        client.socket.shutdown(socket.SHUT_WR)
        replies = client.rest().splitlines()
    assert [reply.split(b" ")[:2] for reply in replies if b"turn" in reply] == [
        [b"[1]", b"OK"],
        [b"[2]", b"OK"],
    ]
    assert sorted(reply.split(b'","')[0] for reply in replies if b"ERR" in reply) == [
        b'[3] ERR {"code":"UNKNOWN_COMMAND',
        b'[9] ERR {"code":"BAD_REQUEST',
    ]


def test_sessions_are_shared_and_repeats_have_the_same_reply(running: Stack) -> None:
    with LineClient(running.port) as one, LineClient(running.port) as two:
        assert one.ask(b"SESSION shared") == two.ask(b"SESSION shared") == b"SESSION OK"
        first = one.ask(b"[1] ADD,sharer,1")
        assert two.ask(b"[1] ADD,sharer,1") == first
        assert two.ask(b"ADD,sharer,2").startswith(b"[2] OK")
        assert one.ask(b"ADD,sharer,3").startswith(b"[3] OK")


def test_refusals_keep_their_place_among_a_users_replies(running: Stack) -> None:
    lines = [b"[%d] ADD,orderly,%b" % (number, b"1" if number % 3 else b"x") for number in range(1, 2001)]
    with LineClient(running.port) as client:
        client.send(b"\n".join(lines) + b"\n")
        replies = client.lines(2000)
    assert [int(reply[1 : reply.index(b"]")]) for reply in replies] == list(range(1, 2001))
    assert all((b"BAD_AMOUNT" in reply) == (number % 3 == 0) for number, reply in enumerate(replies, 1))


BAD_INPUT = {
    "binary": bytes(range(256)) * 20,
    "a line of 1 MB": b"x" * (1 << 20) + b"\n",
    "1 MB without an end": b"[1] ADD,bad,1" + b"0" * (1 << 20),
    "half a line": b"[1] ADD,bad",
    "nul": b"\0\n[1] ADD,b\0d,1\n",
    "not utf-8": b"[1] ADD,\xff\xfe,1\n\xc3\x28\n",
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "commas": b"," * 8000 + b"\n" + b"[3]" + b"," * 8000 + b"\n",
    "brackets": b"[" * 8000 + b"\n",
    "long number": b"[" + b"9" * 8000 + b"] ADD,u,1\n",
    "blank lines": b"\n \r\n\t\n" * 50_000,
    "session again": b"[1] ADD,bad,1\nSESSION x\n",
}


@pytest.mark.parametrize("data", BAD_INPUT.values(), ids=list(BAD_INPUT))
def test_bad_input_is_that_clients_own_trouble(running: Stack, data: bytes) -> None:
    with LineClient(running.port) as good, LineClient(running.port) as bad:
        before = turns([good.ask(b"ADD,bystander,1")])
        with contextlib.suppress(ConnectionError):
            bad.send(data)
            bad.socket.shutdown(socket.SHUT_WR)
        for reply in bad.rest().splitlines():
            assert reply.startswith(b"[")
            assert b"] ERR {" in reply or b"] OK {" in reply
        assert turns([good.ask(b"ADD,bystander,2")]) == [before[0] + 1]
    assert all(tier.process.poll() is None for tier in (running.balancer, *running.web_servers))


def test_a_line_that_is_too_long_is_answered_and_the_connection_closed(running: Stack) -> None:
    with LineClient(running.port) as client:
        client.send(b"[1] ADD,longwinded,1\n" + b"x" * (MAX_LINE_BYTES + 1) + b"\n[2] ADD,longwinded,2\n")
        replies = client.rest().splitlines()
    assert sorted(reply.split(b" ")[0] for reply in replies) == [b"[0]", b"[1]"]
    with LineClient(running.port) as client:
        assert client.ask(b"[1] ADD,u," + b"0" * (MAX_LINE_BYTES - 10)).startswith(
            b'[1] ERR {"code":"BAD_AMOUNT"'
        )


def test_half_a_line_and_silence_may_stay(running: Stack) -> None:
    with LineClient(running.port) as silent:
        silent.send(b"[1] ADD,sil")
        with LineClient(running.port) as other:
            assert other.ask(b"ADD,loud,1").startswith(b"[1] OK")
        silent.send(b"ent,1\n")
        assert silent.line().startswith(b"[1] OK")


def test_ten_thousand_idle_connections(running: Stack) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, hard - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as opened:
        idle = [opened.enter_context(LineClient(running.port)) for _ in range(count)]
        with LineClient(running.port) as busy:
            assert busy.ask(b"ADD,crowd,1").startswith(b"[1] OK")
        assert idle[count // 2].ask(b"ADD,crowd,2").startswith(b"[1] OK")
        assert idle[-1].ask(b"ADD,crowd,3").startswith(b"[1] OK")


def test_a_client_that_does_not_read_is_not_read_and_holds_nobody_up(running: Stack) -> None:
    line = b"[%d] ADD,deaf,1\n"
    with LineClient(running.port) as deaf, LineClient(running.port) as other:
        deaf.socket.setblocking(False)
        sent, number, rest = 0, 0, b""
        stuck_since = time.monotonic()
        while time.monotonic() - stuck_since < 1 and number < 3_000_000:
            if not rest:
                rest = b"".join(line % n for n in range(number + 1, number + 1001))
                number += 1000
            try:
                gone = deaf.socket.send(rest)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                sent, rest, stuck_since = sent + gone, rest[gone:], time.monotonic()
        assert rest, "it was read without end"
        assert other.ask(b"ADD,hearing,1").startswith(b"[1] OK")
        deaf.socket.settimeout(20)
        whole = number - 1000 + (1000 - rest.count(b"\n"))
        replies = deaf.lines(whole)
    assert turns(replies) == list(range(1, whole + 1))


def test_replies_to_a_client_that_left_are_discarded(running: Stack) -> None:
    for _ in range(20):
        client = LineClient(running.port)
        client.send(b"".join(b"[%d] ADD,leaver,1\n" % n for n in range(1, 500)))
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.socket.close()
    with LineClient(running.port) as client:
        assert client.ask(b"ADD,stayer,1").startswith(b"[1] OK")


def test_surplus_connections_are_closed_at_once() -> None:
    with stack(1, 1, descriptors=100) as small, contextlib.ExitStack() as opened:
        clients = [opened.enter_context(LineClient(small.port)) for _ in range(60)]
        answered = 0
        for client in clients:
            with contextlib.suppress(ConnectionError):
                client.send(b"ADD,u,1\n")
                answered += bool(client.line())
        assert 20 <= answered <= 36
        assert clients[0].ask(b"ADD,u,1").startswith(b"[2] OK")


def test_a_stop_answers_what_was_asked() -> None:
    with stack() as made:
        for shard in made.shards:
            shard.shard.delay_s = 0.3
        with LineClient(made.port) as client, LineClient(made.port) as idle:
            client.send(b"".join(b"[%d] ADD,u%d,1\n" % (n, n) for n in range(1, 101)))
            assert client.line()
            client.send(b"[101] ADD,late,1\n")
            assert made.balancer.stop() == 0
            replies = client.rest().splitlines()
            assert len([reply for reply in replies if b" OK " in reply]) in (99, 100)
            assert idle.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            LineClient(made.port)


def test_a_stop_does_not_wait_for_ever() -> None:
    with stack(1, 1) as made:
        made.shards[0].shard.silent = True
        with LineClient(made.port) as client:
            client.send(b"ADD,u,1\n")
            deadline = time.monotonic() + 5
            while not made.shards[0].shard.applied and time.monotonic() < deadline:
                time.sleep(0.01)
            made.web_servers[0].signal(signal.SIGSTOP)
            assert made.balancer.stop() == 0


def test_it_needs_to_know_its_web_servers() -> None:
    with pytest.raises(AssertionError):
        Tier("loadbalancer", free_port())
