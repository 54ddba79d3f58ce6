"""The sending plan, against a model that knows nothing but the rules of commands.md."""

from collections import Counter, deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.framing import split_number
from workload.layout import lay_out
from workload.parse import Item, parse
from workload.plan import MAX_LINES_PER_TURN, Plan, Unexpected

USERS = st.sampled_from(["u", "u", "v", "w", "x"])
LINES = st.lists(st.tuples(USERS, st.integers(0, 400)), max_size=80).map(
    lambda drawn: [
        (1 + (chance % (place + 1) if chance < 20 else place), None if chance > 385 else user)
        for place, (user, chance) in enumerate(drawn)
    ]
)
"""(number, user) of each line: mostly rising numbers, a few of them repeated, and a few full dumps."""


def text_of(lines: list[tuple[int, str | None]]) -> bytes:
    return b"".join(
        b"[%d] %b\n" % (n, b"DUMPLOG,./log" if user is None else b"ADD,%b,%d" % (user.encode(), place))
        for place, (n, user) in enumerate(lines)
    )


class Model:
    """A server and a file: checks each line that is sent, answers at random."""

    def __init__(self, lines: list[tuple[int, str | None]], window: int, lanes: int, seed: int) -> None:
        self.items = [item for item in parse([text_of(lines)]) if isinstance(item, Item)]
        self.plan = Plan(lay_out(self.items), window, lanes)
        self.window = window
        self.random = Random(seed)
        self.lanes: list[deque[int]] = [deque() for _ in range(lanes)]
        """Places in the file of the lines that the server has."""
        self.sent: set[int] = set()
        self.done: set[int] = set()
        self.busy: set[int] = set()
        self.now_ns = 0

    def places(self, chunk: bytes) -> list[int]:
        """Which lines of the file these are: of equal lines, the first that is not answered."""
        found = []
        for line in chunk.splitlines(keepends=True):
            found.append(
                next(
                    place
                    for place, item in enumerate(self.items)
                    if item.line == line and place not in self.done and place not in found
                )
            )
        return found

    def take(self, lane: int) -> None:
        for place in self.places(self.plan.take(lane, self.now_ns, self.random.choice([1, 40, 10_000]))):
            item = self.items[place]
            before = range(place)
            assert place not in self.sent, "sent twice"
            assert all(p in self.sent for p in before if self.items[p].user == item.user), "order of a user"
            assert all(p in self.done for p in before if self.items[p].user is None), "overtook a barrier"
            assert all(p in self.done for p in before if self.items[p].number == item.number), (
                "repeat too early"
            )
            assert item.user is not None or all(p in self.done for p in before), "a barrier that did not wait"
            assert not any(self.items[p].user == item.user for p in self.busy), "overtook a BUSY line"
            self.sent.add(place)
            self.lanes[lane].append(place)
        waiting = Counter(self.items[place].user for place in self.sent - self.done)
        assert all(count <= self.window for count in waiting.values()), "window"

    def answer(self, lane: int) -> None:
        replies = []
        for place in self.pick(lane):
            is_busy = self.random.random() < 0.2
            (self.busy if is_busy else self.done).add(place)
            replies.append((b"%d" % self.items[place].number, b"BUSY" if is_busy else b""))
        latencies = self.plan.answered(lane, replies, self.now_ns)
        assert len(latencies) == sum(1 for _, code in replies if not code)
        assert all(0 < latency <= self.now_ns for latency in latencies)

    def pick(self, lane: int) -> list[int]:
        """Some waiting lines of the lane: of each user, a few of the oldest."""
        most = {item.user: self.random.randint(0, self.window) for item in self.items}
        picked = []
        for place in self.lanes[lane]:
            user = self.items[place].user
            most[user] -= 1
            if most[user] >= 0:
                picked.append(place)
        for place in picked:
            self.lanes[lane].remove(place)
        return picked

    def reconnect(self, lane: int) -> None:
        again = self.places(self.plan.resend(lane))
        assert again == list(self.lanes[lane])

    def retry(self, lane: int) -> None:
        again = self.places(self.plan.retry(lane))
        assert set(again) <= self.busy
        self.busy -= set(again)
        for user in {self.items[p].user for p in again}:
            own = [p for p in again if self.items[p].user == user]
            assert own == sorted(own)
            assert not any(self.items[p].user == user for p in self.busy | set(self.lanes[lane]))
        self.lanes[lane].extend(again)

    def step(self) -> None:
        self.now_ns += 1
        lane = self.random.randrange(len(self.lanes))
        self.random.choice([self.take, self.take, self.answer, self.answer, self.reconnect, self.retry])(lane)
        assert self.plan.outstanding(lane) == len(self.lanes[lane])


@settings(max_examples=300, deadline=None)
@given(LINES, st.integers(1, 4), st.integers(1, 3), st.integers(0, 2**32))
def test_every_line_once_in_order_within_the_window(
    lines: list[tuple[int, str | None]], window: int, lanes: int, seed: int
) -> None:
    model = Model(lines, window, lanes, seed)
    for _ in range(200 + 200 * len(lines)):
        if model.plan.done:
            break
        model.step()
    assert model.done == set(range(len(model.items)))
    assert model.plan.done
    assert model.plan.answered_count == model.plan.total == len(lines)
    assert not any(model.plan.take(lane, 1) for lane in range(lanes))


def test_a_whole_window_goes_out_in_one_chunk() -> None:
    plan = Plan(lay_out(parse([b"ADD,u,1\n" * 5])), window=3, lanes=1)
    assert plan.take(0, 1) == b"[1] ADD,u,1\n[2] ADD,u,1\n[3] ADD,u,1\n"
    assert plan.take(0, 1) == b""
    assert plan.answered(0, [(b"1", b""), (b"2", b"")], 11) == [10, 10]
    assert plan.take(0, 20) == b"[4] ADD,u,1\n[5] ADD,u,1\n"


def test_with_a_wide_window_others_get_their_turn() -> None:
    text = b"ADD,u,1\n" * (2 * MAX_LINES_PER_TURN) + b"ADD,v,1\n"
    plan = Plan(lay_out(parse([text])), window=10_000, lanes=1)
    chunk = plan.take(0, 1)
    assert chunk.count(b"\n") == 2 * MAX_LINES_PER_TURN + 1
    users = [split_number(line)[1].split(b",")[1] for line in chunk.splitlines()]
    assert users.index(b"v") == MAX_LINES_PER_TURN


def test_a_chunk_is_bounded() -> None:
    plan = Plan(lay_out(parse([b"".join(b"ADD,u%d,1\n" % i for i in range(100))])), window=1, lanes=1)
    chunks = list(iter(lambda: plan.take(0, 1, max_bytes=100), b""))
    assert len(chunks) > 10
    assert b"".join(chunks).count(b"\n") == 100


def test_a_chunk_ends_with_the_user_that_fills_it() -> None:
    """Lines of 12 bytes."""
    for max_bytes, lines in ((1, 1), (12, 1), (13, 2), (24, 2), (25, 3)):
        plan = Plan(lay_out(parse([b"ADD,u,1\nADD,v,1\nADD,w,1\n"])), window=1, lanes=1)
        assert plan.take(0, 1, max_bytes).count(b"\n") == lines, max_bytes


def test_who_has_nothing_to_send_keeps_nobody_from_it() -> None:
    """u stands in the row but waits to repeat a BUSY line; v, behind it, goes on."""
    text = b"ADD,u,1\nADD,u,2\nADD,u,3\nADD,v,1\nADD,v,2\nADD,v,3\n"
    plan = Plan(lay_out(parse([text])), window=2, lanes=1)
    assert plan.take(0, 1).count(b"\n") == 4
    plan.answered(0, [(b"1", b""), (b"2", b"BUSY"), (b"4", b"")], 2)
    assert plan.take(0, 3) == b"[6] ADD,v,3\n"


def test_a_wide_window_is_used_up_without_an_answer() -> None:
    plan = Plan(lay_out(parse([b"ADD,u,1\n" * (3 * MAX_LINES_PER_TURN + 5)])), window=10_000, lanes=1)
    assert plan.refused_users == 0
    chunks = list(iter(lambda: plan.take(0, 1), b""))
    assert b"".join(chunks).count(b"\n") == 3 * MAX_LINES_PER_TURN + 5


def test_how_many_users_wait_to_send_again() -> None:
    """What the driver's pause depends on."""
    text = b"".join(b"ADD,%b,1\n" % user for user in (b"u", b"v", b"w", b"u"))
    plan = Plan(lay_out(parse([text])), window=2, lanes=1)
    plan.take(0, 1)
    assert plan.answered(0, [(b"1", b"BUSY")], 2) == []
    assert plan.refused_users == 0, "another line of u is outstanding"
    plan.answered(0, [(b"2", b"BUSY"), (b"3", b"BUSY"), (b"4", b"BUSY")], 3)
    assert plan.refused_users == 3
    assert plan.retry(0) == b"[2] ADD,v,1\n[3] ADD,w,1\n[1] ADD,u,1\n[4] ADD,u,1\n"
    assert plan.refused_users == 0
    assert plan.answered(0, [(b"2", b""), (b"4", b"BUSY"), (b"1", b"")], 9) == [8, 8], (
        "since it was first sent"
    )
    assert plan.refused_users == 1


@pytest.mark.parametrize("number", [b"0", b"1", b"99"])
def test_a_reply_to_nothing_is_told(number: bytes) -> None:
    plan = Plan(lay_out(parse([b"ADD,u,1\nADD,u,2\n"])), window=2, lanes=1)
    plan.take(0, 1)
    plan.answered(0, [(b"1", b"")], 2)
    with pytest.raises(Unexpected) as caught:
        plan.answered(0, [(number, b"")], 3)
    assert caught.value.digits == number
    assert f"[{number.decode()}]" in str(caught.value)


def test_no_lines_at_all() -> None:
    assert Plan(lay_out([]), 1, 1).done


@pytest.mark.parametrize(("window", "lanes"), [(0, 1), (1, 0)])
def test_limits(window: int, lanes: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Plan(lay_out([]), window, lanes)
