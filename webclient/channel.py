"""One session's connection to the load balancer, without its socket: questions in, bytes out; bytes in, answers out.

Many questions are outstanding at once, told apart by their numbers; those of one number (a client that repeats itself) are
answered in their order, since the balancer keeps a repeat back until the first is answered. When the connection is lost, every
question that somebody still waits for is asked again, in order: the tiers recognise what they have done (commands.md).
Values only.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from core.errors import ProtocolError
from core.framing import LineDecoder, split_number
from core.limits import MAX_FRAME_BYTES
from webclient.commands import Answer, Command, body_of, read_answer


class Question:
    """A command that waits for its answer."""

    __slots__ = ("abandoned", "answer", "line", "name", "number")

    def __init__(self, number: int, command: Command) -> None:
        self.number = number
        self.name = command.name
        self.line = b"[%d] %b\n" % (number, body_of(command))
        self.answer: Answer | None = None
        self.abandoned = False
        """Nobody waits any more; the answer may still come, but the question is not asked again."""


Q = TypeVar("Q", bound=Question)


class Channel(Generic[Q]):
    """The questions of one session, over as many connections as it takes."""

    def __init__(self, session: str) -> None:
        self._greeting = f"SESSION {session}\n".encode()
        self._by_number: dict[int, deque[Q]] = {}
        self._in_order: dict[Q, None] = {}
        self._output: list[bytes] = []
        self._decoder = LineDecoder(MAX_FRAME_BYTES)
        self._connected = self._greeted = False

    def __len__(self) -> int:
        """How many questions are not answered, abandoned ones among them."""
        return len(self._in_order)

    @property
    def questions(self) -> list[Q]:
        """Those that are not answered, in order."""
        return list(self._in_order)

    def ask(self, question: Q) -> None:
        """Puts a question; it leaves with the next `take`, or when there is a connection."""
        self._by_number.setdefault(question.number, deque()).append(question)
        self._in_order[question] = None
        if self._connected:
            self._output.append(question.line)

    def abandon(self, question: Q) -> None:
        """Nobody waits for this answer any more. It may have been sent, so its place among the answers is kept."""
        question.abandoned = True
        if not self._connected:
            self._drop(question)

    def connected(self) -> None:
        """A new connection is there: everything is sent on it."""
        assert not self._connected, "there is one connection at a time"
        self._connected = True
        self._output = [self._greeting, *[question.line for question in self._in_order]]

    def lost(self) -> None:
        """The connection is gone, and what was under way on it is unknown."""
        self._connected = self._greeted = False
        self._output = []
        self._decoder = LineDecoder(MAX_FRAME_BYTES)
        for question in self.questions:
            if question.abandoned:
                self._drop(question)

    def take(self) -> bytes:
        """Everything that is to be sent now."""
        output, self._output = self._output, []
        return b"".join(output)

    def received(self, data: bytes) -> Iterator[Q]:
        """The questions that these bytes answer. Raises ProtocolError, after those before it, for what is no answer to any."""
        for line in self._decoder.feed(data):
            if self._greeted:
                yield self._answered(line)
            elif line == b"SESSION OK":
                self._greeted = True
            else:
                raise ProtocolError(f"the session was not opened: {line[:200]!r}")

    def _answered(self, line: bytes) -> Q:
        number, text = split_number(line)
        asked = self._by_number.get(number) if number else None
        if not asked:
            raise ProtocolError(f"a reply to nothing that was asked: {line[:200]!r}")
        question = asked[0]
        question.answer = read_answer(question.name, text)
        self._drop(question)
        return question

    def _drop(self, question: Q) -> None:
        asked = self._by_number[question.number]
        asked.remove(question)
        if not asked:
            del self._by_number[question.number]
        del self._in_order[question]
