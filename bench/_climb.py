"""What a climbing load comes to: how many users were held. Values only."""

from collections.abc import Sequence

from msgspec import Struct


class Level(Struct, frozen=True):
    """So many users at once, for a while. Milliseconds."""

    users: int
    requests: int
    failures: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    generator_cpu: float
    """Of one core, in per cent: what Locust itself took at the end."""
    missing: int = 0
    """Users who could not even begin."""

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def held(levels: Sequence[Level], p95_ms: float) -> Level | None:
    """The last level before the first that was too much; None when not even the first was held."""
    found = None
    for level in levels:
        if level.failures or level.missing or not level.requests or level.p95_ms > p95_ms:
            break
        found = level
    return found


def topped(levels: Sequence[Level], p95_ms: float) -> bool:
    """Whether the climb ended because a level was too much; else more might have been held."""
    return held(levels, p95_ms) is not (levels[-1] if levels else None)
