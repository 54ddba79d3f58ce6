"""What the balancer counts: every line once, whatever becomes of it, and the time of those that are sampled."""

import json

import pytest

from core.errors import BAD_REQUEST, BUSY
from core.limits import DOWN_DEADLINE_MS
from loadbalancer.trace import Trace
from tests.unit.loadbalancer.world import World

pytestmark = pytest.mark.usefixtures("log_on_standard_output")


@pytest.fixture
def world() -> World:
    made = World(2)
    made.up(0)
    return made


def test_one_line_a_millisecond_is_timed_from_its_arrival_to_its_reply(world: World) -> None:
    person = world.connect()
    for number, at_ms in ((1, 5), (3, 5), (5, 7), (7, 7)):
        world.now_ms = at_ms
        world.send(person, b"[%d] ADD,u,%d\n[%d] ADD,u,%d\n" % (number, number, number + 1, number + 1))
    assert person.client.sampled == {2: 5, 6: 7}
    world.now_ms = 47
    world.settle()
    seconds = world.balancer.counts.seconds
    assert sum(seconds.counts) == 2
    assert seconds.total == pytest.approx(0.042 + 0.040)
    assert person.client.sampled == {}
    assert world.balancer.counts.answered == 8


def test_a_line_of_a_server_that_dies_is_timed_until_it_is_answered_all_the_same(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n")
    world.deliver(0)
    world.pass_time(100)
    world.down(0)
    assert world.balancer.counts.resent == 1
    world.pass_time(100)
    world.up(1)
    world.settle()
    assert world.balancer.counts.seconds.total == pytest.approx(0.2)
    assert world.balancer.counts.answered == 1


def test_what_waits_for_a_first_server_is_not_sent_again_and_what_is_refused_is_counted_by_code() -> None:
    world = World(1)
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n[0] ADD,u,1\n")
    assert world.balancer.waiting_lines == 1
    world.pass_time(DOWN_DEADLINE_MS)
    counts = world.balancer.counts
    assert counts.refused == {BUSY: 1, BAD_REQUEST: 1}
    assert (counts.resent, counts.answered, sum(counts.seconds.counts)) == (0, 0, 1)
    assert (counts.bytes_in, counts.bytes_out) == (0, 0), "the loop counts them, and there is none here"
    assert world.balancer.waiting_lines == 0
    world.send(person, b"[2] ADD,u,2\n")
    world.up(0)
    world.settle()
    assert (counts.resent, counts.answered) == (0, 1)


def test_lines_that_are_held_back_wait_too(world: World) -> None:
    person = world.connect()
    world.send(person, b"[1] ADD,u,1\n[1] ADD,u,1\n")
    assert world.balancer.waiting_lines == 2
    world.settle()
    assert (world.balancer.waiting_lines, world.balancer.counts.answered) == (0, 2)


def test_at_debug_each_line_is_written_down_both_ways(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.balancer.trace = Trace(["w0", "w1"])
    person = world.connect()
    world.send(person, b"SESSION s\n[7] ADD,u,1\n[8] ADD,u,2\n")
    world.settle()
    said = [_spoken(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["event"], line["key"]) for line in said] == [
        ("forwarded", "s/7"), ("forwarded", "s/8"), ("answered", "s/7"), ("answered", "s/8"),
    ]  # fmt: skip
    assert said[0] | {"server": "w0", "resent": False, "line": "ADD,u,1"} == said[0]
    assert said[2] | {"server": "w0", "outcome": "OK"} == said[2]


def _spoken(line: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(line)
    return found
