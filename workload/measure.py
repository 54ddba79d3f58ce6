"""What a replay measured: recorded cheaply while it runs, worked out afterwards. Times are nanoseconds until the end."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from workload.parse import Malformed

MALFORMED: Final = "MALFORMED"
"""Counted among the errors: lines that were not sent."""
MAX_INTERVALS: Final = 120
"""Points of a time series."""
_WIDTHS_MS: Final = (10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)


class Interval(Struct, frozen=True):
    """One stretch of the run; latencies are of the replies that came in it, None when none came."""

    start_s: float
    commands: int
    per_second: float
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


class Result(Struct, frozen=True):
    """One replay. Latency is from the line's being handed to the connection until its final reply was read."""

    commands: int
    """Lines that have their final reply."""
    seconds: float
    """From the first line sent to the last reply."""
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    window: int
    users: int
    errors: dict[str, int]
    """Final refusals by code, and MALFORMED lines."""
    quote_hits: int | None
    """For the caller to fill in, like the cost: only the quote server knows."""
    quote_cost_usd: float | None
    audit_log: str | None
    """Path in the reply to the file's last full DUMPLOG that succeeded; without one, to its last DUMPLOG of a user."""
    session: str
    connections: int
    lines_to_send: int
    reconnects: int
    busy: int
    """Times that a line was answered BUSY and sent again."""
    malformed: list[Malformed]
    """The first 1,000 of them."""
    interval_ms: int
    series: list[Interval]
    replies: list[bytes] | None = None
    """Whole reply lines in order of arrival, when asked for."""


class Recorder:
    """Takes down what happens: eight bytes for each latency, sixteen for each chunk of replies."""

    def __init__(self) -> None:
        self._codes: Counter[bytes] = Counter()
        self.start_ns = 0
        self.end_ns = 0
        self._latencies_ns = array("Q")
        self._times_ns = array("Q")
        self._counts = array("Q")

    def start(self, now_ns: int) -> None:
        """The first line is about to be sent."""
        self.start_ns = self.end_ns = now_ns

    @property
    def commands(self) -> int:
        """Final replies so far."""
        return len(self._latencies_ns)

    def note(self, now_ns: int, latencies_ns: list[int], codes: Iterable[bytes]) -> None:
        """A chunk of replies: latencies of those that are final, and the codes of refusals (b"" for OK)."""
        self._latencies_ns.extend(latencies_ns)
        self._times_ns.append(now_ns)
        self._counts.append(len(self._latencies_ns))
        self.end_ns = now_ns
        self._codes.update(filter(None, codes))

    @property
    def errors(self) -> dict[str, int]:
        """Refusals by code so far, BUSY ones with them though they are not final; the most frequent first."""
        return {code.decode(): count for code, count in self._codes.most_common()}

    @property
    def seconds(self) -> float:
        """From start to the last reply."""
        return max(0, self.end_ns - self.start_ns) / 1e9

    def percentiles_ms(self) -> tuple[float, float, float]:
        """Median, 99th percentile and maximum of all latencies; zeros when there are none."""
        return _percentiles_ms(self._latencies_ns) or (0.0, 0.0, 0.0)

    def series(self) -> tuple[int, list[Interval]]:
        """The width of an interval in milliseconds and the intervals of the whole run, at most about MAX_INTERVALS."""
        span_ms = (self.end_ns - self.start_ns) / 1e6
        if not self._latencies_ns:
            return _WIDTHS_MS[0], []
        width_ms = next((w for w in _WIDTHS_MS if span_ms <= w * MAX_INTERVALS), 0)
        width_ms = width_ms or -(-int(span_ms) // MAX_INTERVALS)
        intervals: list[Interval] = []
        begin, edge_ns = 0, self.start_ns
        while begin < len(self._latencies_ns) or not intervals:
            edge_ns += width_ms * 1_000_000
            at = bisect_right(self._times_ns, edge_ns)
            end = self._counts[at - 1] if at else 0
            start_s = (edge_ns - self.start_ns) / 1e9 - width_ms / 1e3
            intervals.append(self._interval(start_s, begin, end, min(edge_ns, self.end_ns)))
            begin = end
        return width_ms, intervals

    def _interval(self, start_s: float, begin: int, end: int, edge_ns: int) -> Interval:
        found = _percentiles_ms(self._latencies_ns[begin:end]) or (None, None, None)
        width_s = max((edge_ns - self.start_ns) / 1e9 - start_s, 1e-3)
        return Interval(round(start_s, 3), end - begin, round((end - begin) / width_s, 1), *found)


def _percentiles_ms(latencies_ns: Sequence[int]) -> tuple[float, float, float] | None:
    if not latencies_ns:
        return None
    ordered = sorted(latencies_ns)
    return _ms(percentile(ordered, 50)), _ms(percentile(ordered, 99)), _ms(ordered[-1])


def percentile(ordered: Sequence[int], percent: int) -> int:
    """Nearest rank: the smallest value that at least `percent` of all do not exceed. `ordered` rises and is not empty."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / 1e6, 3)
