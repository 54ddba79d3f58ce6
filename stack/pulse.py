"""What two looks at a stack's metrics say about the time between them: rates, latencies, sizes. Values only."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from core.metrics import Reading
from stack.usage import Usage


class Look(Struct, frozen=True):
    """One part at one moment."""

    at_s: float
    """Monotonic."""
    reading: Reading | None
    """None for a service, and for a tier that did not answer."""
    usage: Usage | None
    restarts: int = 0
    up: bool = True


class Row(Struct, frozen=True):
    """One part between two looks. None: it has no such number, or there is none for this time."""

    name: str
    up: bool
    restarts: int
    per_second: float | None = None
    """What it does: lines, commands, fires, hits or requests."""
    p50_s: float | None = None
    p99_s: float | None = None
    batch: float | None = None
    """Mean commands in a batch, or lines in a read."""
    waiting: float | None = None
    cache_hit_share: float | None = None
    cost_usd: float | None = None
    """Since the tier's start."""
    conflicts_per_second: float | None = None
    fires_per_second: float | None = None
    cpu_cores: float | None = None
    memory_bytes: int | None = None


class _Kind(Struct, frozen=True):
    """Where a kind of tier shows what."""

    done: str
    seconds: str = ""
    waiting: str = ""
    batch: tuple[str, str] | None = None
    """What, in how many."""


_KINDS: Final = {
    "loadbalancer": _Kind(
        "daytrade_balancer_answered_total", "daytrade_balancer_line_seconds", "daytrade_balancer_waiting"
    ),
    "webserver": _Kind(
        "daytrade_webserver_replies_total", "", "daytrade_webserver_waiting",
        ("daytrade_webserver_requests_total", "daytrade_webserver_chunks_total"),
    ),
    "transaction": _Kind(
        "daytrade_shard_commands_total", "daytrade_shard_batch_seconds", "daytrade_shard_waiting",
        ("daytrade_shard_batch_size_sum", "daytrade_shard_batch_size_count"),
    ),
    "trigger": _Kind("daytrade_trigger_fires_total", "daytrade_trigger_poll_seconds", "daytrade_trigger_asked"),
    "quoteserver": _Kind("daytrade_quoteserver_hits_total", "", "daytrade_quoteserver_connections"),
    "webclient": _Kind("daytrade_web_requests_total", "daytrade_web_request_seconds", "daytrade_web_streams"),
}  # fmt: skip
_HITS, _MISSES = "daytrade_quote_cache_hits_total", "daytrade_quote_cache_misses_total"


def rows(before: Mapping[str, Look], after: Mapping[str, Look]) -> list[Row]:
    """One for each part of the later look, by name."""
    return [_row(name, before.get(name), look) for name, look in after.items()]


def _row(name: str, before: Look | None, after: Look) -> Row:
    seconds = after.at_s - before.at_s if before else 0.0
    usage, earlier = after.usage, before.usage if before else None
    cpu = (usage.cpu_s - earlier.cpu_s) / seconds if usage and earlier and seconds else None
    row = Row(
        name, after.up, after.restarts,
        cpu_cores=cpu if cpu is None or cpu >= 0 else None,
        memory_bytes=usage.memory_bytes if usage else None,
    )  # fmt: skip
    kind = _KINDS.get(name.rpartition("-")[0] or name)
    if kind is None or after.reading is None:
        return row
    return _with_metrics(row, kind, before.reading if before else None, after.reading, seconds)


def _with_metrics(row: Row, kind: _Kind, before: Reading | None, after: Reading, seconds: float) -> Row:
    def grown(name: str) -> float | None:
        """None also after a restart: then it has grown from nothing."""
        now, then = after.total(name), before.total(name) if before else None
        return now - (then or 0.0) if before and now is not None and now >= (then or 0.0) else None

    def rate(name: str) -> float | None:
        more = grown(name)
        return more / seconds if more is not None and seconds else None

    steps = buckets(kind.seconds, before, after) if kind.seconds and before else []
    return Row(
        row.name, row.up, row.restarts,
        per_second=rate(kind.done),
        p50_s=quantile(steps, 0.5),
        p99_s=quantile(steps, 0.99),
        batch=_share(grown, *kind.batch) if kind.batch else None,
        waiting=after.total(kind.waiting) if kind.waiting else None,
        cache_hit_share=_hit_share(grown),
        cost_usd=after.total("daytrade_quote_cost_usd_total"),
        conflicts_per_second=rate("daytrade_shard_conflicts_total"),
        fires_per_second=rate("daytrade_trigger_fires_total"),
        cpu_cores=row.cpu_cores,
        memory_bytes=row.memory_bytes,
    )  # fmt: skip


def _share(grown: Callable[[str], float | None], what: str, of: str) -> float | None:
    part, whole = grown(what), grown(of)
    return part / whole if part is not None and whole else None


def _hit_share(grown: Callable[[str], float | None]) -> float | None:
    hits, misses = grown(_HITS), grown(_MISSES)
    if hits is None or misses is None or not hits + misses:
        return None
    return hits / (hits + misses)


def buckets(name: str, before: Reading, after: Reading) -> list[tuple[float, float]]:
    """(bound, observations up to it) between the two readings, the bounds rising."""
    then, now = before.by_label(f"{name}_bucket", "le"), after.by_label(f"{name}_bucket", "le")
    return sorted((float(bound), count - then.get(bound, 0.0)) for bound, count in now.items())


def quantile(steps: list[tuple[float, float]], share: float) -> float | None:
    """Linear within a bucket, as Prometheus has it; what is over the last bound counts as that. None: nothing was observed."""
    if not steps or steps[-1][1] <= 0:
        return None
    wanted = share * steps[-1][1]
    low = below = 0.0
    for bound, count in steps:
        if count >= wanted and count > below:
            return low if bound == float("inf") else low + (bound - low) * (wanted - below) / (count - below)
        low, below = bound, count
    return low
