"""The metrics of a process's quotes (docs/metrics.md), for the tiers that use them."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from core.metrics import counter, counters, gauge, histogram
from quotecache.cache import QuoteCache
from quotecache.protocol import HIT_COST_CENTS


def collect(quotes: QuoteCache) -> Iterator[Metric]:
    """Everything about them."""
    counts = quotes.counts
    yield counter(
        "daytrade_quote_cache_hits_total", "Fresh quotes that were at hand when asked for.", counts.found
    )
    yield counter(
        "daytrade_quote_cache_misses_total", "Quotes that were not at hand, or too old.", counts.missing
    )
    sources = {
        "shared": counts.shared,
        "told": counts.told,
        "database": counts.recalled,
        "server": counts.paid,
    }
    yield counters(
        "daytrade_quote_arrivals_total", "Quotes that came to this process, by where from.", "source", sources
    )
    yield counter(
        "daytrade_quote_hits_total", "Hits of the quote server made by this process and durable.", counts.paid
    )
    cost_usd = counts.paid * HIT_COST_CENTS / 100
    yield counter("daytrade_quote_cost_usd_total", "What these hits cost, in dollars.", cost_usd)
    yield histogram(
        "daytrade_quote_fetch_seconds", "A hit, from the first attempt to the answer.", counts.fetch_seconds
    )
    yield counter(
        "daytrade_quote_fetches_lost_total", "Quotes that the quote server did not give in time.", counts.lost
    )
    yield counter(
        "daytrade_quote_unavailable_total", "Symbols whose waiters were refused.", counts.unavailable
    )
    yield gauge("daytrade_quote_wanted", "Symbols that somebody here waits for.", quotes.wanted)
    yield gauge(
        "daytrade_quote_fetching", "Symbols whose single-flight lock this process holds.", quotes.fetching
    )
    yield gauge("daytrade_quote_unrecorded", "Hits paid for and not durable yet.", quotes.unrecorded)
