"""The metrics of a load balancer (docs/metrics.md)."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from core.metrics import counter, counters, gauge, histogram
from loadbalancer.balance import Balancer
from loadbalancer.loop import Loop


def collect(balancer: Balancer, loop: Loop) -> Iterator[Metric]:
    """Everything about it."""
    counts = balancer.counts
    yield counter("daytrade_balancer_answered_total", "Lines answered by web servers.", counts.answered)
    yield counter(
        "daytrade_balancer_resent_total", "Lines sent again because their web server died.", counts.resent
    )
    yield counters(
        "daytrade_balancer_refused_total", "Lines answered by the balancer itself.", "code", counts.refused
    )
    yield histogram(
        "daytrade_balancer_line_seconds",
        "From a line's arrival to its reply: one line a millisecond.",
        counts.seconds,
    )
    directions = {"in": counts.bytes_in, "out": counts.bytes_out}
    yield counters("daytrade_balancer_bytes_total", "Bytes from and to clients.", "direction", directions)
    yield counter("daytrade_balancer_connections_total", "Connections of clients so far.", loop.accepted)
    yield gauge("daytrade_balancer_connections", "Open connections of clients.", loop.client_count)
    yield gauge("daytrade_balancer_waiting", "Lines that are not answered.", balancer.waiting_lines)
    yield gauge(
        "daytrade_balancer_waiting_bytes",
        "Memory of the lines that are not answered.",
        balancer.waiting_bytes,
    )
    yield gauge(
        "daytrade_balancer_output_bytes", "Replies that clients have not taken.", balancer.output_bytes
    )
    yield gauge("daytrade_balancer_servers_up", "Web servers that a link leads to.", loop.link_count)
    yield gauge("daytrade_balancer_full", "1 while no client is read because too much waits.", int(loop.full))
