"""The web server without its sockets: frames of load balancers in, requests to shards out; replies in, frames out.

What a chunk of bytes brought leaves together: one frame for each shard, one write for each load balancer. The desk knows
its peers as things that can `send`; one that is closed swallows what it is sent.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

from core.codec import (
    HighestQuery,
    HighestReply,
    Replies,
    Request,
    Requests,
    decode,
    encode,
    error_reply,
)
from core.errors import BUSY, ProtocolError
from core.framing import (
    LINK_HIGHEST,
    LINK_LINES,
    LINK_PING,
    LINK_RESENT,
    LINK_UNAVAILABLE,
    decode_link,
    encode_frame,
    encode_link,
)
from core.ids import is_session
from core.limits import DOWN_DEADLINE_MS, MAX_REQUESTS_PER_FRAME, MAX_WAITING_REQUESTS_PER_SHARD
from webserver.pending import ShardQueue
from webserver.trace import Trace
from webserver.validate import Validator


class Peer(Protocol):
    """The other end of a connection."""

    def send(self, data: bytes) -> None:
        """Sends bytes, or forgets them if the connection is closed."""


class _Origin(NamedTuple):
    """Where a request came from: the load balancer's link, and the number of the client's connection there."""

    link: Peer
    connection: int


class _Question(NamedTuple):
    """A load balancer wants to know a session's highest number; `answers` are those of the shards so far."""

    origin: _Origin
    session: str
    since_ms: int
    answers: dict[int, int]


class Desk:
    """All that one web server knows."""

    def __init__(self, shards: int) -> None:
        self._validator = Validator(shards)
        self._queues = [ShardQueue() for _ in range(shards)]
        self._peers: list[Peer | None] = [None] * shards
        self._batches: list[list[Request]] = [[] for _ in range(shards)]
        self._origins: dict[int, _Origin] = {}
        self._questions: dict[int, _Question] = {}
        self._next_tag = 1
        self._asked = 0
        self.trace: Trace | None = None
        """Is told the way of each request."""
        self.replies = 0
        """Replies that shards gave."""
        self.busy = 0
        """Requests answered BUSY here."""

    @property
    def requests(self) -> int:
        """Lines taken so far."""
        return self._next_tag - 1 - self._asked

    @property
    def refused(self) -> int:
        """Lines that were not well-formed."""
        return self._validator.refused

    @property
    def waiting(self) -> dict[str, int]:
        """By shard how many requests it has not answered."""
        return {str(shard): len(queue) for shard, queue in enumerate(self._queues)}

    @property
    def shards_up(self) -> int:
        """Shards that a connection leads to."""
        return sum(peer is not None for peer in self._peers)

    @property
    def full(self) -> bool:
        """Whether some shard owes so much that nothing more should be read."""
        return any(len(queue) >= MAX_WAITING_REQUESTS_PER_SHARD for queue in self._queues)

    @property
    def roomy(self) -> bool:
        """Whether it is time to read again after it was full."""
        return all(len(queue) < MAX_WAITING_REQUESTS_PER_SHARD // 2 for queue in self._queues)

    @property
    def idle(self) -> bool:
        """Whether everything is answered."""
        return not self._origins and not self._questions

    def frames(self, link: Peer, frames: Iterable[tuple[int, bytes]], now_ms: int) -> None:
        """The frames of one chunk from a load balancer. Raises ProtocolError if one makes no sense; the link is to go."""
        try:
            for kind, payload in frames:
                if kind == LINK_PING:
                    link.send(encode_frame(kind, payload))
                    continue
                connection, session, text = decode_link(payload)
                origin = _Origin(link, connection)
                if kind == LINK_LINES:
                    self._read(origin, _session(session), text)
                elif kind == LINK_RESENT:
                    self._flush(now_ms)
                    self._read(origin, _session(session), text)
                    self._flush(None)
                elif kind == LINK_HIGHEST:
                    self._flush(now_ms)
                    self._ask(origin, _session(session), now_ms)
                else:
                    raise ProtocolError(f"frame of kind {kind} from a load balancer")
        finally:
            self._flush(now_ms)

    def shard_up(self, shard: int, peer: Peer) -> None:
        """A connection to a shard is there: it gets everything that it has not answered."""
        self._peers[shard] = peer
        _send_requests(peer, self._queues[shard].send_all())
        for tag, question in self._questions.items():
            if shard not in question.answers:
                peer.send(encode(HighestQuery(tag, question.session)))

    def shard_down(self, shard: int) -> None:
        """The connection to a shard is gone."""
        self._peers[shard] = None

    def messages(self, shard: int, frames: Iterable[tuple[int, bytes]]) -> None:
        """The frames of one chunk from a shard. Raises ProtocolError if one makes no sense; the connection is to go."""
        output: dict[Peer, list[bytes]] = {}
        try:
            for _, payload in frames:
                message = decode(payload)
                if isinstance(message, Replies):
                    self._replied(shard, message.items, output)
                elif isinstance(message, HighestReply):
                    self._learned(shard, message)
                else:
                    raise ProtocolError("a message that no shard sends")
        finally:
            for link, pieces in output.items():
                link.send(b"".join(pieces))

    def expire(self, now_ms: int) -> None:
        """Answers BUSY what has waited too long for a shard. To be called a few times a second."""
        before_ms = now_ms - DOWN_DEADLINE_MS
        for queue in self._queues:
            for request in queue.expire(before_ms):
                link, connection = self._origins.pop(request.tag)
                reply = error_reply(
                    request.number, BUSY, "the transaction server is down; nothing was done, try again"
                )
                link.send(encode_link(LINK_LINES, connection, b"", reply))
                self.busy += 1
        for tag, question in list(self._questions.items()):
            if question.since_ms <= before_ms:
                del self._questions[tag]
                self._tell(question, LINK_UNAVAILABLE, b"")

    def _read(self, origin: _Origin, session: str, text: bytes) -> None:
        first = self._next_tag
        try:
            self._next_tag = self._validator.read(session, text, first, self._batches)
        except ProtocolError:
            self._batches = [[r for r in batch if r.tag < first] for batch in self._batches]
            raise
        self._origins.update(dict.fromkeys(range(first, self._next_tag), origin))

    def _flush(self, since_ms: int | None) -> None:
        """Hands what was read to the shards."""
        for shard, batch in enumerate(self._batches):
            if batch:
                self._batches[shard] = []
                peer = self._peers[shard]
                if self.trace is not None:
                    self.trace.passed_on(shard, batch, up=peer is not None)
                if peer is None:
                    self._queues[shard].add_unsent(batch, since_ms)
                else:
                    self._queues[shard].add_sent(batch)
                    _send_requests(peer, batch)

    def _replied(self, shard: int, items: list[tuple[int, bytes]], output: dict[Peer, list[bytes]]) -> None:
        """Sorts replies by the connection they are for; the hot loop of this direction."""
        due, origin_of = self._queues[shard].sent, self._origins.pop
        groups: dict[_Origin, list[bytes]] = {}
        self.replies += len(items)
        if self.trace is not None:
            self.trace.replied(shard, [(due[tag], line) for tag, line in items if tag in due])
        try:
            for tag, line in items:
                del due[tag]
                origin = origin_of(tag)
                if origin in groups:
                    groups[origin].append(line)
                else:
                    groups[origin] = [line]
        except KeyError as error:
            raise ProtocolError(f"a reply with tag {error}, which was not asked") from error
        finally:
            for (link, connection), lines in groups.items():
                frame = encode_link(LINK_LINES, connection, b"", b"".join(lines))
                output.setdefault(link, []).append(frame)

    def _ask(self, origin: _Origin, session: str, now_ms: int) -> None:
        tag, self._next_tag = self._next_tag, self._next_tag + 1
        self._asked += 1
        self._questions[tag] = _Question(origin, session, now_ms, {})
        for peer in self._peers:
            if peer is not None:
                peer.send(encode(HighestQuery(tag, session)))

    def _learned(self, shard: int, reply: HighestReply) -> None:
        question = self._questions.get(reply.tag)
        if question is None:  # it came too late
            return
        question.answers[shard] = reply.number
        if len(question.answers) == len(self._queues):
            del self._questions[reply.tag]
            self._tell(question, LINK_HIGHEST, b"%d" % max(question.answers.values()))

    def _tell(self, question: _Question, kind: int, text: bytes) -> None:
        link, connection = question.origin
        link.send(encode_link(kind, connection, question.session.encode(), text))


def _session(name: bytes) -> str:
    session = name.decode("latin-1")
    if not is_session(session):
        raise ProtocolError("a frame without a session")
    return session


def _send_requests(peer: Peer, requests: list[Request]) -> None:
    for start in range(0, len(requests), MAX_REQUESTS_PER_FRAME):
        peer.send(encode(Requests(requests[start : start + MAX_REQUESTS_PER_FRAME])))
