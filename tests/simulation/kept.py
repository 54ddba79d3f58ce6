"""Schedules in which the simulation found something in the real code, each with what it was.

What a seed means changes with the drawing of plans and with the code. So each stands beside the bug that it found, planted anew
(bugs.py), and is the first of a row: test_simulation.py sees that the row still finds the bug, and finds nothing without it.
"""

from typing import Any, Final, NamedTuple

from msgspec import structs

from tests.simulation.plan import Fault, Plan, draw


class Kept(NamedTuple):
    """A row of schedules from this seed on: the plan of each seed, with some of it changed."""

    seed: int
    bug: str
    found: str
    changes: dict[str, Any]

    def plan(self, seed: int) -> Plan:
        """What is run for a seed of the row."""
        return structs.replace(draw(seed), **self.changes)


_ALONE: Final = {"person": False, "stranger": False}
KEPT: Final = (
    Kept(
        1,
        "closed client served",
        "a client that took no replies and reset its connection ended the balancer (loadbalancer.loop, KeyError)",
        {},
    ),
    Kept(
        1,
        "lost first answer unheard",
        "a process whose first call to the cache was done and not answered counted as new: a FLUSHALL cost a second hit",
        {
            "lost_share": 0.3, "quote_slow_us": 1_000_000,
            "faults": [Fault("flush", "ask", count, 300) for count in (1, 2)], **_ALONE,
        },
    ),
)  # fmt: skip
