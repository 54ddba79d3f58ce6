"""The desk by example: frames in and out, shards that come and go, peers that talk nonsense."""

import json

import pytest

from core import codec
from core.codec import HighestQuery, HighestReply, Replies, Request, Requests
from core.errors import ProtocolError
from core.framing import (
    LINK_HIGHEST,
    LINK_LINES,
    LINK_PING,
    LINK_RESENT,
    LINK_UNAVAILABLE,
    FrameDecoder,
    decode_link,
    encode_link,
)
from core.ids import shard_of
from core.limits import DOWN_DEADLINE_MS, MAX_REQUESTS_PER_FRAME, MAX_WAITING_REQUESTS_PER_SHARD
from webserver.desk import Desk

USERS = [next(f"u{n}" for n in range(100) if shard_of(f"u{n}", 2) == shard) for shard in (0, 1)]
"""A user of each of two shards."""


class Peer:
    """Keeps the writes it is sent."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.writes.append(data)

    def take(self) -> list[tuple[int, bytes]]:
        writes, self.writes = self.writes, []
        return FrameDecoder().feed(b"".join(writes))

    def link_frames(self) -> list[tuple[int, int, bytes, bytes]]:
        return [(kind, *decode_link(payload)) for kind, payload in self.take()]

    def messages(self) -> list[codec.Message]:
        return [codec.decode(payload) for _, payload in self.take()]

    def requests(self) -> list[Request]:
        return [r for message in self.messages() if isinstance(message, Requests) for r in message.items]


class Office:
    """A desk with two shards and a balancer."""

    def __init__(self) -> None:
        self.desk = Desk(2)
        self.link = Peer()
        self.shards = [Peer(), Peer()]
        for shard, peer in enumerate(self.shards):
            self.desk.shard_up(shard, peer)

    def lines(self, text: str, kind: int = LINK_LINES, connection: int = 1, now_ms: int = 0) -> None:
        self.frames((kind, connection, b"s", text.encode()), now_ms=now_ms)

    def frames(self, *frames: tuple[int, int, bytes, bytes], now_ms: int = 0) -> None:
        data = b"".join(encode_link(*frame) for frame in frames)
        self.desk.frames(self.link, FrameDecoder().feed(data), now_ms)

    def say(self, shard: int, *messages: codec.Message) -> None:
        data = b"".join(map(codec.encode, messages))
        self.desk.messages(shard, FrameDecoder().feed(data))


@pytest.fixture
def office() -> Office:
    return Office()


def replies(*requests: Request) -> Replies:
    return Replies([(r.tag, b"[%d] OK {}\n" % r.number) for r in requests])


def test_a_chunk_is_one_write_for_each_shard_and_one_for_each_link(office: Office) -> None:
    text = "".join(f"[{n}] ADD,{USERS[n % 2]},1\n" for n in range(1, 11))
    office.frames((LINK_LINES, 1, b"s", text.encode()), (LINK_LINES, 2, b"t", text.encode()))
    assert [len(peer.writes) for peer in office.shards] == [1, 1]
    mine = office.shards[0].requests()
    assert [(r.session, r.number) for r in mine] == [(s, n) for s in ("s", "t") for n in (2, 4, 6, 8, 10)]
    office.say(0, replies(*mine))
    assert len(office.link.writes) == 1
    lines = b"".join(b"[%d] OK {}\n" % n for n in (2, 4, 6, 8, 10))
    assert office.link.link_frames() == [(LINK_LINES, 1, b"", lines), (LINK_LINES, 2, b"", lines)]
    assert not office.desk.idle
    office.say(1, replies(*office.shards[1].requests()))
    assert office.desk.idle


def test_replies_keep_the_shards_order(office: Office) -> None:
    office.lines("".join(f"[{n}] ADD,{USERS[0]},1\n" for n in (5, 3, 4)))
    first, second, third = office.shards[0].requests()
    office.say(0, replies(second, first), replies(third))
    assert b"".join(frame[3] for frame in office.link.link_frames()) == b"[3] OK {}\n[5] OK {}\n[4] OK {}\n"


def test_pings_come_back_as_they_were(office: Office) -> None:
    office.frames((LINK_PING, 77, b"x", b"abc"))
    assert office.link.link_frames() == [(LINK_PING, 77, b"x", b"abc")]


def test_a_ping_is_not_the_end_of_a_chunk(office: Office) -> None:
    office.frames((LINK_PING, 7, b"x", b""), (LINK_LINES, 1, b"s", f"[1] ADD,{USERS[0]},1\n".encode()))
    assert [r.number for r in office.shards[0].requests()] == [1]


def test_the_answer_to_a_line_that_was_sent_again_finds_its_way(office: Office) -> None:
    office.lines(f"[1] ADD,{USERS[0]},1\n", LINK_RESENT, connection=6)
    office.say(0, replies(*office.shards[0].requests()))
    assert office.link.link_frames() == [(LINK_LINES, 6, b"", b"[1] OK {}\n")]


def test_tickets_are_given_once(office: Office) -> None:
    """Also when questions, which take tickets too, come between the lines."""
    question = (LINK_HIGHEST, 0, b"s", b"")
    for number in range(1, 9, 2):
        line = f"[{number}] ADD,{USERS[0]},1\n[{number + 1}] ADD,{USERS[0]},1\n".encode()
        office.frames(question, question, (LINK_LINES, 1, b"s", line), question)
    tags: list[int] = []
    for message in office.shards[0].messages():
        if isinstance(message, HighestQuery):
            tags.append(message.tag)
        elif isinstance(message, Requests):
            tags += [request.tag for request in message.items]
    assert len(set(tags)) == len(tags) == 20


def test_a_refused_line_goes_to_the_shard_too(office: Office) -> None:
    office.lines(f"[1] ADD,{USERS[0]},x\n[2] FOO,{USERS[0]}\n[3] ADD,{USERS[0]},1\n")
    refusals = [r.refusal.partition(":")[0] for r in office.shards[0].requests()]
    assert refusals == ["BAD_AMOUNT", "UNKNOWN_COMMAND", ""]


def test_a_shard_that_returns_gets_what_it_has_not_answered(office: Office) -> None:
    office.lines(f"[1] ADD,{USERS[0]},1\n[2] ADD,{USERS[0]},2\n")
    first, _ = office.shards[0].requests()
    office.say(0, replies(first))
    office.desk.shard_down(0)
    office.lines(f"[3] ADD,{USERS[0]},3\n[4] ADD,{USERS[1]},4\n")
    again = Peer()
    office.desk.shard_up(0, again)
    assert [r.number for r in again.requests()] == [2, 3]
    assert [r.number for r in office.shards[1].requests()] == [4]


def test_much_is_sent_in_several_frames(office: Office) -> None:
    office.desk.shard_down(0)
    count = 2 * MAX_REQUESTS_PER_FRAME + 1
    office.lines("".join(f"[{n}] ADD,{USERS[0]},1\n" for n in range(1, count + 1)))
    again = Peer()
    office.desk.shard_up(0, again)
    messages = again.messages()
    assert [len(m.items) for m in messages if isinstance(m, Requests)] == [MAX_REQUESTS_PER_FRAME] * 2 + [1]


def test_what_no_shard_ever_had_is_busy_in_the_end(office: Office) -> None:
    office.lines(f"[1] ADD,{USERS[0]},1\n")
    office.desk.shard_down(0)
    office.lines(f"[2] ADD,{USERS[0]},2\n", now_ms=100)
    other = next(f"v{n}" for n in range(100) if shard_of(f"v{n}", 2) == 0)
    office.lines(f"[3] ADD,{other},3\n", now_ms=100)
    office.lines(f"[4] ADD,w{other},4\n", LINK_RESENT, now_ms=100)
    office.desk.expire(99 + DOWN_DEADLINE_MS)
    assert office.link.take() == []
    office.desk.expire(100 + DOWN_DEADLINE_MS)
    [(kind, connection, session, text)] = office.link.link_frames()
    assert (kind, connection, session) == (LINK_LINES, 1, b"")
    assert text.startswith(b"[3] ERR ")
    assert json.loads(text[8:]) == {
        "code": "BUSY",
        "message": "the transaction server is down; nothing was done, try again",
    }
    again = Peer()
    office.desk.shard_up(0, again)
    assert {1, 2} <= {r.number for r in again.requests()} <= {1, 2, 4}


def test_lines_that_were_sent_again_are_never_busy(office: Office) -> None:
    office.desk.shard_down(0)
    office.frames(
        (LINK_LINES, 1, b"s", f"[1] ADD,{USERS[0]},1\n".encode()),
        (LINK_RESENT, 2, b"t", f"[1] ADD,{USERS[0]}x,1\n[2] ADD,{USERS[0]},1\n".encode()),
    )
    office.desk.expire(10 * DOWN_DEADLINE_MS)
    assert [frame[1] for frame in office.link.link_frames()] == [1], "what came before them in the chunk is"


def test_the_highest_number_is_that_of_all_shards(office: Office) -> None:
    office.frames((LINK_LINES, 3, b"s", f"[9] ADD,{USERS[0]},1\n".encode()), (LINK_HIGHEST, 0, b"s", b""))
    messages = office.shards[0].messages()
    assert [type(message) for message in messages] == [Requests, HighestQuery], "after what came before"
    query = messages[1]
    assert isinstance(query, HighestQuery)
    office.say(0, HighestReply(query.tag, 9))
    assert office.link.take() == []
    office.say(1, HighestReply(query.tag, 4))
    assert office.link.link_frames() == [(LINK_HIGHEST, 0, b"s", b"9")]
    office.say(1, HighestReply(query.tag, 4))
    assert office.link.take() == []


def test_a_question_outlives_a_shards_connection_but_not_the_deadline(office: Office) -> None:
    office.desk.shard_down(1)
    office.frames((LINK_HIGHEST, 0, b"s", b""), now_ms=5)
    again = Peer()
    office.desk.shard_up(1, again)
    assert [type(message) for message in again.messages()] == [HighestQuery]
    office.desk.expire(4 + DOWN_DEADLINE_MS)
    assert not office.desk.idle
    office.desk.expire(5 + DOWN_DEADLINE_MS)
    assert office.link.link_frames() == [(LINK_UNAVAILABLE, 0, b"s", b"")]
    assert office.desk.idle


def test_fullness_is_told_and_ends_at_half(office: Office) -> None:
    half = "".join(f"[{n}] ADD,{USERS[0]},1\n" for n in range(1, MAX_WAITING_REQUESTS_PER_SHARD // 2 + 1))
    office.lines(half)
    assert not office.desk.full
    office.lines(half)
    assert office.desk.full
    requests = office.shards[0].requests()
    office.say(0, replies(*requests[:100]))
    assert not office.desk.full
    assert not office.desk.roomy
    office.say(0, replies(*requests[100 : len(requests) // 2 + 1]))
    assert office.desk.roomy


def test_lines_before_a_question_are_busy_by_their_own_time(office: Office) -> None:
    office.desk.shard_down(0)
    line = f"[1] ADD,{USERS[0]},1\n".encode()
    office.frames((LINK_LINES, 5, b"s", line), (LINK_HIGHEST, 0, b"s", b""), now_ms=7)
    office.desk.expire(7 + DOWN_DEADLINE_MS)
    assert [frame[:2] for frame in office.link.link_frames()] == [(LINK_LINES, 5), (LINK_UNAVAILABLE, 0)]


@pytest.mark.parametrize("user", USERS)
def test_of_a_frame_with_a_broken_line_nothing_is_sent(office: Office, user: str) -> None:
    with pytest.raises(ProtocolError):
        office.lines(f"[1] ADD,{user},1\n[2] ADD,{user},2\nADD,{user},3\n")
    assert [peer.requests() for peer in office.shards] == [[], []]
    office.lines(f"[3] ADD,{user},1\n")
    assert sum(len(peer.requests()) for peer in office.shards) == 1


@pytest.mark.parametrize(
    "frame",
    [
        (LINK_LINES, 1, b"", b"[1] ADD,u,1\n"),
        (LINK_LINES, 1, b"a b", b"[1] ADD,u,1\n"),
        (LINK_LINES, 1, b"\xff", b"[1] ADD,u,1\n"),
        (LINK_LINES, 1, b"s", b"[2] ADD,u,1\nADD,u,1\n"),
        (LINK_LINES, 1, b"s", b"[1] ADD,u,1"),
        (LINK_UNAVAILABLE, 1, b"s", b""),
        (99, 1, b"s", b""),
    ],
)
def test_a_balancers_nonsense_costs_its_link_and_nothing_else(
    office: Office, frame: tuple[int, int, bytes, bytes]
) -> None:
    with pytest.raises(ProtocolError):
        office.frames((LINK_LINES, 1, b"s", f"[1] ADD,{USERS[0]},1\n".encode()), frame)
    [good] = office.shards[0].requests()
    office.say(0, replies(good))
    assert office.link.link_frames() == [(LINK_LINES, 1, b"", b"[1] OK {}\n")]
    assert office.desk.idle


def test_a_shards_nonsense_costs_its_connection_and_loses_no_reply(office: Office) -> None:
    office.lines(f"[1] ADD,{USERS[0]},1\n[2] ADD,{USERS[0]},1\n")
    first, second = office.shards[0].requests()
    with pytest.raises(ProtocolError):
        office.say(0, Replies([(first.tag, b"[1] OK {}\n"), (999, b"x\n"), (second.tag, b"[2] OK {}\n")]))
    assert [frame[3] for frame in office.link.link_frames()] == [b"[1] OK {}\n"]
    with pytest.raises(ProtocolError):
        office.say(0, replies(first))
    with pytest.raises(ProtocolError):
        office.say(0, Requests([]))
    with pytest.raises(ProtocolError):
        office.desk.messages(0, [(codec.SHARD_MESSAGE, b"\xc1")])
    again = Peer()
    office.desk.shard_up(0, again)
    assert [r.number for r in again.requests()] == [2]


def test_every_line_is_counted_once_on_its_way_in_and_out(office: Office) -> None:
    office.lines("[1] ADD,ann,1.00\n[2] ADD,ann,x\n[3] WHAT\n")
    office.frames((LINK_HIGHEST, 1, b"s", b""))
    desk = office.desk
    assert (desk.requests, desk.refused, desk.replies, desk.shards_up) == (3, 2, 0, 2)
    assert sum(desk.waiting.values()) == 3
    office.desk.shard_down(1)
    for shard, peer in enumerate(office.shards):
        for request in peer.requests():
            office.say(shard, Replies([(request.tag, b"[1] OK {}\n")]))
    assert (desk.requests, desk.replies, desk.shards_up, desk.busy) == (3, 3, 1, 0)
    assert sum(desk.waiting.values()) == 0
