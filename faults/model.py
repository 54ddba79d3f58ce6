"""What a run of faults consists of, as values: steps that are to be taken, strikes that were made."""

from msgspec import Struct


class Step(Struct, frozen=True):
    """One fault to inject."""

    fault: str
    """A name of faults.schedule.FAULTS."""
    target: str
    """Which process, where the fault has a choice; else ""."""
    pause_ms: int
    """How long the load runs undisturbed before it."""


class Stage(Struct, frozen=True):
    """What an act needs besides a stack and a load."""

    name: str
    small_disk: bool = False
    """Postgres' data lie on a small file system of their own."""
    clock_step_ms: int = 0
    """How far at most the clock is stepped back (for the invariant check)."""
    unjudged: tuple[str, ...] = ()
    """Rules of grader.rules that this act's log cannot show: what breaks them is counted and not held against it."""


class Strike(Struct, frozen=True):
    """One fault that was injected, or tried."""

    fault: str
    target: str
    time_ms: int
    """When, in milliseconds since 1970."""
    proof: str
    """How it is known that it struck, with figures; "" when it did not strike."""
    recovery_ms: int | None = None
    """From the signal until a command that needs the target was answered and the target was up; None where nothing died."""
    bound_ms: int | None = None
    """What invariants allow for that."""
    killed: tuple[tuple[str, int], ...] = ()
    """(tier, process number) of all that were killed."""
    hits_in_flight: int = 0
    """Quote hits that were asked for, or answered and not yet durable, when the killed processes stood still."""
    span_ms: tuple[int, int] = (0, 0)
    """From when to when the system was disturbed: the fault with its preparations and consequences."""
    wrong: str = ""
    """What went wrong in the fault itself, for example a reply that nobody may give; "" as a rule."""
