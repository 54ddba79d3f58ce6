"""The channel against a server that keeps the balancer's promises, over connections that get lost and bytes in slices."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core import commands as c
from core.errors import ProtocolError
from core.limits import MAX_FRAME_BYTES
from webclient.channel import Channel, Question
from webclient.commands import Command, Done, Refused

_LINE = re.compile(rb"\[(\d+)\] ADD,(\w+),")
_ADD = Command(c.ADD, "ann", amount_cents=100)


def reply(number: int, user: str = "ann") -> bytes:
    return b'[%d] OK {"cash":"1.00","user":"%b"}\n' % (number, user.encode())


def opened(*numbers: int) -> tuple[Channel[Question], list[Question]]:
    """A channel with a greeted connection on which these were asked."""
    channel: Channel[Question] = Channel("web-00")
    asked = [Question(number, _ADD) for number in numbers]
    channel.connected()
    assert list(channel.received(b"SESSION OK\n")) == []
    for question in asked:
        channel.ask(question)
    return channel, asked


def test_the_session_is_named_first_and_all_that_waits_leaves_in_one_piece() -> None:
    channel, _ = opened(5, 3)
    assert channel.take() == b"SESSION web-00\n[5] ADD,ann,1.00\n[3] ADD,ann,1.00\n"
    assert channel.take() == b""


def test_answers_come_in_any_order_and_in_any_slices() -> None:
    channel, (one, two) = opened(1, 2)
    answered = [question for byte in reply(2) + reply(1) for question in channel.received(bytes([byte]))]
    assert answered == [two, one]
    assert one.answer == Done(b'{"cash":"1.00","user":"ann"}')
    assert len(channel) == 0


def test_the_same_number_twice_is_answered_in_order() -> None:
    channel, (first, again) = opened(7, 7)
    list(channel.received(reply(7) + b'[7] ERR {"code":"REUSED_NUMBER","message":"used"}\n'))
    assert isinstance(first.answer, Done)
    assert again.answer == Refused("REUSED_NUMBER", "used")


def test_after_a_loss_everything_is_asked_again_in_order_but_what_nobody_waits_for() -> None:
    channel, asked = opened(1, 2, 3, 2)
    channel.take()
    list(channel.received(reply(1)))
    channel.abandon(asked[2])
    assert len(channel) == 3, "its answer may still come"
    channel.lost()
    assert channel.questions == [asked[1], asked[3]]
    channel.connected()
    assert channel.take() == b"SESSION web-00\n[2] ADD,ann,1.00\n[2] ADD,ann,1.00\n"
    list(channel.received(b"SESSION OK\n" + reply(2) + reply(2)))
    assert len(channel) == 0


def test_what_is_given_up_while_there_is_no_connection_is_forgotten() -> None:
    channel: Channel[Question] = Channel("web-00")
    question = Question(1, _ADD)
    channel.ask(question)
    channel.abandon(question)
    assert len(channel) == 0
    channel.connected()
    assert channel.take() == b"SESSION web-00\n"


def test_without_a_connection_there_is_nothing_to_send() -> None:
    channel: Channel[Question] = Channel("web-00")
    channel.ask(Question(1, _ADD))
    assert channel.take() == b""
    channel.connected()
    channel.lost()
    assert channel.take() == b""


def test_an_answer_that_nobody_waits_for_does_not_disturb_the_next() -> None:
    channel, (late, again) = opened(4, 4)
    channel.abandon(late)
    list(channel.received(reply(4) + reply(4)))
    assert isinstance(again.answer, Done)


def test_half_a_reply_before_a_loss_is_not_taken_for_the_start_of_the_next() -> None:
    channel, (question,) = opened(1)
    list(channel.received(reply(1)[:10]))
    channel.lost()
    channel.connected()
    assert list(channel.received(b"SESSION OK\n" + reply(1))) == [question]


NONSENSE = [
    b'[2] OK {"cash":"1.00"}\n',
    b'[0] ERR {"code":"BAD_REQUEST","message":"the line is too long"}\n',
    b'[9007199254740993] OK {"cash":"1.00"}\n',
    b'[1] OK {"cash":"1.00"\n',
    b"[1] OK\n",
    b"[1]\n",
    b"\n",
    b"SESSION OK\n",
    b'OK {"cash":"1.00"}\n',
    b"HTTP/1.1 400 Bad Request\n",
    b"\x00\xff\n",
    b"x" * (MAX_FRAME_BYTES + 1),
]


@pytest.mark.parametrize("line", NONSENSE, ids=range(len(NONSENSE)))
def test_what_makes_no_sense_is_told_after_what_does(line: bytes) -> None:
    channel, (one, two) = opened(1, 3)
    answered: list[Question] = []
    with pytest.raises(ProtocolError):
        answered.extend(channel.received(reply(3) + line))
    assert answered == ([] if len(line) > MAX_FRAME_BYTES else [two]), (
        "only endless lines take their chunk along"
    )
    assert one.answer is None
    channel.lost()
    assert one in channel.questions


@pytest.mark.parametrize(
    "first", [b"[1] OK {}\n", b"SESSION\n", b'[0] ERR {"code":"BAD_REQUEST","message":""}\n']
)
def test_a_session_that_was_not_opened(first: bytes) -> None:
    channel: Channel[Question] = Channel("web-00")
    channel.connected()
    with pytest.raises(ProtocolError, match="not opened"):
        list(channel.received(first))


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_garbage_is_answers_or_a_protocol_error(chunks: list[bytes]) -> None:
    channel, asked = opened(1, 2)
    try:
        for chunk in chunks:
            list(channel.received(chunk))
    except ProtocolError:
        pass
    assert len(channel) == sum(question.answer is None for question in asked)


class Story(RuleBasedStateMachine):
    """Questions, answers, losses in any order; the server answers each line once and remembers what it did."""

    @initialize()
    def begin(self) -> None:
        self.channel: Channel[Question] = Channel("s")
        self.asked: list[Question] = []
        self.abandoned: set[int] = set()
        self.connected = False
        self.at_server: list[tuple[int, str]] = []
        self.coming = b""

    @rule(number=st.integers(1, 4))
    def ask(self, number: int) -> None:
        question = Question(number, Command(c.ADD, f"u{len(self.asked)}", amount_cents=1))
        self.asked.append(question)
        self.channel.ask(question)

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        waiting = [
            index
            for index, one in enumerate(self.asked)
            if one.answer is None and index not in self.abandoned
        ]
        if waiting:
            index = data.draw(st.sampled_from(waiting))
            self.abandoned.add(index)
            self.channel.abandon(self.asked[index])

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        self.channel.connected()
        self.connected, self.coming, self.at_server = True, b"SESSION OK\n", []
        self.expected = [
            index
            for index, one in enumerate(self.asked)
            if one.answer is None and index not in self.abandoned
        ]
        sent = self.channel.take()
        assert [int(user[1:]) for _, user in self.lines(sent)] == self.expected

    @precondition(lambda self: self.connected)
    @rule()
    def send(self) -> None:
        self.lines(self.channel.take())

    def lines(self, sent: bytes) -> list[tuple[int, str]]:
        found = [(int(number), user.decode()) for number, user in _LINE.findall(sent)]
        self.at_server += found
        return found

    @precondition(lambda self: self.at_server)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """The server answers any line that is the first of its number."""
        number, user = data.draw(st.sampled_from([one for one in self.at_server if self.is_first(one)]))
        self.at_server.remove((number, user))
        self.coming += reply(number, user)

    def is_first(self, one: tuple[int, str]) -> bool:
        return next(other for other in self.at_server if other[0] == one[0]) == one

    @precondition(lambda self: self.connected and self.coming)
    @rule(data=st.data())
    def hear(self, data: st.DataObject) -> None:
        size = data.draw(st.integers(1, len(self.coming)))
        piece, self.coming = self.coming[:size], self.coming[size:]
        for question in self.channel.received(piece):
            assert isinstance(question.answer, Done)
            assert f'"u{self.asked.index(question)}"'.encode() in question.answer.body

    @precondition(lambda self: self.connected)
    @rule()
    def lose(self) -> None:
        self.channel.lost()
        self.connected, self.coming, self.at_server = False, b"", []

    @invariant()
    def who_waits_is_in_it(self) -> None:
        if hasattr(self, "channel"):
            waiting = [
                one
                for index, one in enumerate(self.asked)
                if one.answer is None and index not in self.abandoned
            ]
            assert [one for one in self.channel.questions if not one.abandoned] == waiting


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
