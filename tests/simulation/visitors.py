"""Others at the same door while the driver works: a person who sends lines without numbers, and a stranger who repeats.

Both have a connection of their own and one line outstanding. What is lost with a connection they do not send again.
"""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final

from core.errors import BUSY, REUSED_NUMBER
from core.framing import LineDecoder
from tests.simulation.client import SESSION
from tests.simulation.world import Broken, Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

PERSON: Final = "person"
"""The person's session and user."""
_PAUSE_S: Final = 0.03
_LINES: Final = 30
"""They have so much to say."""


class _Connection(asyncio.Protocol):
    """Lines out, lines in."""

    def __init__(self) -> None:
        self._decoder = LineDecoder()
        self._replies: asyncio.Queue[str] = asyncio.Queue()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for line in self._decoder.feed(data):
            self._replies.put_nowait(line.decode())

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        self._replies.put_nowait("")

    async def ask(self, line: str) -> str:
        """The reply; empty when the connection is gone."""
        if self.lost:
            return ""
        self.transport.write(f"{line}\n".encode())  # type: ignore[attr-defined]
        return await self._replies.get()


class Visitor:
    """Somebody with one line outstanding."""

    name = ""
    session = ""

    def __init__(self, simulation: "Simulation") -> None:
        self.simulation = simulation
        self.chance = Random(f"{self.name} {simulation.plan.seed}")
        self._left = _LINES

    def start(self, process: Process) -> None:
        """Comes to the door."""
        process.start(self._visit(process))

    async def _visit(self, process: Process) -> None:
        client = self.simulation.client
        while self._left and not client.done:
            connection = _Connection()
            try:
                await process.create_connection(lambda made=connection: made, "balancer", 7000)
            except ConnectionRefusedError:
                await asyncio.sleep(_PAUSE_S)
                continue
            if await connection.ask(f"SESSION {self.session}") == "SESSION OK":
                await self._talk(connection)
            connection.transport.abort()  # type: ignore[attr-defined]

    async def _talk(self, connection: _Connection) -> None:
        while self._left and not self.simulation.client.done and not connection.lost:
            await asyncio.sleep(self.chance.random() * _PAUSE_S)
            line = self.next_line()
            self._left -= 1
            if line and (reply := await connection.ask(line)):
                self.simulation.world.note(self.name, line, reply)
                self.heard(line, reply)

    def next_line(self) -> str:
        """What to send now; empty for nothing."""
        raise NotImplementedError

    def heard(self, line: str, reply: str) -> None:
        """The reply to it. Raises Broken."""
        raise NotImplementedError


class Person(Visitor):
    """Sends unnumbered lines, each another amount, so that each can be told from all others."""

    name = session = PERSON

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__(simulation)
        self._amounts: Iterator[int] = iter(range(1, 1_000_000))
        self.answered: dict[int, str] = {}
        """Number -> body of what is known to be done."""

    def next_line(self) -> str:
        return f"ADD,{PERSON},{next(self._amounts)}.00"

    def heard(self, line: str, reply: str) -> None:
        head, _, rest = reply.partition("] ")
        number = int(head[1:])
        if f'"code":"{BUSY}"' in rest:
            return
        if f'"code":"{REUSED_NUMBER}"' in rest:
            if not self._may_collide():
                raise Broken(f"the person's {line} got the number {number}, which was used")
            return
        tables = self.simulation.tables
        stored = tables.commands.get((tables.sessions.get(PERSON, 0), number))
        if stored is None or stored.body != line or stored.reply != rest:
            raise Broken(f"the person's {line} is answered {reply}, and {stored} is stored")
        if number in self.answered:
            raise Broken(f"the person got the number {number} twice")
        self.answered[number] = line

    def _may_collide(self) -> bool:
        """A balancer that died had given out numbers of which nobody else knew yet."""
        counts = self.simulation.world.counts
        return bool(counts["fault: kill balancer"] or counts["fault: kill everything"])

    def check(self) -> None:
        """Each line took effect once at most, and each that was answered once. Raises Broken."""
        tables = self.simulation.tables
        session = tables.sessions.get(PERSON, 0)
        bodies = [kept.body for (owner, _), kept in tables.commands.items() if owner == session]
        if len(set(bodies)) != len(bodies):
            raise Broken("a line of the person was done twice")
        if set(self.answered.values()) - set(bodies):
            raise Broken("a line of the person is not done and was answered")


class Stranger(Visitor):
    """Sends lines of the driver's session once more, when they cannot overtake: each user's next one, or answered ones."""

    name = "stranger"
    session = SESSION

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__(simulation)
        self._lines = {number: bodies[0] for number, bodies in simulation.bodies.items() if len(bodies) == 1}
        self._by_user: dict[str, list[int]] = {}
        for number, bodies in sorted(simulation.bodies.items()):
            user = bodies[0].split(",")[1]
            self._by_user.setdefault(user, []).append(number)
        self.sent: set[int] = set()

    def next_line(self) -> str:
        replies = self.simulation.client.replies
        numbers = self._by_user[self.chance.choice(list(self._by_user))]
        left = [number for number in numbers if number not in replies]
        done = [number for number in numbers if number in replies and number in self._lines]
        if left and left[0] in self._lines and self._is_sent(left[0]) and self.chance.random() < 0.6:
            number = left[0]
        elif done:
            number = self.chance.choice(done)
        else:
            return ""
        self.sent.add(number)
        return f"[{number}] {self._lines[number]}"

    def _is_sent(self, number: int) -> bool:
        """Whether the driver may have sent it: nothing of a later phase, and no barrier before its time."""
        return number in self.simulation.client.phase_numbers and "DUMPLOG,./" not in self._lines[number]

    def heard(self, line: str, reply: str) -> None:
        head, _, rest = reply.partition("] ")
        self.simulation.client.hold_to_the_law(int(head[1:]), rest)
