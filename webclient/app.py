"""The web application, put together: resources, guard, errors, OpenAPI, the Vue client's files."""

from collections.abc import Callable
from typing import Any, Final

from apiflask import APIFlask
from flask import Flask

from core.limits import MAX_WEB_BODY_BYTES
from webclient import accesslog, errors, guard, openapi, pages
from webclient.api import events, history, log, session, supervisor, symbols, trading, triggers
from webclient.headers import Headers
from webclient.parts import NAME, Parts

BLUEPRINTS: Final = tuple(
    module.blueprint for module in (session, trading, triggers, log, history, symbols, events, supervisor)
)


class _App(APIFlask):
    """An application of plain functions, whatever runs them."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Never asks whether it is a coroutine: Flask would, five times a request."""
        return func


def create_app(parts: Parts) -> APIFlask:
    """The application around those parts. Raises LookupError when a route does not declare who may call it."""
    app = _App(
        __name__,
        title="Day Trade",
        version="1",
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]
    )
    app.config.update(MAX_CONTENT_LENGTH=MAX_WEB_BODY_BYTES, TRAP_HTTP_EXCEPTIONS=False)
    app.url_map.merge_slashes = False
    app.extensions[NAME] = parts
    accesslog.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    pages.install(app)
    openapi.install(app)
    errors.install(app)
    guard.install(app)
    _wrap(app, parts)
    return app


def _wrap(app: Flask, parts: Parts) -> None:
    """Static files are answered before the application; the headers come around everything."""
    app.wsgi_app = Headers(pages.static_files(app.wsgi_app, parts.settings))  # type: ignore[method-assign]
