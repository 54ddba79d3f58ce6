"""The metrics of a web server (docs/metrics.md)."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from core.metrics import counter, counters, gauge, gauges
from webserver.links import BalancerLinks


def collect(links: BalancerLinks) -> Iterator[Metric]:
    """Everything about one server."""
    desk = links.desk
    yield counter("daytrade_webserver_requests_total", "Lines taken from load balancers.", desk.requests)
    yield counter(
        "daytrade_webserver_chunks_total",
        "Reads that brought them: requests a chunk is what one costs.",
        links.chunks,
    )
    yield counter("daytrade_webserver_refused_total", "Lines found not well-formed.", desk.refused)
    yield counter("daytrade_webserver_replies_total", "Replies passed on from shards.", desk.replies)
    yield counter("daytrade_webserver_busy_total", "Lines answered BUSY because a shard was away.", desk.busy)
    by_direction = {"in": links.bytes_in, "out": links.bytes_out}
    yield counters(
        "daytrade_webserver_bytes_total",
        "Bytes from and to load balancers and shards.",
        "direction",
        by_direction,
    )
    yield gauges(
        "daytrade_webserver_waiting", "Requests that a shard has not answered.", "shard", desk.waiting
    )
    yield gauge(
        "daytrade_webserver_links", "Connections from load balancers, pings among them.", len(links.open)
    )
    yield gauge("daytrade_webserver_shards_up", "Transaction shards it is connected to.", desk.shards_up)
    yield gauge(
        "daytrade_webserver_full", "1 while nothing is read because shards owe too much.", int(links.full)
    )
