"""What a worker counts, for prometheus_client's multiprocess mode: each writes files of its own, the arbiter shows them together.

The variable PROMETHEUS_MULTIPROC_DIR, which names their folder, is set before this is imported (webclient.server).
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0)

REQUESTS: Final = Counter(
    "daytrade_web_requests_total", "Requests that were answered.", ["route", "method", "status"]
)
REQUEST_SECONDS: Final = Histogram(
    "daytrade_web_request_seconds",
    "From a request's arrival in its worker to the answer.",
    ["route"],
    buckets=_SECONDS,
)
STREAMS: Final = Gauge("daytrade_web_streams", "Open streams of events.", multiprocess_mode="livesum")
LIMITED: Final = Counter("daytrade_web_limited_total", "Requests refused for their number.", ["kind"])
"""kind: address, user, login."""
LOGINS: Final = Counter("daytrade_web_logins_total", "Attempts to log in or to register.", ["outcome"])
"""outcome: logged_in, registered, refused, locked_out."""
LINE_SECONDS: Final = Histogram(
    "daytrade_web_line_seconds", "From a line's leaving for the load balancer to its reply.", buckets=_SECONDS
)
