"""The Balancer against an oracle: whatever dies, returns, waits or repeats, every line is answered once and in order."""

import itertools
import json
import re
from collections import Counter
from random import Random, SystemRandom

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.limits import DOWN_DEADLINE_MS
from tests.unit.loadbalancer.world import Asked, Person, World

SERVERS = 3
PEOPLE = [b"ann", b"bob", b"cid", b"dan", b""]
REPLY = re.compile(rb"\[([0-9]+)\] (OK|ERR) (\{.*\})\Z")
NUMBERLESS, SAME_LINE, SAME_NUMBER, NEW_LINE = range(4)
servers = st.integers(min_value=0, max_value=SERVERS - 1)
picks = st.lists(st.integers(min_value=0, max_value=50), max_size=8)
lines_to_send = st.lists(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from([NUMBERLESS, SAME_LINE, SAME_NUMBER, NEW_LINE])),
    max_size=6,
)


class Machine(RuleBasedStateMachine):
    """One balancer, three web servers, some clients."""

    @initialize(repeats=st.booleans())
    def begin(self, repeats: bool) -> None:
        self.world = World(SERVERS, numbers_repeat=repeats)
        self.repeats = repeats
        """Either numbers repeat or requests become BUSY: with both, a BUSY would not say whose request it answers."""
        self.tokens = itertools.count(1)
        for number in range(1, 20):
            self.world.store.bodies[b"one", number] = b"by an earlier balancer"
        self.world.up(0)
        self.world.connect()

    def person(self, pick: int) -> Person | None:
        return self.world.people[pick % len(self.world.people)] if self.world.people else None

    @rule(session=st.sampled_from([b"", b"one", b"two"]))
    def connect(self, session: bytes) -> None:
        if len(self.world.people) < 4:
            person = self.world.connect()
            if session:
                self.world.send(person, b"SESSION %b\n" % session)
                assert person.replies.pop() == b"SESSION OK"

    @rule(pick=st.integers(min_value=0), lines=lines_to_send, cut=st.integers(min_value=0, max_value=200))
    def send(self, pick: int, lines: list[tuple[bytes, int]], cut: int) -> None:
        person = self.person(pick)
        if person is None or person.client.finished:
            return
        data = b""
        for user, kind in lines:
            asked = self._line(person, user, kind)
            person.sent.append(asked)
            data += asked.text
        for piece in (data[:cut], data[cut:]):
            if piece:
                self.world.send(person, piece)

    def _line(self, person: Person, user: bytes, kind: int) -> Asked:
        token = next(self.tokens)
        if kind == NUMBERLESS:
            return Asked(token, user, None)
        if self.repeats and kind != NEW_LINE and person.sent:
            last = person.sent[-1]
            return last if kind == SAME_LINE else Asked(token, user, last.number)
        return Asked(token, user, 1000 * token)  # what has no number gets one in between

    @rule(server=servers)
    def bring_up(self, server: int) -> None:
        if server not in self.world.webs:
            self.world.up(server)

    @rule(server=servers)
    def kill(self, server: int) -> None:
        if server in self.world.webs:
            self.world.down(server)

    @rule(server=servers, room=st.sampled_from([10, 100, 1 << 20]))
    def deliver(self, server: int, room: int) -> None:
        if server in self.world.webs:
            self.world.deliver(server, room)

    @rule(server=servers, which=picks)
    def answer(self, server: int, which: list[int]) -> None:
        if server in self.world.webs:
            self.world.answer(server, which)

    @rule(server=servers, known=st.booleans())
    def tell_highest(self, server: int, known: bool) -> None:
        if server in self.world.webs:
            self.world.tell_highest(server, known or self.repeats)

    @rule(which=picks)
    def haunt(self, which: list[int]) -> None:
        for ghost in self.world.ghosts:
            for pick in which:
                ghost.decide(pick)

    @precondition(lambda self: not self.repeats)
    @rule(milliseconds=st.sampled_from([100, DOWN_DEADLINE_MS // 2, DOWN_DEADLINE_MS]))
    def wait(self, milliseconds: int) -> None:
        self.world.pass_time(milliseconds)

    @rule(pick=st.integers(min_value=0))
    def half_close(self, pick: int) -> None:
        person = self.person(pick)
        if person is not None and not person.client.finished:
            self.world.balancer.ended(person.client)

    @rule(pick=st.integers(min_value=0))
    def leave(self, pick: int) -> None:
        person = self.person(pick)
        if person is not None and pick % 5 == 0:
            self.world.leave(person)

    @invariant()
    def memory_is_accounted_for(self) -> None:
        if people := self.world.people:
            assert self.world.balancer.waiting_bytes == sum(one.client.waiting_bytes for one in people)
            assert all(bool(one.client.waiting_lines) == bool(one.client.waiting_bytes) for one in people)

    def teardown(self) -> None:
        self.world.settle()
        assert self.world.balancer.waiting_bytes == 0
        assert self.world.balancer.output_bytes == 0
        for person in self.world.people:
            assert not person.client.holds
            assert person.client.drained == person.client.finished
            self.check_replies(person)
        self.check_effects()

    def check_replies(self, person: Person) -> None:
        """One reply to each line, and those of a user in order; what could not even get a number is [0]."""
        had = {line.body for number, lines in self.world.delivered.items() for line in lines}
        due = list(person.sent)
        for reply in person.replies:
            match = REPLY.match(reply)
            assert match, reply
            number, body = int(match[1]), json.loads(match[3])
            if body.get("code") == "BUSY":
                unsent = [asked for asked in due if asked.body not in had]
                exact = [asked for asked in unsent if asked.number == number]
                place = due.index((exact or [asked for asked in unsent if asked.number is None])[0])
            else:
                assert self.repeats or match[2] == b"OK", "a number was given twice"
                token = int(body["message"] if match[2] == b"ERR" else body["token"])
                place = next(place for place, asked in enumerate(due) if asked.token == token)
                earlier = [asked.number or 0 for asked in person.sent[: person.sent.index(due[place])]]
                assert due[place].number == number or (
                    due[place].number is None and number > max(earlier, default=0)
                )
            overtaken = [asked for asked in due[:place] if asked.user == due[place].user]
            assert number == 0 or not overtaken, f"{reply!r} overtook {overtaken}"
            del due[place]
        assert not due, "never answered"

    def check_effects(self) -> None:
        """What a connection asked for one user took effect in that order, except what was BUSY."""
        if self.repeats:
            return
        place = {body: place for place, (_, _, body) in enumerate(self.world.store.effects)}
        for person in self.world.people:
            for user in PEOPLE:
                places = [place[a.body] for a in person.sent if a.user == user and a.body in place]
                assert places == sorted(places)


Machine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestBalance = Machine.TestCase


def live(seed: str, steps: int) -> Machine:
    """The same rules for longer, and with more going on than hypothesis likes to try."""
    random = Random(seed)
    machine = Machine()
    machine.begin(random.random() < 0.4)
    weights = {
        "send": 9, "deliver": 9, "answer": 7, "bring_up": 2, "kill": 1, "tell_highest": 2, "connect": 1, "haunt": 1,
        "wait": 2, "close": 1, "outage": 0.3,
    }  # fmt: skip
    for name in random.choices(list(weights), list(weights.values()), k=steps):
        server, pick, some = random.randrange(SERVERS), random.randrange(100), random.choices(range(50), k=4)
        match name:
            case "send":
                lines = [(random.choice(PEOPLE), random.choice((0, 1, 2, 3, 3, 3, 3, 3, 3))) for _ in some]
                machine.send(pick, lines, random.randrange(200))
            case "deliver":
                machine.deliver(server, random.choice((10, 100, 1 << 20, 1 << 20)))
            case "bring_up":
                machine.bring_up(server)
            case "kill":
                machine.kill(server)
            case "answer":
                machine.answer(server, some)
            case "tell_highest":
                machine.tell_highest(server, pick > 20)
            case "connect":
                machine.connect(random.choice((b"", b"one", b"two")))
            case "haunt":
                machine.haunt(some)
            case "outage":
                for every in range(SERVERS):
                    machine.kill(every)
            case "wait" if not machine.repeats:
                machine.wait(random.choice((100, DOWN_DEADLINE_MS // 2, DOWN_DEADLINE_MS)))
            case "close" if pick < 50:
                (machine.half_close if pick < 10 else machine.leave)(pick)
        machine.memory_is_accounted_for()
    machine.teardown()
    return machine


def test_long_lives() -> None:
    seed = SystemRandom().randrange(10**9)
    seen: Counter[str] = Counter()
    for run in range(150):
        print(f"seed {seed}-{run}")
        world = live(f"{seed}-{run}", 150).world
        seen["answered"] += sum(len(person.replies) for person in world.people)
        seen["busy"] += sum(b'"BUSY"' in reply for person in world.people for reply in person.replies)
        seen["sent again"] += sum(line.resent for lines in world.delivered.values() for line in lines)
    assert min(seen["answered"], seen["sent again"]) > 1_000, f"too little happened: {seen}"
    assert seen["busy"] > 10, f"too little happened: {seen}"  # 80 to 300 in ten runs
