"""The pages: built files in front of the application, the client's own addresses, and the headers around everything."""

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from core.settings import Settings
from tests.unit.webclient.visitors import problem
from webclient import pages
from webclient.app import create_app
from webclient.headers import ALWAYS, Headers
from webclient.parts import Parts
from webclient.problems import TABLE


def bare() -> APIFlask:
    """The application with nothing behind it: enough for what asks nobody."""
    return create_app(cast(Parts, SimpleNamespace(settings=Settings())))


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """The application with a client of three files."""
    folder = tmp_path / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>built</title>")
    (folder / "assets" / "app-Hash1234.js").write_text("console.log(1)" * 100)
    (folder / "assets" / "app-Hash1234.js.gz").write_bytes(b"\x1f\x8bnot really")
    (folder / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.txt").write_text("secret")
    monkeypatch.setattr(pages, "FOLDER", folder)
    return bare().test_client()


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(pages, "FOLDER", tmp_path / "dist")
    return bare().test_client()


def test_assets_may_be_kept_for_ever(built: FlaskClient) -> None:
    plain = built.get("/assets/app-Hash1234.js")
    assert plain.status_code == 200
    assert plain.mimetype == "text/javascript"
    assert "immutable" in plain.headers["Cache-Control"]
    packed = built.get("/assets/app-Hash1234.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.data == b"\x1f\x8bnot really"
    assert built.head("/assets/app-Hash1234.js").status_code == 200
    assert "immutable" not in built.get("/favicon.svg").headers["Cache-Control"]


def test_no_other_origin_may_read_them(built: FlaskClient) -> None:
    for path in ("/assets/app-Hash1234.js", "/favicon.svg", "/"):
        answer = built.get(path, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in answer.headers, path


@pytest.mark.parametrize("path", ["/", "/portfolio", "/stocks/ABC", "/supervisor/users", "/a/b/c"])
def test_the_clients_own_addresses_are_its_page(built: FlaskClient, path: str) -> None:
    answer = built.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert b"<title>built" in answer.data
    assert answer.headers["Cache-Control"] == "no-cache"
    assert problem(built.post(path)) == (405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize(
    "path",
    [
        "/nothing.js",
        "/assets/none.js",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "/api",
    ],
)
def test_what_is_not_there(built: FlaskClient, path: str) -> None:
    answer = built.get(path)
    assert problem(answer) == (404, "NOT_FOUND")
    assert b"secret\n" not in answer.data


@pytest.mark.parametrize(
    "path", ["/login?next=/triggers", "/history?command=BUY&from=2026-11-21T11:49", "/?a=1&a=2"]
)
def test_the_clients_addresses_may_have_a_query(built: FlaskClient, path: str) -> None:
    """It is the client's own: a filtered history is loaded again, or kept as a bookmark."""
    answer = built.get(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")


def test_two_slashes_lead_nowhere(built: FlaskClient) -> None:
    """Neither a page nor a redirect to another host."""
    assert problem(built.get("/", environ_overrides={"PATH_INFO": "//evil.example"})) == (404, "NOT_FOUND")


def test_without_a_build_it_says_how_to_make_one(unbuilt: FlaskClient) -> None:
    answer = unbuilt.get("/")
    assert answer.status_code == 200
    assert b"./daytrade up" in answer.data


def test_every_problem_is_explained(unbuilt: FlaskClient) -> None:
    for code, kind in TABLE.items():
        answer = unbuilt.get(f"/problems/{code}")
        assert answer.status_code == 200
        assert kind.title.split()[0] in answer.text
    assert problem(unbuilt.get("/problems/NONE")) == (404, "NOT_FOUND")


def test_every_answer_has_the_headers(built: FlaskClient) -> None:
    for path in ("/", "/healthz", "/assets/app-Hash1234.js", "/nothing.js", "/openapi.json", "/api"):
        answer = built.get(path)
        assert [(name, answer.headers.getlist(name)) for name, _ in ALWAYS] == [
            (name, [value]) for name, value in ALWAYS
        ]
        assert "Cache-Control" in answer.headers


def test_headers_are_set_once_and_caching_only_where_nothing_is_said() -> None:
    def inner(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", environ["given"])
        return [b""]

    def outer(*given: tuple[str, str]) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []
        Headers(inner)({"given": list(given)}, lambda status, headers, exc_info=None: seen.extend(headers))  # type: ignore[arg-type]
        return seen

    assert outer(("x-frame-options", "ALLOW")) == [("Cache-Control", "no-store"), *ALWAYS]
    assert outer(("cache-control", "no-cache")) == [("cache-control", "no-cache"), *ALWAYS]
