"""All tiers at a glance: their metrics, asked for all at once, at most once a second whoever wants them."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Annotated, Final

from msgspec import Meta, Struct

from core.clock import Clock
from core.errors import Unavailable
from core.limits import TIER_DEADLINE_MS, TIERS_FRESH_MS
from core.metrics import Reading, fetch
from core.money import format_cents
from core.settings import Address
from webclient.replies import Money, Time

_COMMANDS: Final = {
    "transaction": "daytrade_shard_commands_total",
    "webserver": "daytrade_webserver_replies_total",
    "loadbalancer": "daytrade_balancer_answered_total",
    "webclient": "daytrade_web_requests_total",
}
"""By kind of tier, what it counts as its commands."""
_UP: Final = "daytrade_up"
_PROCESS: Final = "daytrade_process_"

Count = Annotated[int, Meta(ge=0)]


class Tier(Struct, frozen=True):
    """One process. What it did not tell is null."""

    name: str
    kind: str
    up: Annotated[bool, Meta(description="it answered within half a second")]
    uptime_seconds: float | None = None
    memory_bytes: Count | None = None
    cpu_seconds: float | None = None
    commands_total: (
        Annotated[Count, Meta(description="since it started: commands, replies or requests")] | None
    ) = None


class Totals(Struct, frozen=True):
    """Of all tiers that are up, since each of them started."""

    commands_total: Annotated[Count, Meta(description="decided by the transaction shards")]
    quote_hits_total: Count
    quote_cost_usd: Money
    fires_total: Count
    conflicts_total: Annotated[Count, Meta(description="accounts that another writer had changed meanwhile")]


class Overview(Struct, frozen=True):
    """What all of them told at one moment."""

    at: Time
    tiers: list[Tier]
    totals: Totals


class Tiers:
    """Asks the tiers at these addresses."""

    def __init__(self, targets: Mapping[str, Address], clock: Clock) -> None:
        self._targets = targets
        self._clock = clock
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(max(1, len(targets)), "tiers")
        self._asked: dict[str, Future[Reading]] = {}
        self._seen: Overview | None = None
        self._seen_ms = 0

    def look(self) -> Overview:
        """How they are now, or were less than a second ago."""
        with self._lock:
            if self._seen is None or self._clock.monotonic_ms() - self._seen_ms >= TIERS_FRESH_MS:
                self._seen = overview(self._ask(), self._clock.now_ms())
                self._seen_ms = self._clock.monotonic_ms()
            return self._seen

    def _ask(self) -> dict[str, Reading | None]:
        """Everybody's metrics; None for who does not answer. Who has not answered the last time yet is not asked again."""
        for name, address in self._targets.items():
            if name not in self._asked:
                self._asked[name] = self._threads.submit(fetch, address, TIER_DEADLINE_MS / 1000)
        wait(self._asked.values(), TIER_DEADLINE_MS / 1000)
        answered = {name: self._asked.pop(name) for name, asked in list(self._asked.items()) if asked.done()}
        return {name: _reading(answered.get(name)) for name in self._targets}


def _reading(asked: Future[Reading] | None) -> Reading | None:
    try:
        return asked.result() if asked else None
    except Unavailable:
        return None


def overview(readings: Mapping[str, Reading | None], at_ms: int) -> Overview:
    """The readings by tier, summed up."""
    up = [reading for reading in readings.values() if reading]

    def total(name: str) -> int:
        return round(sum(reading.total(name) or 0 for reading in up))

    cost_cents = round(100 * sum(reading.total("daytrade_quote_cost_usd_total") or 0 for reading in up))
    totals = Totals(
        commands_total=total(_COMMANDS["transaction"]),
        quote_hits_total=total("daytrade_quote_hits_total"),
        quote_cost_usd=format_cents(cost_cents),
        fires_total=total("daytrade_trigger_fires_total"),
        conflicts_total=total("daytrade_shard_conflicts_total"),
    )
    return Overview(at_ms, [_tier(name, reading, at_ms) for name, reading in readings.items()], totals)


def _tier(name: str, reading: Reading | None, at_ms: int) -> Tier:
    if reading is None:
        return Tier(name, _kind(name), up=False)
    kind = next(iter(reading.by_label(_UP, "kind")), _kind(name))
    started = reading.total(_PROCESS + "start_time_seconds")
    return Tier(
        name=name,
        kind=kind,
        up=True,
        uptime_seconds=None if started is None else round(max(0.0, at_ms / 1000 - started), 1),
        memory_bytes=_whole(reading.total(_PROCESS + "resident_memory_bytes")),
        cpu_seconds=reading.total(_PROCESS + "cpu_seconds_total"),
        commands_total=_whole(reading.total(_COMMANDS[kind])) if kind in _COMMANDS else None,
    )


def _kind(name: str) -> str:
    """`transaction` of `transaction-1`."""
    head, _, tail = name.rpartition("-")
    return head if head and tail.isdecimal() else name


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
