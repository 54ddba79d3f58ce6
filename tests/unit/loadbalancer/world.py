"""A world for the Balancer without sockets: web servers that answer, die and haunt, one store behind them, and clients.

The store is the oracle: it applies each (session, number) once and remembers what it was sent, in order.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from core.codec import error_reply
from core.framing import (
    LINK_HIGHEST,
    LINK_RESENT,
    LINK_UNAVAILABLE,
    FrameDecoder,
    decode_link,
    encode_link,
    split_number,
    strip_line,
    user_field,
)
from core.framing import LINK_LINES as LINES
from loadbalancer.balance import Balancer
from loadbalancer.client import Client


class Sink:
    """Takes at most `room` bytes, like a socket."""

    def __init__(self, room: int = 1 << 30) -> None:
        self.data = b""
        self.room = room

    def send(self, data: bytes | memoryview, /) -> int:
        taken = bytes(data[: self.room - len(self.data)])
        if not taken and len(data):
            raise BlockingIOError
        self.data += taken
        return len(taken)


@dataclass
class Line:
    """A request line as a web server got it."""

    client: int
    session: bytes
    number: int
    body: bytes
    resent: bool

    @property
    def user(self) -> bytes:
        return user_field(self.body)

    @property
    def token(self) -> str:
        return self.body.rpartition(b",")[2].decode("latin-1")


class Asked(NamedTuple):
    """A request line as a client sent it; the token names it."""

    token: int
    user: bytes
    number: int | None

    @property
    def body(self) -> bytes:
        return b"ADD,%b,%d" % (self.user, self.token)

    @property
    def text(self) -> bytes:
        return (b"" if self.number is None else b"[%d] " % self.number) + self.body + b"\n"


@dataclass
class Store:
    """What the shards decided."""

    bodies: dict[tuple[bytes, int], bytes] = field(default_factory=dict)
    effects: list[tuple[bytes, int, bytes]] = field(default_factory=list)
    """(session, number, body) in order."""

    def decide(self, line: Line) -> bytes:
        first = self.bodies.setdefault((line.session, line.number), line.body)
        if first != line.body:
            return error_reply(line.number, "REUSED_NUMBER", line.token)
        if first is line.body:
            self.effects.append((line.session, line.number, line.body))
        return b'[%d] OK {"token":%b}\n' % (line.number, line.token.encode("latin-1"))

    def highest(self, session: bytes) -> int:
        return max((number for name, number in self.bodies if name == session), default=0)


class Web:
    """A web server at the end of one link."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.decoder = FrameDecoder()
        self.lines: list[Line] = []
        self.questions: list[bytes] = []

    def take(self, data: bytes) -> list[Line]:
        """Bytes of the link; returns the lines in them."""
        lines: list[Line] = []
        for kind, payload in self.decoder.feed(data):
            connection, session, text = decode_link(payload)
            if kind == LINK_HIGHEST:
                self.questions.append(session)
                continue
            assert kind in (LINES, LINK_RESENT)
            assert text.endswith(b"\n")
            for line in text[:-1].split(b"\n"):
                number, body = split_number(strip_line(line))
                assert number, "every line has its number"
                lines.append(Line(connection, session, number, body, kind == LINK_RESENT))
        self.lines += lines
        return lines

    def decide(self, pick: int) -> tuple[int, bytes] | None:
        """Decides the first line of some user: (client, reply)."""
        if not self.lines:
            return None
        user = self.lines[pick % len(self.lines)].user
        line = next(line for line in self.lines if line.user == user)
        self.lines.remove(line)
        return line.client, self.store.decide(line)


class Person:
    """A client: what it sent and what it got."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.sent: list[Asked] = []
        self.replies: list[bytes] = []
        self._partial = b""

    def read(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        self.replies += lines


class World:
    """A balancer with everything around it."""

    def __init__(self, servers: int, numbers_repeat: bool = False) -> None:
        self.numbers_repeat = numbers_repeat
        """Whether clients send a number twice."""
        names = iter(range(10**6))
        self.balancer = Balancer([f"w{n}" for n in range(servers)], lambda: b"anonymous%d" % next(names))
        self.store = Store()
        self.webs: dict[int, Web] = {}
        self.ghosts: list[Web] = []
        """Servers that are dead to the balancer and still decide what they were sent."""
        self.people: list[Person] = []
        self.delivered: defaultdict[tuple[int, int], list[Line]] = defaultdict(list)
        self.now_ms = 0

    def connect(self) -> Person:
        person = Person(self.balancer.connected())
        self.people.append(person)
        return person

    def send(self, person: Person, data: bytes) -> None:
        self.balancer.received(person.client, data, self.now_ms)
        self.collect()

    def up(self, server: int) -> None:
        self.webs[server] = Web(self.store)
        self.balancer.server_up(server, self.now_ms)

    def down(self, server: int) -> None:
        self.ghosts.append(self.webs.pop(server))
        self.balancer.server_down(server, self.now_ms)
        self.collect()

    def deliver(self, server: int, room: int = 1 << 30) -> list[Line]:
        """Carries frames to a web server."""
        sink = Sink(room)
        self.balancer.links[server].flush(sink)
        lines = self.webs[server].take(sink.data)
        for line in lines:
            before = self.delivered[line.client, line.number]
            assert self.numbers_repeat or line.resent or not before, "sent again without saying so"
            before.append(line)
        return lines

    def answer(self, server: int, picks: list[int]) -> None:
        """Has a web server decide some lines and reply to all of them at once."""
        replies: defaultdict[int, bytes] = defaultdict(bytes)
        for pick in picks:
            if decided := self.webs[server].decide(pick):
                replies[decided[0]] += decided[1]
        for client, text in replies.items():
            self.balancer.heard(server, LINES, encode_link(0, client, b"", text)[5:], self.now_ms)
        self.collect()

    def tell_highest(self, server: int, known: bool = True) -> None:
        """Answers what a web server was asked about sessions."""
        questions, self.webs[server].questions = self.webs[server].questions, []
        for session in questions:
            text = b"%d" % self.store.highest(session) if known else b""
            kind = LINK_HIGHEST if known else LINK_UNAVAILABLE
            self.balancer.heard(server, kind, encode_link(0, 0, session, text)[5:], self.now_ms)
        self.collect()

    def pass_time(self, milliseconds: int) -> None:
        self.now_ms += milliseconds
        self.balancer.expire(self.now_ms)
        self.collect()

    def leave(self, person: Person) -> None:
        self.people.remove(person)
        self.balancer.gone(person.client)

    def collect(self) -> None:
        """Carries replies to the clients."""
        for person in self.people:
            sink = Sink()
            self.balancer.sent(person.client.output.flush(sink))
            person.read(sink.data)

    def settle(self) -> None:
        """Lets everything run until nothing is left to do."""
        if not self.webs:
            self.up(0)
        while True:
            moved = False
            for server in self.webs:
                self.deliver(server)
                moved |= bool(self.webs[server].lines or self.webs[server].questions)
                self.tell_highest(server)
                self.answer(server, [0] * len(self.webs[server].lines))
            if not moved:
                break
