"""The metrics of a trigger server (docs/metrics.md)."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from core.metrics import counter, gauge, histogram
from quotecache import metrics as quote_metrics
from quotecache.cache import QuoteCache
from trigger.watch import Watch


def collect(watch: Watch, quotes: QuoteCache) -> Iterator[Metric]:
    """Everything about one server."""
    yield counter("daytrade_trigger_fires_total", "Triggers fired by this process, durably.", watch.fired)
    yield counter("daytrade_trigger_found_total", "Armed triggers found that a price reaches.", watch.found)
    yield counter(
        "daytrade_trigger_held_total", "Times that accounts were held by others and tried again.", watch.held
    )
    yield histogram(
        "daytrade_trigger_poll_seconds", "A look at what is armed and all its prices.", watch.poll_seconds
    )
    yield histogram(
        "daytrade_trigger_fire_seconds", "Firing what was found, waits included.", watch.fire_seconds
    )
    yield gauge("daytrade_trigger_symbols", "Symbols on which a trigger is armed.", watch.symbols)
    yield gauge("daytrade_trigger_asked", "Symbols among them whose quote is awaited.", watch.asked)
    yield from quote_metrics.collect(quotes)
