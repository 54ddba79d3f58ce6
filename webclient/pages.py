"""What is not under /api: the Vue client with its files, the meaning of problems, and a sign of life.

The built client lies in `webclient/ui/dist`. Its files have a hash in their names and may be kept for ever; index.html is asked
for again each time. Without a build there is a page that says how to make one.
"""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flask import Flask, Response
from werkzeug.routing import PathConverter
from whitenoise import WhiteNoise

from core.settings import Settings
from webclient.access import ANYONE, access
from webclient.problems import NOT_FOUND, TABLE, Problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

FOLDER: Final = Path(__file__).with_name("ui") / "dist"
_HTML: Final = "text/html; charset=utf-8"
_NO_BUILD: Final = """<!doctype html><html lang="en"><title>Day Trade</title><h1>Day Trade</h1>
<p>The pages are not built yet. <code>./daytrade up</code> builds them; the API is described at
<a href="/openapi.json">/openapi.json</a>."""


class _Page(PathConverter):
    """Any path but those of the API: what is wrong there is told as the API tells it (a method that is not possible: 405)."""

    regex = "(?!api(?:/|$))[^/].*?"


def static_files(application: "WSGIApplication", settings: Settings) -> "WSGIApplication":
    """The application, with the built files in front of it."""
    if not FOLDER.is_dir():
        return application
    files: WSGIApplication = WhiteNoise(
        application,
        root=FOLDER,
        prefix="",
        index_file=None,
        max_age=0,
        immutable_file_test=r"^/assets/",
        allow_all_origins=False,
    )
    return files


def install(app: Flask) -> None:
    """Adds the routes."""
    app.add_url_rule("/healthz", view_func=healthy)
    app.add_url_rule("/problems/<code>", view_func=explain_problem)
    index._spec = {"hide": True}  # type: ignore[attr-defined]  # (as APIFlask marks it)
    explain_problem._spec = {"hide": True}  # type: ignore[attr-defined]
    app.add_url_rule("/", view_func=index, defaults={"path": ""})
    app.url_map.converters["page"] = _Page
    app.add_url_rule("/<page:path>", view_func=index)


@access(ANYONE, media="text/plain")
def healthy() -> Response:
    """This process lives and answers."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@access(ANYONE, media="text/html")
def explain_problem(code: str) -> Response:
    """What a problem means and what to do about it."""
    kind = TABLE.get(code)
    if kind is None:
        raise Problem(NOT_FOUND)
    text = (
        f"<h1>{escape(kind.title)}</h1><p>{escape(kind.advice)}<p>Code {escape(code)}, status {kind.status}."
    )
    page = f'<!doctype html><html lang="en"><title>{escape(kind.title)}</title>{text}'
    return Response(page, content_type=_HTML)


@access(ANYONE, media="text/html")
def index(path: str) -> Response:
    """The Vue client: also for the addresses that only it knows, which have no dot."""
    if "." in path:
        raise Problem(NOT_FOUND)
    page = FOLDER / "index.html"
    text = page.read_bytes() if page.is_file() else _NO_BUILD.encode()
    response = Response(text, content_type=_HTML)
    response.headers["Cache-Control"] = "no-cache"
    return response
