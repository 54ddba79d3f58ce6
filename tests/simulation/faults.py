"""Faults strike at events of the traffic: so each one finds something under way."""

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import msgspec

from tests.simulation.plan import WHOEVER, Fault
from tests.simulation.world import Process

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Faults:
    """The faults of one schedule that have not struck yet."""

    def __init__(self, simulation: "Simulation", faults: list[Fault]) -> None:
        self._simulation = simulation
        self._planned: defaultdict[tuple[str, int], list[Fault]] = defaultdict(list)
        for fault in faults:
            self._planned[fault.event, fault.count].append(fault)
        self._seen: Counter[str] = Counter()
        self._over = False

    def happened(self, event: str, process: Process) -> None:
        """An event of the traffic."""
        self._seen[event] += 1
        for fault in self._planned.pop((event, self._seen[event]), ()):
            if fault.target == WHOEVER:
                fault = msgspec.structs.replace(fault, target=process.name)
            self._simulation.world.after(fault.delay_us, self._strike, fault)

    def over(self) -> None:
        """No more of them: the traffic has ended."""
        self._over = True
        self._simulation.server.lost_share = self._simulation.valkey.lost_share = 0

    def _strike(self, fault: Fault) -> None:
        if self._over:
            return
        struck = getattr(self, f"_{fault.kind}")(fault)
        if struck:
            world = self._simulation.world
            world.counts[f"fault: {struck}"] += 1
            world.note("fault", struck, fault.target, fault.duration_us, fault.amount)

    def _kill(self, fault: Fault) -> str:
        if not self._simulation.processes[fault.target].alive:
            return ""
        self._simulation.kill(fault.target, fault.duration_us)
        return f"kill {fault.target.rstrip('01')}"

    def _stop(self, fault: Fault) -> str:
        process = self._simulation.processes[fault.target]
        if not process.alive or process.stalled:
            return ""
        process.call_soon(process.told_to_stop.set)
        return f"stop {fault.target.rstrip('01')}"

    def _everything(self, fault: Fault) -> str:
        """All tiers, the database and the cache at once."""
        simulation = self._simulation
        for name, process in list(simulation.processes.items()):
            if process.alive and name.startswith(("web", "shard", "twin", "trigger", "balancer")):
                simulation.kill(name, fault.duration_us)
        if not simulation.server.away:
            simulation.server.stop(fault.duration_us)
        if not simulation.valkey.away:
            simulation.valkey.stop(fault.duration_us, keep=False)
        return "kill everything"

    def _stall(self, fault: Fault) -> str:
        process = self._simulation.processes[fault.target]
        if process.stalled or not process.alive:
            return ""
        process.stall(fault.duration_us)
        return f"stall {fault.target.rstrip('01')}"

    def _cut(self, fault: Fault) -> str:
        simulation = self._simulation
        living = simulation.network.living(fault.target)
        if not living:
            return ""
        end = living[simulation.world.chance.randrange(len(living))]
        simulation.network.break_up(end, fault.duration_us)
        return "cut connection"

    def _database(self, fault: Fault) -> str:
        if self._simulation.server.away:
            return ""
        self._simulation.server.stop(fault.duration_us)
        return "database away"

    def _cache(self, fault: Fault) -> str:
        if self._simulation.valkey.away:
            return ""
        self._simulation.valkey.stop(fault.duration_us, keep=bool(fault.amount))
        return "cache away" if fault.amount else "cache lost"

    def _flush(self, fault: Fault) -> str:
        self._simulation.valkey.flush()
        return "cache flushed"

    def _clock(self, fault: Fault) -> str:
        self._simulation.world.clock_step_ms += fault.amount
        return "clock set back" if fault.amount < 0 else "clock set forward"

    def _misjudged(self, fault: Fault) -> str:
        if self._simulation.balancer is None or not self._simulation.processes["balancer"].alive:
            return ""
        self._simulation.balancer.misjudge(fault.amount)
        return "web server taken for dead"
