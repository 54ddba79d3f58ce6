"""After every request: one line in the log, and its part in the metrics."""

import os
import time
from functools import cache
from typing import Final

from flask import Flask, Response, g, request
from prometheus_client import Counter, Histogram

from core import log
from webclient.metrics import REQUEST_SECONDS, REQUESTS

REQUEST_ID_HEADER: Final = "X-Request-Id"
_KEY_HEADER: Final = "X-Request-Key"
_UNKNOWN: Final = "unknown"
"""The route of what has none, and a method that nobody knows: what people make up is no label."""
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_log = log.get_logger()


def install(app: Flask) -> None:
    """Goes around everything else that the app does with a request."""
    app.before_request(begin)
    app.after_request(end)


def begin() -> None:
    """Gives the request its id."""
    g.began = time.perf_counter()
    g.request_id = os.urandom(8).hex()


def end(response: Response) -> Response:
    """Writes down what became of it."""
    # Each use of these proxies costs a microsecond.
    here, asked = g._get_current_object(), request._get_current_object()  # type: ignore[attr-defined]
    seconds = time.perf_counter() - here.began
    route = asked.url_rule.rule if asked.url_rule is not None else _UNKNOWN
    method = asked.method if asked.method in _METHODS else _UNKNOWN
    response.headers[REQUEST_ID_HEADER] = here.request_id
    count, times = _metrics(route, method, response.status_code)
    count.inc()
    times.observe(seconds)
    identity = here.get("identity")
    _log.info(
        "request",
        id=here.request_id,
        method=method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 2),
        user=identity.user if identity else None,
        key=response.headers.get(_KEY_HEADER),
        problem=here.get("problem"),
    )
    return response


@cache
def _metrics(route: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Looked up once: there are few routes, methods and statuses, and finding the labels takes longer than counting."""
    return REQUESTS.labels(route, method, status), REQUEST_SECONDS.labels(route)
