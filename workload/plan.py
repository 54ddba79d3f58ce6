"""Which line may be sent when: each user's lines in order, at most a window of them outstanding, segment after segment.

No input or output in here. The driver says what was answered (`answered`) and takes the bytes that may go out now
(`take`), as many lines at a time as there are. Users are spread over lanes; a lane is one connection. Times are
nanoseconds of one monotonic clock, handed in and only ever subtracted.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from core.errors import BUSY, ProtocolError
from workload.layout import UserLines, Workload

MAX_CHUNK_BYTES: Final = 256 * 1024
"""About how many bytes one `take` gives."""
MAX_LINES_PER_TURN: Final = 1_024
"""Lines of one user in one go, so that with a wide window the others get their turn."""
_BUSY: Final = BUSY.encode()


class Unexpected(ProtocolError):
    """A reply to a number that is not outstanding on its connection."""

    def __init__(self, digits: bytes) -> None:
        super().__init__(f"a reply to [{digits.decode()}], which is not outstanding on this connection")
        self.digits = digits


class _Queue:
    """Where one user is."""

    __slots__ = ("again", "in_flight", "is_ready", "lane", "limit", "lines", "sent")

    def __init__(self, lines: UserLines, lane: int) -> None:
        self.lines = lines
        self.lane = lane
        self.sent = 0
        """Lines sent so far, answered or not."""
        self.limit = 0
        """Lines that may be sent before the next segment."""
        self.in_flight = 0
        self.is_ready = False
        """Stands in its lane's row of users that may have something to send."""
        self.again: list[tuple[int, int]] = []
        """Lines answered BUSY: (index, when first sent). While there are any, nothing new is sent, or order were lost."""


_Ticket = tuple[_Queue, int, int]
"""What is known of an outstanding line: its queue, when it was sent, an index in the queue at or before its own."""


class Plan:
    """The state of one replay."""

    def __init__(self, workload: Workload, window: int, lanes: int) -> None:
        """`window`: outstanding lines per user, at least 1. `lanes`: connections, at least 1."""
        if window < 1 or lanes < 1:
            raise ValueError("window and lanes must be at least 1")
        self.total = workload.total
        self.answered_count = 0
        self.segment = -1
        """Index of the segment that is being sent. When it changes, every lane may have something to send."""
        self._window = window
        self._workload = workload
        self._queues = [_Queue(lines, place % lanes) for place, lines in enumerate(workload.users)]
        self._outstanding: list[dict[int, _Ticket]] = [{} for _ in range(lanes)]
        self._ready: list[deque[_Queue]] = [deque() for _ in range(lanes)]
        self._refused: list[deque[_Queue]] = [deque() for _ in range(lanes)]
        """Users whose BUSY lines can be sent again, because nothing else of theirs is outstanding."""
        self.refused_users = 0
        """How many those are: with some, the driver calls `retry` after a pause."""
        self._left = 0
        self._open_next_segment()

    @property
    def done(self) -> bool:
        """Everything is answered."""
        return self.answered_count == self.total

    def outstanding(self, lane: int) -> int:
        """Lines sent on this lane and not answered."""
        return len(self._outstanding[lane])

    def take(self, lane: int, now_ns: int, max_bytes: int = MAX_CHUNK_BYTES) -> bytes:
        """Lines that may go out on this lane now; b"" when there are none. They count as sent from here on."""
        ready = self._ready[lane]
        outstanding = self._outstanding[lane]
        window = self._window
        chunk: list[bytearray] = []
        size = 0
        while ready and size < max_bytes:
            queue = ready.popleft()
            queue.is_ready = False
            start = queue.sent
            end = min(start + window - queue.in_flight, start + MAX_LINES_PER_TURN, queue.limit)
            if end <= start or queue.again:
                continue
            text = queue.lines.slice(start, end)
            chunk.append(text)
            size += len(text)
            ticket = (queue, now_ns, start)
            for number in queue.lines.numbers[start:end]:
                outstanding[number] = ticket
            queue.sent = end
            queue.in_flight += end - start
            if end - start == MAX_LINES_PER_TURN:
                queue.is_ready = True
                ready.append(queue)
        return b"".join(chunk)

    def answered(self, lane: int, replies: Iterable[tuple[bytes, bytes]], now_ns: int) -> list[int]:
        """Notes replies that came on this lane, as (number, error code or b""), and gives the latencies of the final ones.

        BUSY is not final. Raises Unexpected for a reply to something that is not outstanding on this lane: the server made
        it up or answered twice.
        """
        pop = self._outstanding[lane].pop
        ready = self._ready[lane]
        latencies_ns: list[int] = []
        for digits, code in replies:
            ticket = pop(int(digits), None)
            if ticket is None:
                raise Unexpected(digits)
            queue = ticket[0]
            queue.in_flight -= 1
            if code == _BUSY:
                self._set_aside(int(digits), ticket)
            else:
                latencies_ns.append(now_ns - ticket[1])
                if not queue.is_ready:
                    queue.is_ready = True
                    ready.append(queue)
            if queue.again and not queue.in_flight:
                self._refused[lane].append(queue)
                self.refused_users += 1
        self.answered_count += len(latencies_ns)
        self._left -= len(latencies_ns)
        if not self._left:
            self._open_next_segment()
        return latencies_ns

    def resend(self, lane: int) -> bytes:
        """Everything outstanding on this lane in the order in which it was sent: for a new connection in place of a lost one."""
        return b"".join(_line(number, ticket) for number, ticket in self._outstanding[lane].items())

    def retry(self, lane: int) -> bytes:
        """Lines of this lane that were answered BUSY, to be sent once more; each user's in order."""
        refused = self._refused[lane]
        outstanding = self._outstanding[lane]
        chunk: list[bytearray] = []
        while refused:
            queue = refused.popleft()
            self.refused_users -= 1
            for index, sent_ns in sorted(queue.again):
                outstanding[queue.lines.numbers[index]] = (queue, sent_ns, index)
                chunk.append(queue.lines.slice(index, index + 1))
            queue.in_flight = len(queue.again)
            queue.again = []
        return b"".join(chunk)

    def _set_aside(self, number: int, ticket: _Ticket) -> None:
        queue, sent_ns, first = ticket
        queue.again.append((queue.lines.numbers.index(number, first), sent_ns))

    def _open_next_segment(self) -> None:
        if self.segment + 1 >= len(self._workload.segments):
            return
        self.segment += 1
        self._left = self._workload.sizes[self.segment]
        for place, end in self._workload.segments[self.segment].items():
            queue = self._queues[place]
            queue.limit = end
            if not queue.is_ready:
                queue.is_ready = True
                self._ready[queue.lane].append(queue)


def _line(number: int, ticket: _Ticket) -> bytearray:
    queue, _, first = ticket
    index = queue.lines.numbers.index(number, first)
    return queue.lines.slice(index, index + 1)
