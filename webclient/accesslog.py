"""After every request: one line in the log, and its part in the metrics."""

import os
import time
from typing import Final

from flask import Flask, Response, g, request

from core import log
from webclient.metrics import REQUEST_SECONDS, REQUESTS

REQUEST_ID_HEADER: Final = "X-Request-Id"
_KEY_HEADER: Final = "X-Request-Key"
_UNKNOWN: Final = "unknown"
"""The route of what has none: addresses that people make up are no labels."""


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
    seconds = time.perf_counter() - g.began
    rule = request.url_rule
    route = rule.rule if rule is not None else _UNKNOWN
    response.headers[REQUEST_ID_HEADER] = g.request_id
    REQUESTS.labels(route, request.method, response.status_code).inc()
    REQUEST_SECONDS.labels(route).observe(seconds)
    identity = g.get("identity")
    log.get_logger().info(
        "request",
        id=g.request_id,
        method=request.method,
        route=route,
        status=response.status_code,
        ms=round(seconds * 1000, 2),
        user=identity.user if identity else None,
        key=response.headers.get(_KEY_HEADER),
        problem=g.get("problem"),
    )
    return response
