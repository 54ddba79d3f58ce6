"""Everything that is raised while a request is served becomes problem details; what nobody foresaw is logged once."""

import msgspec
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from core import log
from webclient import problems
from webclient.problems import INTERNAL, Problem, of_status


def install(app: Flask) -> None:
    """Makes the app answer so."""
    app.register_error_handler(Problem, respond)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _bug)


def respond(problem: Problem) -> Response:
    """The response that tells of a problem."""
    body = msgspec.json.encode(problems.details(problem, request.path))
    g.problem = problem.code
    return Response(body, problem.kind.status, problem.headers, content_type=problems.MEDIA_TYPE)


def _http_exception(error: HTTPException) -> Response:
    if error.code is not None and error.code < 400:  # a redirect, which werkzeug raises too
        return Response(status=error.code, headers=error.get_headers())
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return respond(of_status(error.code or 500, headers))


def _bug(error: Exception) -> Response:
    log.get_logger().error(
        "request failed", id=g.get("request_id"), method=request.method, path=request.path, exc_info=error
    )
    return respond(Problem(INTERNAL))
