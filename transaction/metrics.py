"""The metrics of a transaction shard (docs/metrics.md)."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from core.metrics import counter, gauge, gauges, histogram
from quotecache import metrics as quote_metrics
from quotecache.cache import QuoteCache
from transaction.worker import Worker


def collect(worker: Worker, quotes: QuoteCache) -> Iterator[Metric]:
    """Everything about one shard."""
    counts = worker.counts
    commands = CounterMetricFamily(
        "daytrade_shard_commands_total",
        "Answered commands by name and outcome.",
        labels=["command", "outcome"],
    )
    for key, count in counts.outcomes().items():
        commands.add_metric(key, count)
    yield commands
    yield histogram("daytrade_shard_batch_size", "Commands decided in one batch.", counts.batch_sizes)
    yield histogram(
        "daytrade_shard_commit_seconds",
        "The statement of a batch, until it is durable.",
        counts.commit_seconds,
    )
    yield histogram(
        "daytrade_shard_batch_seconds",
        "Oldest command of a batch, from arrival to reply.",
        counts.batch_seconds,
    )
    yield counter(
        "daytrade_shard_conflicts_total",
        "Accounts changed by others between read and write.",
        counts.conflicts,
    )
    yield counter(
        "daytrade_shard_locked_total", "Batches decided under a lock, after two conflicts.", counts.locked
    )
    yield counter(
        "daytrade_shard_loads_total", "Accounts read because they were not in memory.", counts.loaded
    )
    yield counter(
        "daytrade_shard_lookups_total", "Numbers that might have been there before.", counts.looked_up
    )
    yield counter("daytrade_shard_repeats_total", "Numbers that had been there before.", counts.repeated)
    yield counter("daytrade_shard_away_total", "Batches that the database did not take.", counts.away)
    yield gauges(
        "daytrade_shard_waiting", "Commands that are not answered, by where they are.", "place", worker.places
    )
    yield gauge("daytrade_shard_parked_users", "Users who wait for a price or a dump.", worker.parked_users)
    yield gauge("daytrade_shard_accounts", "Accounts in memory.", worker.known_accounts)
    yield from quote_metrics.collect(quotes)
