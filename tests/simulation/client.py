"""The client: the real driver, run phase by phase, started again where its process died. All that it reads is looked at."""

from collections import defaultdict
from typing import TYPE_CHECKING

from core.errors import BUSY, REUSED_NUMBER
from core.framing import LineDecoder
from tests.simulation.network import End
from tests.simulation.world import Broken, Process
from workload.connection import Patience
from workload.driver import replay

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

SESSION = "s"


class Client:
    """What the user of the system sends and sees."""

    def __init__(self, simulation: "Simulation") -> None:
        self._simulation = simulation
        self._phase = 0
        self.done = False
        self.phase_numbers: set[int] = set()
        """Of the lines that the driver works on."""
        self.replies: defaultdict[int, list[str]] = defaultdict(list)
        """By number everything that was answered, BUSY too."""
        simulation.network.watch = self._watch

    def start(self, process: Process) -> None:
        """The driver's process begins, or begins again."""
        process.start(self._drive(process))

    async def _drive(self, process: Process) -> None:
        phases = self._simulation.plan.phases
        while self._phase < len(phases):
            phase = phases[self._phase]
            self.phase_numbers = {int(line[1 : line.index("]")]) for line in phase.lines}
            await replay(
                ["".join(f"{line}\n" for line in phase.lines).encode()],
                ("balancer", 7000),
                window=phase.window,
                connections=phase.connections,
                session=SESSION,
                patience=Patience(),
            )
            self._phase += 1
            pause = process.create_future()
            self._simulation.world.after(phase.pause_us, process.call_soon, pause.set_result, None)
            await pause
        self.done = True

    def _watch(self, end: End) -> None:
        """A connection was opened: the client's are read along."""
        if end.process.name == "client":
            decoder = LineDecoder()
            end.tap = lambda data: self._read_all(decoder.feed(data))

    def _read_all(self, lines: list[bytes]) -> None:
        for line in lines:
            self._read(line.decode())

    def _read(self, line: str) -> None:
        if line == "SESSION OK":
            return
        head, _, reply = line.partition("] ")
        number = int(head[1:])
        self.replies[number].append(reply)
        self._simulation.world.note("reply", number, reply)
        self._simulation.world.on_event("reply", self._simulation.processes["client"])
        self.hold_to_the_law(number, reply)

    def _was_repeated(self, number: int) -> bool:
        """Whether the number may have been sent before, on another connection: then the last sending alone came to nothing."""
        struck = self._simulation.world.counts
        again = (
            "fault: kill client",
            "fault: kill balancer",
            "fault: kill everything",
            "fault: cut connection",
        )
        dump = self._simulation.bodies[number][0].startswith("DUMPLOG")
        if number in self._simulation.repeated:
            return True
        return dump or len(self._simulation.bodies[number]) > 1 or any(struck[what] for what in again)

    def hold_to_the_law(self, number: int, reply: str) -> None:
        """What is answered is durable by now, with just that reply; another reply only to another request of that number."""
        tables = self._simulation.tables
        stored = tables.commands.get((tables.sessions.get(SESSION, 0), number))
        if f'"code":"{BUSY}"' in reply:
            if stored is not None and not self._was_repeated(number):
                raise Broken(f"[{number}] was done and is answered BUSY")
            return
        if stored is None:
            raise Broken(f"[{number}] is answered and not durable: {reply}")
        if f'"code":"{REUSED_NUMBER}"' in reply:
            if all(body == stored.body for body in self._simulation.bodies[number]):
                raise Broken(f"[{number}] is REUSED_NUMBER, but was sent with one body only")
        elif stored.reply not in (None, reply):
            raise Broken(f"[{number}] is answered {reply}, and {stored.reply} is stored")
