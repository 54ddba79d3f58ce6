"""A tier's numbers for whoever watches: Prometheus text at `http://DAYTRADE_METRICS/metrics`, and a reader of such text.

Tiers count in plain ints, dicts and core.histogram.Histogram of their own; a collector turns them into metrics when somebody
asks, in one daemon thread. So a command pays its part of an addition a batch, and nothing more while nobody asks. That thread
runs beside the tier's own: a collector copies a dict or a list (one step to the interpreter) before it goes over it.
"""

import contextlib
import http.client
import os
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from core import log
from core.errors import Unavailable
from core.histogram import Histogram
from core.limits import MAX_METRICS_BYTES
from core.processes import Processes
from core.settings import Settings

PATH: Final = "/metrics"
NAMESPACE: Final = "daytrade"
_REQUEST_S: Final = 2.0
_IDLE_S: Final = 3600.0
"""How often the server's loop looks whether it should end; it never should."""

Collect = Callable[[], Iterable[Metric]]
"""Called in another thread than the tier's own, at each reading."""


def counter(name: str, meaning: str, value: float) -> Metric:
    """What only grows; `name` ends in `_total`."""
    return CounterMetricFamily(name, meaning, value=value)


def counters(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    """One counter for each value of a label."""
    family = CounterMetricFamily(name, meaning, labels=[label])
    for key, value in dict(values).items():
        family.add_metric([key], value)
    return family


def gauge(name: str, meaning: str, value: float) -> Metric:
    """What goes up and down."""
    return GaugeMetricFamily(name, meaning, value=value)


def gauges(name: str, meaning: str, label: str, values: Mapping[str, float]) -> Metric:
    """One gauge for each value of a label."""
    family = GaugeMetricFamily(name, meaning, labels=[label])
    for key, value in dict(values).items():
        family.add_metric([key], value)
    return family


def histogram(name: str, meaning: str, counted: Histogram) -> Metric:
    """A histogram as Prometheus wants it: each bucket with all smaller ones."""
    counts = counted.counts.copy()
    bounds = [*(str(float(bound)) for bound in counted.bounds), "+Inf"]
    buckets = list(zip(bounds, accumulate(counts), strict=True))
    return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=counted.total)


def registry(kind: str, name: str, collect: Collect) -> CollectorRegistry:
    """What a tier of that kind and name shows: its own metrics and those of its processes."""
    found = CollectorRegistry(auto_describe=False)
    found.register(Processes(NAMESPACE))
    found.register(_Tier(kind, name, collect))
    return found


def serve(settings: Settings, kind: str, collect: Collect) -> None:
    """Shows this process's metrics at DAYTRADE_METRICS until it ends; does nothing where that is not set. Raises OSError."""
    if settings.metrics is None:
        return
    shown = registry(kind, settings.name, collect)
    handler = type("Handler", (_Handler,), {"registry": shown})
    server = _Server((settings.metrics[0], settings.metrics[1]), handler)
    threading.Thread(target=server.serve_forever, args=(_IDLE_S,), name="metrics", daemon=True).start()


class _Tier(Collector):
    """The tier's own collector, behind its name."""

    def __init__(self, kind: str, name: str, collect: Collect) -> None:
        self._labels = [name, kind]
        self._collect = collect

    def describe(self) -> Iterable[Metric]:
        """Nothing: else it would be read once for that, before the tier is wired."""
        return []

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("daytrade_up", "1; its labels say who this is.", labels=["tier", "kind"])
        up.add_metric(self._labels, 1)
        yield up
        yield from self._collect()


class _Server(socketserver.TCPServer):
    """One reader at a time, each for two seconds at most."""

    allow_reuse_address = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader's broken connection is its own trouble; anything else is a bug here: logged once, and the process ends."""
        error = sys.exception() if sys.version_info >= (3, 12) else sys.exc_info()[1]
        if not isinstance(error, OSError):
            log.get_logger().error("metrics failed", exc_info=error)
            sys.stderr.flush()
            os._exit(70)


class _Handler(BaseHTTPRequestHandler):
    registry: CollectorRegistry
    timeout = _REQUEST_S

    def do_GET(self) -> None:
        """The metrics as text."""
        if self.path.partition("?")[0] != PATH:
            self.send_error(404)
            return
        body = generate_latest(self.registry)
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: readers come every few seconds."""


class Reading:
    """What one tier showed at one moment."""

    def __init__(self, samples: dict[str, list[tuple[dict[str, str], float]]]) -> None:
        self.samples = samples
        """By the sample's name (of a histogram `_bucket`, `_sum`, `_count`): labels and value."""

    def total(self, name: str, **labels: str) -> float | None:
        """All samples of that name that have these labels together; None when there is none."""
        found = [
            value
            for own, value in self.samples.get(name, [])
            if all(own.get(key) == wanted for key, wanted in labels.items())
        ]
        return sum(found) if found else None

    def by_label(self, name: str, label: str) -> dict[str, float]:
        """The samples of that name by one label's value."""
        found: dict[str, float] = {}
        for own, value in self.samples.get(name, []):
            found[own.get(label, "")] = found.get(own.get(label, ""), 0.0) + value
        return found


def parse(text: str) -> Reading:
    """Prometheus text. Raises ValueError for anything else."""
    samples: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return Reading(samples)


def fetch(address: tuple[str, int], timeout_s: float = 1.0) -> Reading:
    """What the process at that address shows now. Raises Unavailable."""
    connection = http.client.HTTPConnection(*address, timeout=timeout_s)
    with contextlib.closing(connection):
        try:
            connection.request("GET", PATH)
            response = connection.getresponse()
            text = response.read(MAX_METRICS_BYTES + 1)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"no metrics from {address[0]}:{address[1]}: {error}") from error
    if response.status != http.client.OK or len(text) > MAX_METRICS_BYTES:
        raise Unavailable(f"no metrics from {address[0]}:{address[1]}: status {response.status}")
    try:
        return parse(text.decode())
    except ValueError as error:
        raise Unavailable(f"{address[0]}:{address[1]} does not speak Prometheus' text: {error}") from error
