"""The Balancer by example: each rule of its docstring once, and everything a client can do wrong."""

import json

import pytest

from core.errors import ProtocolError
from core.framing import LINK_LINES, LINK_PING, encode_link
from core.limits import (
    DOWN_DEADLINE_MS,
    MAX_LINE_BYTES,
    MAX_NUMBER,
    MAX_OUTPUT_BYTES_PER_CONNECTION,
    MAX_WAITING_BYTES_PER_CONNECTION,
    MAX_WAITING_LINES_PER_CONNECTION,
)
from tests.unit.loadbalancer.world import Person, World


@pytest.fixture
def world() -> World:
    """One balancer, two web servers of which the first is up."""
    made = World(2)
    made.up(0)
    return made


def ask(world: World, person: Person, data: bytes) -> list[bytes]:
    """Sends bytes, lets everything run, returns the new replies."""
    before = len(person.replies)
    world.send(person, data)
    world.settle()
    return person.replies[before:]


def code(reply: bytes) -> str:
    head, _, body = reply.partition(b"{")
    assert head == b"[0] ERR "
    found: str = json.loads(b"{" + body)["code"]
    return found


def user_of_server(world: World, server: int) -> bytes:
    """A user whom this server owns when both are up."""
    both = World(2)
    both.up(0)
    both.up(1)
    person = both.connect()
    for number in range(1, 1000):
        both.send(person, b"[%d] ADD,u%d,1\n" % (number, number))
        if both.deliver(server):
            return b"u%d" % number
    raise AssertionError("one server owns everybody")


def test_lines_go_to_a_server_and_replies_come_back(world: World) -> None:
    person = world.connect()
    assert ask(world, person, b"[5] ADD,u,1\r\n\r\n  \n[6] QUOTE,u,7 \n") == [
        b'[5] OK {"token":1}',
        b'[6] OK {"token":7}',
    ]
    assert world.store.bodies == {
        (b"anonymous0", 5): b"ADD,u,1",
        (b"anonymous0", 6): b"QUOTE,u,7",
    }


def test_a_session_is_named_by_the_first_line(world: World) -> None:
    person = world.connect()
    assert ask(world, person, b"\r\n \nSESSION mine \r\n[1] ADD,u,1\n") == [
        b"SESSION OK",
        b'[1] OK {"token":1}',
    ]
    assert world.store.highest(b"mine") == 1


@pytest.mark.parametrize(
    "line", [b"SESSION", b"SESSION a b", b"SESSION " + b"x" * 65, b"SESSION \xff", b"SESSION,a"]
)
def test_a_badly_named_session_is_refused_and_the_connection_has_its_own(world: World, line: bytes) -> None:
    person = world.connect()
    refusal, reply = ask(world, person, line + b"\n[1] ADD,u,1\n")
    assert code(refusal) == "BAD_REQUEST"
    assert reply == b'[1] OK {"token":1}'
    assert code(ask(world, person, b"SESSION late\n")[0]) == "BAD_REQUEST"
    assert world.store.highest(b"anonymous0") == 1


def test_session_after_the_first_line_is_refused(world: World) -> None:
    person = world.connect()
    replies = ask(world, person, b"[1] ADD,u,1\nSESSION a\n[2] SESSION a\n")
    assert code(replies[0]) == "BAD_REQUEST"
    assert len(replies) == 3, "with a number it is a line like any other: the web server refuses it"


@pytest.mark.parametrize(
    "line",
    [b"[0] X", b"[x] X", b"[-1] X", b"[9007199254740993] X", b"[1", b"[", b"[]", b"[1,2] X", b"[ 1] X"],
)
def test_a_number_that_cannot_be_read(world: World, line: bytes) -> None:
    person = world.connect()
    assert [code(reply) for reply in ask(world, person, line + b"\n")] == ["BAD_REQUEST"]


def test_digits_without_end_are_no_number(world: World) -> None:
    assert code(ask(world, world.connect(), b"[" + b"1" * 6000 + b"] X\n")[0]) == "BAD_REQUEST"


def test_a_line_that_is_too_long_ends_the_connection_after_what_was_asked(world: World) -> None:
    person = world.connect()
    replies = ask(world, person, b"SESSION s\n[1] ADD,u,1\n" + b"x" * (MAX_LINE_BYTES + 1))
    assert replies[0] == b"SESSION OK"
    assert code(replies[1]) == "BAD_REQUEST"
    assert replies[2] == b'[1] OK {"token":1}'
    assert person.client.drained
    assert not world.balancer.wants_input(person.client)


@pytest.mark.parametrize(
    "line", [b"\0", b"\xff\xfe", b"ADD,\0,1", b"[7] \x80,\x81", b"},{", b"ADD" + b"," * 5000]
)
def test_binary_lines_are_lines(world: World, line: bytes) -> None:
    person = world.connect()
    assert len(ask(world, person, line + b"\n")) == 1
    assert len(ask(world, person, b"ADD,u,1\n")) == 1


def test_lines_without_a_number_get_the_next_one(world: World) -> None:
    person = world.connect()
    replies = ask(world, person, b"ADD,u,1\nADD,u,2\n[40] ADD,u,3\nADD,u,4\n[7] ADD,u,5\nADD,u,6\n")
    assert [reply.split(b" ")[0] for reply in replies] == [b"[1]", b"[2]", b"[40]", b"[41]", b"[7]", b"[42]"]


def test_connections_of_a_session_number_together(world: World) -> None:
    one, two = world.connect(), world.connect()
    ask(world, one, b"SESSION s\nADD,u,1\n")
    assert ask(world, two, b"SESSION s\nADD,u,2\n")[1].startswith(b"[2] ")
    world.leave(one)
    world.leave(two)
    assert ask(world, world.connect(), b"SESSION s\nADD,u,3\n")[1].startswith(b"[3] ")


def test_what_an_earlier_balancer_did_is_asked_for_once(world: World) -> None:
    world.store.bodies[b"s", 1000] = b"before"
    person = world.connect()
    world.send(person, b"SESSION s\n[5] ADD,u,1\nADD,u,2\n[7] ADD,u,3\n")
    world.deliver(0)
    assert world.webs[0].questions == [b"s"]
    assert [line.number for line in world.webs[0].lines] == [5], (
        "the others wait, so that the user's order holds"
    )
    world.settle()
    assert [reply.split(b" ")[0] for reply in person.replies[1:]] == [b"[5]", b"[1001]", b"[7]"]
    assert not ask(world, person, b"")
    assert ask(world, person, b"ADD,u,4\n")[0].startswith(b"[1002] ")


def test_a_session_whose_highest_number_cannot_be_had_is_busy(world: World) -> None:
    person = world.connect()
    world.send(person, b"SESSION s\nADD,u,1\n[7] ADD,u,2\n")
    world.deliver(0)
    world.tell_highest(0, known=False)
    assert code(person.replies[1]) == "BUSY"
    world.settle()
    assert person.replies[2] == b'[7] OK {"token":2}'


def test_a_session_has_an_end(world: World) -> None:
    person = world.connect()
    replies = ask(world, person, b"[%d] ADD,u,1\nADD,u,2\n" % MAX_NUMBER)
    assert code(replies[0]) == "BAD_REQUEST"


def test_a_dead_servers_lines_are_sent_again_in_order(world: World) -> None:
    person = world.connect()
    user = user_of_server(world, 0)
    world.send(person, b"".join(b"[%d] ADD,%b,%d\n" % (n, user, n) for n in (3, 1, 2)))
    world.deliver(0)
    world.answer(0, [0])
    world.up(1)
    world.down(0)
    again = world.deliver(1)
    assert [(line.number, line.resent) for line in again] == [(1, True), (2, True)]
    world.settle()
    assert person.replies == [b'[%d] OK {"token":%d}' % (n, n) for n in (3, 1, 2)]


def test_a_server_that_returns_does_not_overtake(world: World) -> None:
    person = world.connect()
    user = user_of_server(world, 1)
    world.send(person, b"[1] ADD,%b,1\n" % user)
    world.deliver(0)
    world.up(1)
    world.send(person, b"[2] ADD,%b,2\n" % user)
    assert not world.deliver(1), "the first line is still under way at the other server"
    world.answer(0, [0])
    assert [line.number for line in world.deliver(1)] == [2]


def test_a_server_that_returns_gets_users_without_lines_under_way_at_once(world: World) -> None:
    person = world.connect()
    world.up(1)
    user = user_of_server(world, 1)
    world.send(person, b"[1] ADD,%b,1\n" % user)
    assert [line.number for line in world.deliver(1)] == [1]


def test_a_number_under_way_waits_for_its_first(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n[1] ADD,u,1\n[2] ADD,u,2\n[3] ADD,v,3\n[1] ADD,w,4\n[4] ADD,w,5\n")
    assert [(line.number, line.user) for line in world.deliver(0)] == [(1, b"u"), (3, b"v")]
    world.settle()
    assert [reply.split(b" ")[0] for reply in person.replies] == [
        b"[1]",
        b"[3]",
        b"[1]",
        b"[2]",
        b"[1]",
        b"[4]",
    ]


def test_without_servers_lines_wait_and_then_are_busy() -> None:
    world = World(2)
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.pass_time(DOWN_DEADLINE_MS - 1)
    assert world.balancer.needs_time
    world.send(person, b"[2] ADD,v,2\n")
    assert not person.replies
    world.pass_time(1)
    [busy] = person.replies
    assert busy.startswith(b'[1] ERR {"code":"BUSY"')
    world.up(1)
    assert [line.resent for line in world.deliver(1)] == [False]
    world.settle()
    assert person.replies[1:] == [b'[2] OK {"token":2}']
    assert not world.balancer.needs_time


def test_a_line_that_a_server_had_is_never_busy(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.down(0)
    world.send(person, b"[2] ADD,u,2\n[3] ADD,v,3\n")
    world.pass_time(10 * DOWN_DEADLINE_MS)
    assert [reply.split(b" ")[0] for reply in person.replies] == [b"[3]"], "2 may not overtake 1"
    world.settle()
    assert [reply.split(b" ")[:2] for reply in person.replies[1:]] == [[b"[1]", b"OK"], [b"[2]", b"OK"]]


def test_an_unnumbered_line_without_servers_is_busy_too() -> None:
    world = World(1)
    person = world.connect()
    world.send(person, b"SESSION s\nADD,u,1\n")
    world.pass_time(DOWN_DEADLINE_MS)
    assert code(person.replies[1]) == "BUSY"
    world.store.bodies[b"s", 8] = b"before"
    assert ask(world, person, b"ADD,u,2\n") == [b'[9] OK {"token":2}']


def test_replies_to_a_closed_connection_are_discarded(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.deliver(0)
    world.leave(person)
    world.answer(0, [0])
    assert world.balancer.waiting_bytes == 0


def test_a_half_closed_client_gets_its_answers_and_half_a_line_is_not_obeyed(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n[2] ADD,u,10")
    world.balancer.ended(person.client)
    assert not person.client.drained
    world.settle()
    assert person.replies == [b'[1] OK {"token":1}']
    assert person.client.drained


def test_a_client_with_too_many_lines_is_not_read(world: World) -> None:
    person = world.connect()
    count = MAX_WAITING_LINES_PER_CONNECTION + 10
    world.send(person, b"".join(b"[%d] ADD,u,%d\n" % (n, n) for n in range(1, count + 1)))
    assert not world.balancer.wants_input(person.client)
    assert len(world.deliver(0)) == MAX_WAITING_LINES_PER_CONNECTION
    world.settle()
    assert len(person.replies) == count
    assert world.balancer.wants_input(person.client)


def test_a_client_with_too_long_lines_is_not_read(world: World) -> None:
    person = world.connect()
    line = b"[%d] ADD,u," + b"1" * 8000 + b"\n"
    world.send(person, b"".join(line % n for n in range(1, MAX_WAITING_BYTES_PER_CONNECTION // 8000)))
    assert not world.balancer.wants_input(person.client)


def test_a_client_that_does_not_take_its_replies_is_not_read(world: World) -> None:
    person = world.connect()
    person.client.output.put(b"x" * MAX_OUTPUT_BYTES_PER_CONNECTION)
    assert not world.balancer.wants_input(person.client)


@pytest.mark.parametrize(
    "text",
    [b"", b"[1] OK {}", b"OK {}\n", b"[1] OK\nOK\n", b"[2] OK {}\n", b"[1] OK {}\n[1] OK {}\n", b"[x] OK\n"],
)
def test_replies_that_make_no_sense_cost_the_link(world: World, text: bytes) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.deliver(0)
    with pytest.raises(ProtocolError):
        world.balancer.heard(0, LINK_LINES, encode_link(0, person.client.number, b"", text)[5:], 0)
    world.collect()
    world.down(0)
    world.settle()
    assert len(person.replies) == 1


def test_frames_that_make_no_sense_cost_the_link(world: World) -> None:
    with pytest.raises(ProtocolError):
        world.balancer.heard(0, LINK_PING, encode_link(0, 0, b"", b"")[5:], 0)
    with pytest.raises(ProtocolError):
        world.balancer.heard(0, LINK_LINES, b"short", 0)
