"""The balancer without its sockets: lines in, frames out; reply frames in, reply lines out.

Three rules carry everything else:

- A line stays in its connection's lane of a server until that server has answered it. A dead server's lanes are emptied
  into those of the servers that own the users now (marked as sent again), in order.
- All unanswered lines of a user on one connection are at one server, so its replies keep their order. When a server that
  returns takes a user over, new lines of that user wait (Hold) until the old server has answered.
- A number is in a lane once. A line that repeats a number not answered yet waits (Hold) as well, so that a reply's number
  always says which line it answers.

While no server is up, lines wait in a lane of their own: those that no server ever had are answered BUSY after a while.
Time comes in as milliseconds of the monotonic clock.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from core.codec import error_reply
from core.errors import BAD_REQUEST, BUSY, ProtocolError
from core.framing import (
    LINK_HIGHEST,
    LINK_LINES,
    LINK_RESENT,
    LINK_UNAVAILABLE,
    LineTooLong,
    decode_link,
    encode_link,
    split_number,
    strip_line,
)
from core.limits import (
    DOWN_DEADLINE_MS,
    LINE_OVERHEAD_BYTES,
    MAX_NUMBER,
    MAX_OUTPUT_BYTES,
    MAX_OUTPUT_BYTES_PER_CONNECTION,
    MAX_WAITING_BYTES_PER_CONNECTION,
    MAX_WAITING_LINES_PER_CONNECTION,
)  # fmt: skip
from loadbalancer.client import Client, Hold, cost, field_of, user_of
from loadbalancer.counts import Counts
from loadbalancer.outbox import Outbox
from loadbalancer.replies import highest_number, reply_numbers
from loadbalancer.route import Router
from loadbalancer.session import Session, Sessions, is_session_line, named_session
from loadbalancer.trace import Trace

_OPENING: Final = ord("[")


class Balancer:
    """All connections and links of one load balancer, as values."""

    def __init__(self, servers: Sequence[str], new_session: Callable[[], bytes]) -> None:
        self.links = [Outbox() for _ in servers]
        """Frames to be sent to each web server."""
        self.changed: set[Client] = set()
        """Clients whose output or readiness to read may have changed; the loop empties it."""
        self.waiting_bytes = 0
        """Memory of all unanswered lines."""
        self.output_bytes = 0
        """Replies that clients have not taken."""
        self._router = Router(servers)
        self._nowhere = self._router.nowhere
        self._sessions = Sessions(new_session, self._ask)
        self._clients: dict[int, Client] = {}
        self._sheltering: set[Client] = set()
        self._last_client = 0
        self.counts = Counts()
        self.trace: Trace | None = None
        """Is told the way of each line."""

    @property
    def waiting_lines(self) -> int:
        """How many lines are not answered. Another thread may ask."""
        return sum(client.waiting_lines for client in list(self._clients.values()))

    def connected(self) -> Client:
        """A client connected."""
        self._last_client += 1
        client = self._clients[self._last_client] = Client(self._last_client, len(self.links))
        return client

    def received(self, client: Client, data: bytes, now_ms: int) -> None:
        """Bytes came from a client."""
        assert not client.finished, "nothing is read after the end"
        try:
            client.backlog += client.decoder.feed(data)
        except LineTooLong as error:
            client.backlog += error.lines
            client.finished = True
        self._advance(client, now_ms)
        if client.finished:
            self._refuse(client, BAD_REQUEST, "the line is too long")

    def ended(self, client: Client) -> None:
        """The client will send nothing more. Half a line at the end was cut off on its way: it is not obeyed."""
        client.finished = True
        self.changed.add(client)

    def gone(self, client: Client) -> None:
        """The client's connection is closed. Replies to it are discarded from now on."""
        del self._clients[client.number]
        self.waiting_bytes -= client.waiting_bytes
        self.output_bytes -= client.output.size
        self._sheltering.discard(client)
        self.changed.discard(client)
        if client.session is not None:
            self._sessions.close(client.session, client)

    def sent(self, byte_count: int) -> None:
        """That much of a client's output went out."""
        self.output_bytes -= byte_count

    def wants_input(self, client: Client) -> bool:
        """Whether to read from this client: it has room for lines and takes its replies."""
        return not (
            client.finished
            or client.backlog
            or client.waiting_bytes >= MAX_WAITING_BYTES_PER_CONNECTION
            or client.output.size >= MAX_OUTPUT_BYTES_PER_CONNECTION
            or (client.output.size and self.output_bytes >= MAX_OUTPUT_BYTES)
        )

    def _advance(self, client: Client, now_ms: int) -> None:
        """Takes lines from the backlog as far as they may go."""
        while client.backlog and not client.stalled:
            room = MAX_WAITING_LINES_PER_CONNECTION - client.waiting_lines
            if room <= 0:
                break
            lines, client.backlog = client.backlog[:room], client.backlog[room:]
            if client.session is None:
                lines = self._greet(client, lines)
            if client.session is not None:
                self._take(client, client.session, lines, LINK_LINES, now_ms)
        self.changed.add(client)

    def _greet(self, client: Client, lines: list[bytes]) -> list[bytes]:
        """Opens the session by the first line that is not blank; returns the lines left to do."""
        for index, line in enumerate(lines):
            text = strip_line(line)
            if text and not is_session_line(text):
                client.session = self._sessions.open(None)
                return lines[index:]
            if text:
                name = named_session(text)
                client.session = self._sessions.open(name)
                if name:
                    self._put(client, b"SESSION OK\n")
                else:
                    self._refuse(client, BAD_REQUEST, "SESSION needs an id of 1 to 64 letters, digits or _.-")
                return lines[index + 1 :]
        return []

    def _take(self, client: Client, session: Session, lines: Iterable[bytes], kind: int, now_ms: int) -> None:
        """Routes lines. The hot loop: about half of what the balancer costs."""
        lanes, holds = client.lanes, client.holds
        owner, known = self._router.owner, self._router.known.get
        batches: list[list[bytes]] = [[] for _ in lanes]
        highest = session.highest
        rest = iter(lines)
        for line in rest:
            parts = line.split(b",", 2)
            head = parts[0]
            close = head.find(b"]")
            digits = head[1:close]
            if not (
                1 < close < 64
                and digits.isdigit()
                and head[0] == _OPENING
                and 0 < (number := int(digits)) <= MAX_NUMBER
            ):
                session.highest = highest
                numbered = self._number(client, session, line, now_ms)
                if client.stalled:
                    client.backlog[:0] = [line, *rest]
                    break
                if numbered is None:
                    continue
                number, line = numbered
                parts = line.split(b",", 2)
            if number > highest:
                highest = number
            field = parts[1] if len(parts) > 1 else b""
            server = known(field)
            if server is None:
                server = owner(field)
            lane = lanes[server]
            if number in lane or (holds and user_of(field) in holds):
                self._hold(client, server, number, line)
                continue
            lane[number] = line
            batches[server].append(line)
        session.highest = highest
        for server, batch in enumerate(batches):
            if batch:
                self._forward(client, session, server, batch, kind, now_ms)

    def _number(self, client: Client, session: Session, line: bytes, now_ms: int) -> tuple[int, bytes] | None:
        """Numbers a line that has no number. None when there is nothing to send: blank, answered here, or stalled."""
        text = strip_line(line)
        if not text:
            return None
        if split_number(text)[0] is not None:
            self._refuse(client, BAD_REQUEST, "the number is not one of 1 to 2^53")
        elif is_session_line(text):
            self._refuse(client, BAD_REQUEST, "SESSION is the first line or none")
        elif not session.known:
            client.stalled = True
            self._sessions.stall(session, client, now_ms)
        elif session.highest >= MAX_NUMBER:
            self._refuse(client, BAD_REQUEST, "the session has no number left")
        else:
            return session.highest + 1, b"[%d] %b" % (session.highest + 1, text)
        return None

    def _forward(
        self, client: Client, session: Session, server: int, batch: list[bytes], kind: int, now_ms: int
    ) -> None:
        """Sends lines that are in their lane already."""
        text = b"\n".join(batch) + b"\n"
        self._charge(client, len(text) + (LINE_OVERHEAD_BYTES - 1) * len(batch))
        if kind == LINK_LINES:
            self.counts.begin(client.sampled, client.lanes[server], now_ms)
        if self.trace is not None:
            self.trace.forwarded(session.name, server, batch, kind == LINK_RESENT)
        if server != self._nowhere:
            self.links[server].put(encode_link(kind, client.number, session.name, text))
            return
        self._sheltering.add(client)
        if kind == LINK_LINES:
            client.unsent_since.update(
                (number, now_ms) for line in batch if (number := split_number(line)[0])
            )

    def _hold(self, client: Client, server: int, number: int, line: bytes) -> None:
        """Keeps back a line whose user is held, or whose number is under way."""
        user = user_of(field_of(line))
        hold = client.holds.get(user)
        if hold is None:
            hold = client.holds[user] = Hold(server)
            hold.numbers.add(number)
        hold.lines.append(line)
        self._charge(client, cost(line))

    def _release(self, client: Client, server: int, numbers: Iterable[int] | None = None) -> list[bytes]:
        """Takes out the held lines that waited for the last of these numbers at this server (None: for anything there)."""
        released: list[bytes] = []
        for user, hold in list(client.holds.items()):
            if hold.server == server:
                hold.numbers.difference_update(hold.numbers if numbers is None else numbers)
                if not hold.numbers:
                    released += client.holds.pop(user).lines
        self._charge(client, -sum(map(cost, released)))
        return released

    def server_up(self, server: int, now_ms: int) -> None:
        """A link to a web server is there: lines that had none go to it, and the users it owns as soon as order allows."""
        first = not self._router.any_up()
        self._router.set_up(server, True)
        if first:
            self._evacuate(self._nowhere, now_ms)
        else:
            for client in self._clients.values():
                if client.waiting_bytes:
                    self._hold_displaced(client, server)
        self._sessions.ask_again(None)

    def server_down(self, server: int, now_ms: int) -> None:
        """A web server is dead or its link broken: all it has not answered goes to others."""
        self._router.set_up(server, False)
        self.links[server].clear()
        self._evacuate(server, now_ms)
        self._sessions.ask_again(server)

    def heard(self, server: int, kind: int, payload: bytes, now_ms: int) -> None:
        """A frame came from a web server. Raises ProtocolError if it makes no sense; then the link is to be dropped."""
        connection, name, text = decode_link(payload)
        if kind == LINK_LINES:
            client = self._clients.get(connection)
            if client is not None:
                self._answered(client, server, text, now_ms)
        elif kind == LINK_HIGHEST:
            for client in self._sessions.learned(server, name, highest_number(text)):
                client.stalled = False
                self._advance(client, now_ms)
        elif kind == LINK_UNAVAILABLE:
            self._numberless(self._sessions.learned(server, name, None), now_ms)
        else:
            raise ProtocolError(f"frame of kind {kind} from a web server")

    def _answered(self, client: Client, server: int, text: bytes, now_ms: int) -> None:
        """Reply lines for one connection. The other hot loop."""
        numbers = reply_numbers(text)
        lane = client.lanes[server]
        take, before, freed = lane.pop, len(lane), 0
        try:
            for number in numbers:
                freed += len(take(number))
        except KeyError as error:
            text = b"".join(line + b"\n" for line in text.split(b"\n")[: before - len(lane)])
            raise ProtocolError(f"a reply to number {error}, which was not asked") from error
        finally:
            self._charge(client, -freed - LINE_OVERHEAD_BYTES * (before - len(lane)))
            self._put(client, text)
        self.counts.answered += len(numbers)
        if self.trace is not None and client.session is not None:
            self.trace.answered(client.session.name, server, text)
        self._go_on(client, server, numbers, now_ms)

    def _go_on(self, client: Client, server: int, numbers: Iterable[int], now_ms: int) -> None:
        """These numbers are answered: what waited for them goes out."""
        if client.sampled:
            self.counts.end(client.sampled, numbers, now_ms)
        if client.holds and client.session is not None:
            self._take(client, client.session, self._release(client, server, numbers), LINK_RESENT, now_ms)
        if client.backlog:
            self._advance(client, now_ms)

    def _evacuate(self, server: int, now_ms: int) -> None:
        """Routes everything in the lanes of a server anew: first, in order, what was sent before; then what was not."""
        for client in list(self._clients.values()):
            lane, session = client.lanes[server], client.session
            if session is None or not (lane or client.holds):
                continue
            lines = list(lane.items())
            unsent = client.unsent_since.keys()
            batches = (
                ([line for number, line in lines if number not in unsent], LINK_RESENT),
                ([line for number, line in lines if number in unsent], LINK_LINES),
                (self._release(client, server), LINK_RESENT),
            )
            self._charge(client, -sum(map(cost, lane.values())))
            self.counts.resent += len(lane) if server != self._nowhere else 0
            lane.clear()
            client.unsent_since.clear()
            self._sheltering.discard(client)
            for batch, kind in batches:
                self._take(client, session, batch, kind, now_ms)

    def _hold_displaced(self, client: Client, returned: int) -> None:
        """A server takes users over: holds those that have lines under way elsewhere."""
        for server, lane in enumerate(client.lanes[: self._nowhere]):
            for number, line in lane.items():
                field = field_of(line)
                if server != returned and self._router.owner(field) == returned:
                    hold = client.holds.setdefault(user_of(field), Hold(server))
                    assert hold.server == server, "a user's lines are at two servers"
                    hold.numbers.add(number)

    def _ask(self, name: bytes) -> int | None:
        """Sends the question for a session's highest number."""
        server = self._router.owner(name)
        if server == self._nowhere:
            return None
        self.links[server].put(encode_link(LINK_HIGHEST, 0, name, b""))
        return server

    def _numberless(self, clients: list[Client], now_ms: int) -> None:
        """The highest number cannot be had: the line that needs it is BUSY, the connection goes on."""
        for client in clients:
            client.stalled = False
            del client.backlog[0]
            self._refuse(client, BUSY, "the session's numbers cannot be had now; try again")
            self._advance(client, now_ms)

    @property
    def needs_time(self) -> bool:
        """Whether `expire` has anything to look after."""
        return bool(self._sheltering or self._sessions.stalled)

    def expire(self, now_ms: int) -> None:
        """Answers BUSY what has waited too long for a first web server. To be called a few times a second."""
        self._numberless(self._sessions.expire(now_ms), now_ms)
        for client in list(self._sheltering):
            self._expire_lines(client, now_ms)

    def _expire_lines(self, client: Client, now_ms: int) -> None:
        expired = client.expired(now_ms - DOWN_DEADLINE_MS)
        for number in expired:
            self._charge(client, -cost(client.lanes[self._nowhere].pop(number)))
            del client.unsent_since[number]
            self._refuse(client, BUSY, "no web server is up; nothing was done, try again", number)
        if not client.lanes[self._nowhere]:
            self._sheltering.discard(client)
        self._go_on(client, self._nowhere, expired, now_ms)

    def _charge(self, client: Client, memory: int) -> None:
        client.waiting_bytes += memory
        self.waiting_bytes += memory

    def _put(self, client: Client, text: bytes) -> None:
        client.output.put(text)
        self.output_bytes += len(text)
        self.changed.add(client)

    def _refuse(self, client: Client, code: str, why: str, number: int = 0) -> None:
        self.counts.refused[code] += 1
        self._put(client, error_reply(number, code, why))
