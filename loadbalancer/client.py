"""What the balancer knows of one client connection. No socket here: the loop has that."""

from core.framing import LineDecoder
from core.limits import LINE_OVERHEAD_BYTES
from loadbalancer.outbox import Outbox
from loadbalancer.session import Session


class Hold:
    """Lines of one user that may not go out yet, because certain lines of this connection must be answered first.

    All of these are at one server, since all unanswered lines of a user on one connection always are.
    """

    __slots__ = ("lines", "numbers", "server")

    def __init__(self, server: int) -> None:
        self.server = server
        self.numbers: set[int] = set()
        """Numbers of the lines at `server` that must be answered first."""
        self.lines: list[bytes] = []


class Client:
    """One client connection."""

    __slots__ = (
        "backlog", "decoder", "finished", "holds", "lanes", "number", "output", "sampled", "session", "stalled",
        "unsent_since", "waiting_bytes",
    )  # fmt: skip

    def __init__(self, number: int, servers: int) -> None:
        self.number = number
        """Names the connection on the links to the web servers; never used twice."""
        self.session: Session | None = None
        """None until the first line is there."""
        self.decoder = LineDecoder()
        self.backlog: list[bytes] = []
        """Lines that were received and not looked at yet."""
        self.lanes: list[dict[int, bytes]] = [{} for _ in range(servers + 1)]
        """For each web server the lines it has not answered, by number, in the order sent; the last: those without a server."""
        self.sampled: dict[int, int] = {}
        """Since when (ms) some of the lines in `lanes` have been here, by number: those that are timed."""
        self.unsent_since: dict[int, int] = {}
        """Of the lines without a server those that never had one -> since when (ms)."""
        self.holds: dict[bytes, Hold] = {}
        """By user, who has no line elsewhere in `lanes` than at the server of the hold."""
        self.waiting_bytes = 0
        """Memory of the lines in `lanes` and `holds`."""
        self.output = Outbox()
        self.stalled = False
        """Whether `backlog` waits for the session's highest number."""
        self.finished = False
        """Whether nothing more is read from the client; when all is answered, the connection closes."""

    @property
    def waiting_lines(self) -> int:
        """How many lines are not answered (the backlog does not count)."""
        held = sum(len(hold.lines) for hold in list(self.holds.values())) if self.holds else 0
        return sum(map(len, self.lanes)) + held

    def expired(self, before_ms: int) -> list[int]:
        """Numbers of the lines that have been without any server since then or longer, and may be answered BUSY.

        Not those behind an earlier line of their user that has to wait on: a reply may not overtake.
        """
        if next(iter(self.unsent_since.values()), before_ms + 1) > before_ms:
            return []
        kept: set[bytes] = set()
        expired: list[int] = []
        for number, line in self.lanes[-1].items():
            user = user_of(field_of(line))
            if user in kept or self.unsent_since.get(number, before_ms + 1) > before_ms:
                kept.add(user)
            else:
                expired.append(number)
        return expired

    @property
    def drained(self) -> bool:
        """Whether the client has had everything that it will ever get."""
        return self.finished and not self.backlog and not self.waiting_bytes and not self.output.size


def cost(line: bytes) -> int:
    """Bytes of memory that an unanswered line is taken to need."""
    return len(line) + LINE_OVERHEAD_BYTES


def field_of(line: bytes) -> bytes:
    """The user field of a line with its number, as it stands there: what the router is asked with."""
    parts = line.split(b",", 2)
    return parts[1] if len(parts) > 1 else b""


def user_of(field: bytes) -> bytes:
    """The user field without what does not count."""
    return field.rstrip(b" \t\r")
