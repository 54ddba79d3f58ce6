"""The metrics of the simulated quote server (docs/metrics.md): its own count, beside what the tiers say they paid for."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from core.metrics import counter, counters, gauge
from quotecache.legacy.server import LegacyServer


def collect(server: LegacyServer) -> Iterator[Metric]:
    """Everything that one server counts."""
    totals = server.totals()
    yield counter(
        "daytrade_quoteserver_hits_total", "Valid replies sent whole; each is charged.", totals.hits
    )
    yield counter("daytrade_quoteserver_requests_total", "Requests for a quote.", totals.requests)
    yield counter(
        "daytrade_quoteserver_bad_requests_total", "Requests that made no sense.", totals.bad_requests
    )
    yield counter(
        "daytrade_quoteserver_abandoned_total", "Clients that were gone before their reply.", totals.abandoned
    )
    yield counters(
        "daytrade_quoteserver_faults_total", "Faults that requests met, by kind.", "kind", totals.faults
    )
    yield gauge("daytrade_quoteserver_connections", "Open connections to the quote port.", totals.open)
