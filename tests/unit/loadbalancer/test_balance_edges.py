"""The Balancer at its edges: the words of its refusals, the very numbers of its limits, its accounts of what it holds."""

import json

import pytest

from core.errors import ProtocolError
from core.framing import LINK_HIGHEST, LINK_LINES, FrameDecoder, decode_link, encode_link
from core.limits import (
    DOWN_DEADLINE_MS,
    MAX_LINE_BYTES,
    MAX_NUMBER,
    MAX_OUTPUT_BYTES,
    MAX_OUTPUT_BYTES_PER_CONNECTION,
    MAX_WAITING_BYTES_PER_CONNECTION,
    MAX_WAITING_LINES_PER_CONNECTION,
)
from tests.unit.loadbalancer.world import Person, Sink, World


@pytest.fixture
def world() -> World:
    """One balancer, two web servers of which the first is up."""
    made = World(2)
    made.up(0)
    return made


def refusal(reply: bytes) -> tuple[str, str]:
    """(code, message) of an `ERR` line."""
    head, _, body = reply.partition(b" ERR ")
    assert head.startswith(b"["), reply
    found = json.loads(body)
    return found["code"], found["message"]


def last_words(world: World, person: Person, data: bytes) -> tuple[str, str]:
    world.send(person, data)
    world.settle()
    return refusal(person.replies[-1])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"[0] ADD,u,1\n", "the number is not one of 1 to 2^53"),
        (b"[1] ADD,u,1\nSESSION s\n", "SESSION is the first line or none"),
        (b"SESSION ?\n", "SESSION needs an id of 1 to 64 letters, digits or _.-"),
        (b"x" * (MAX_LINE_BYTES + 1), "the line is too long"),
    ],
)
def test_a_bad_request_is_told_what_is_bad(world: World, data: bytes, why: str) -> None:
    person = world.connect()
    world.send(person, data)
    assert ("BAD_REQUEST", why) in [refusal(reply) for reply in person.replies]


def test_an_exhausted_session_is_told_so(world: World) -> None:
    person = world.connect()
    world.send(person, b"[%d] ADD,u,1\nADD,u,2\n" % MAX_NUMBER)
    assert refusal(person.replies[0]) == ("BAD_REQUEST", "the session has no number left")


def test_busy_says_that_nothing_was_done() -> None:
    world = World(1)
    person, nameless = world.connect(), world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.send(nameless, b"SESSION s\nADD,u,1\n")
    world.pass_time(DOWN_DEADLINE_MS)
    assert refusal(person.replies[0]) == ("BUSY", "no web server is up; nothing was done, try again")
    assert refusal(nameless.replies[1]) == ("BUSY", "the session's numbers cannot be had now; try again")
    assert not world.balancer.needs_time


def test_a_repeat_waits_for_its_first_also_where_no_server_is() -> None:
    """The first may be answered BUSY; the repeat goes on then, and to a server once there is one."""
    world = World(1)
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n[1] ADD,u,1\n")
    world.pass_time(DOWN_DEADLINE_MS)
    assert [refusal(reply)[0] for reply in person.replies] == ["BUSY"]
    world.up(0)
    world.settle()
    assert person.replies[1:] == [b'[1] OK {"token":1}']
    assert world.balancer.waiting_bytes == 0


def test_who_is_not_displaced_by_a_return_does_not_wait(world: World) -> None:
    person = world.connect()
    users = [b"u%d" % number for number in range(40)]
    world.send(person, b"".join(b"[%d] ADD,%b,1\n" % (n, user) for n, user in enumerate(users, 1)))
    world.deliver(0)
    world.up(1)
    world.send(person, b"".join(b"[%d] ADD,%b,1\n" % (n, user) for n, user in enumerate(users, 101)))
    at_once = world.deliver(0)
    assert 5 < len(at_once) < 35, "about half stay with the first server"
    assert not world.deliver(1), "the others wait for the answers to their first lines"
    world.settle()
    assert len(person.replies) == 80


def test_what_came_before_a_reply_that_makes_no_sense_is_passed_on(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n[2] ADD,u,2\n")
    world.deliver(0)
    text = b"[1] OK {}\n[2] OK {}\n[9] OK {}\n"
    with pytest.raises(ProtocolError):
        world.balancer.heard(0, LINK_LINES, encode_link(0, person.client.number, b"", text)[5:], 0)
    world.collect()
    assert person.replies == [b"[1] OK {}", b"[2] OK {}"]
    assert world.balancer.waiting_bytes == 0


@pytest.mark.parametrize("text", [b"", b"x", b"-1", b"1" * 17, b"1.0"])
def test_a_highest_number_that_is_none_costs_the_link(world: World, text: bytes) -> None:
    with pytest.raises(ProtocolError):
        world.balancer.heard(0, LINK_HIGHEST, encode_link(0, 0, b"s", text)[5:], 0)


@pytest.mark.parametrize("highest", [0, 7, MAX_NUMBER - 1])
def test_a_question_names_the_session_and_nothing_else(world: World, highest: int) -> None:
    person = world.connect()
    world.send(person, b"SESSION s\nADD,u,1\n")
    sink = Sink()
    world.balancer.links[0].flush(sink)
    [(kind, payload)] = FrameDecoder().feed(sink.data)
    assert (kind, decode_link(payload)) == (LINK_HIGHEST, (0, b"s", b""))
    answer = encode_link(LINK_HIGHEST, 0, b"s", b"%d" % highest)
    world.balancer.heard(0, *FrameDecoder().feed(answer)[0], 0)
    assert list(person.client.lanes[0]) == [highest + 1]


def test_reading_stops_at_the_very_limits(world: World) -> None:
    one, two = world.connect().client, world.connect().client
    reads = world.balancer.wants_input
    one.waiting_bytes = MAX_WAITING_BYTES_PER_CONNECTION - 1
    assert reads(one)
    one.waiting_bytes += 1
    assert not reads(one)
    one.waiting_bytes = 0
    one.output.put(b"x" * (MAX_OUTPUT_BYTES_PER_CONNECTION - 1))
    assert reads(one)
    one.output.put(b"x")
    assert not reads(one)
    assert reads(two)


def test_when_all_replies_together_are_too_many_who_owes_a_read_is_not_read(world: World) -> None:
    owing, free = world.connect().client, world.connect().client
    owing.output.put(b"x")
    world.balancer.output_bytes = MAX_OUTPUT_BYTES - 1
    assert world.balancer.wants_input(owing)
    world.balancer.output_bytes += 1
    assert not world.balancer.wants_input(owing)
    assert world.balancer.wants_input(free)


def test_who_leaves_takes_what_was_held_for_them(world: World) -> None:
    stays, leaves = world.connect(), world.connect()
    for client in (stays.client, leaves.client):
        world.balancer.received(client, b"[0]\n[0]\n[5] ADD,u,1\n", 0)
    balancer = world.balancer
    assert balancer.output_bytes == stays.client.output.size + leaves.client.output.size > 0
    assert balancer.waiting_bytes == 2 * stays.client.waiting_bytes > 0
    balancer.gone(leaves.client)
    assert balancer.output_bytes == stays.client.output.size
    assert balancer.waiting_bytes == stays.client.waiting_bytes
    assert leaves.client not in balancer.changed


def test_an_end_of_input_is_something_to_look_after(world: World) -> None:
    person = world.connect()
    world.balancer.changed.clear()
    world.balancer.ended(person.client)
    assert world.balancer.changed == {person.client}


def test_a_reply_is_something_to_look_after(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.deliver(0)
    world.balancer.changed.clear()
    world.answer(0, [0])
    assert world.balancer.changed == {person.client}


def test_lines_behind_too_many_others_wait_their_own_time_for_a_server() -> None:
    """They are looked at when those before them have been answered BUSY, and it counts from then."""
    world = World(1)
    person = world.connect()
    count = MAX_WAITING_LINES_PER_CONNECTION + 2
    world.send(person, b"".join(b"[%d] ADD,u,1\n" % number for number in range(1, count + 1)))
    world.pass_time(DOWN_DEADLINE_MS)
    assert len(person.replies) == MAX_WAITING_LINES_PER_CONNECTION
    world.pass_time(DOWN_DEADLINE_MS - 1)
    assert len(person.replies) == MAX_WAITING_LINES_PER_CONNECTION
    world.pass_time(1)
    assert len(person.replies) == count
