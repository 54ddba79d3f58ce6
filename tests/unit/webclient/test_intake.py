"""Bodies, queries and answers of declared routes, on a small application: no services."""

import json
from typing import Annotated, Any

import pytest
from apiflask import APIFlask
from flask import Response
from flask.testing import FlaskClient
from msgspec import Meta, Struct

from tests.unit.webclient.visitors import problem
from webclient import accesslog, errors, guard
from webclient.access import ANYONE, SUPERVISOR, access, current, declared
from webclient.schemas import Symbol, Taken, UserName


class Order(Taken, frozen=True):
    """What a request brings."""

    symbol: Symbol
    user: UserName
    tags: tuple[str, ...] = ()


class Page(Taken, frozen=True):
    """What a query brings."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    before: int | None = None
    all: bool = False
    symbol: Symbol | None = None


class Given(Struct, frozen=True):
    """What an answer gives."""

    value: Any


@pytest.fixture
def app() -> APIFlask:
    made = APIFlask(__name__, static_folder=None, json_errors=False, docs_path=None)  # type: ignore[arg-type]
    made.config["MAX_CONTENT_LENGTH"] = 64 * 1024
    accesslog.install(made)

    @made.post("/order")
    @access(ANYONE, body=Order, gives=Given, status=201)
    def order(body: Order) -> Given:
        return Given([body.symbol, body.user])

    @made.get("/page")
    @access(ANYONE, query=Page, gives=Given)
    def page(query: Page) -> dict[str, Any]:
        return {"value": [query.limit, query.before, query.all, query.symbol]}

    @made.put("/keyed")
    @access(ANYONE, key=True)
    def keyed(key: str) -> bytes:
        return json.dumps({"key": key}).encode()

    @made.delete("/gone")
    @access(ANYONE, status=204)
    def gone() -> None:
        return None

    @made.get("/own")
    @access(ANYONE)
    def own() -> Response:
        return Response("own", 418)

    @made.get("/bug")
    @access(ANYONE)
    def bug() -> None:
        raise RuntimeError("a secret of ours")

    @made.get("/who")
    @access(SUPERVISOR)
    def who() -> dict[str, str]:
        return {"user": current().user}

    errors.install(made)
    return made


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    return app.test_client()


GOOD = {"symbol": "ABC", "user": "ann"}


def test_a_body_becomes_what_was_declared(client: FlaskClient) -> None:
    answer = client.post("/order", json=GOOD)
    assert (answer.status_code, answer.mimetype, answer.json) == (
        201,
        "application/json",
        {"value": ["ABC", "ann"]},
    )
    utf8 = client.post("/order", data=json.dumps(GOOD), content_type="application/json; charset=utf-8")
    assert utf8.status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"), (b"{", "body"), (b"[]", "body"), (b"null", "body"), (b'"x"', "body"), (b"\xff\xfe{}", "body"),
        (b'{"symbol":"ABC"}', "user"),
        (b'{"symbol":"ABC","user":"ann","role":"boss"}', "role"),
        (b'{"symbol":1,"user":"ann"}', "symbol"),
        (b'{"symbol":"ABCD","user":"ann"}', "symbol"),
        (b'{"symbol":"ABC\\n","user":"ann"}', "symbol"),
        (b'{"symbol":"ABC","user":"a\\u0000b"}', "user"),
        (b'{"symbol":"ABC","user":".."}', "user"),
        (b'{"symbol":"ABC","user":"ann","tags":[1]}', "tags"),
        (b'{"symbol":"ABC","user":"\\ud800"}', "body"),
        (b'{"symbol":"ABC","user":"ann"} x', "body"),
        (b'{"tags":' + b"[" * 30_000, "body"),
        (b'{"x":' * 10_000, "x"),
    ],
)  # fmt: skip
def test_a_bad_body_is_told_by_its_field(client: FlaskClient, body: bytes, field: str) -> None:
    answer = client.post("/order", data=body, content_type="application/json")
    assert problem(answer) == (400, "BAD_REQUEST")
    assert answer.json is not None
    if field != "body":
        assert list(answer.json["errors"]) == [field]
    assert "`" not in answer.json["detail"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/json-patch+json", "application/x-www-form-urlencoded", ""]
)
def test_only_json_is_taken(client: FlaskClient, kind: str) -> None:
    answer = client.post("/order", data=json.dumps(GOOD), headers={"Content-Type": kind})
    assert problem(answer) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_is_capped(client: FlaskClient) -> None:
    fits = json.dumps(GOOD | {"tags": ["x" * 65_000]})
    assert client.post("/order", data=fits, content_type="application/json").status_code == 201
    long = json.dumps(GOOD | {"tags": ["x" * 65_536]})
    assert problem(client.post("/order", data=long, content_type="application/json")) == (413, "TOO_LARGE")


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("", [20, None, False, None]),
        ("limit=1&before=-5&all=true&symbol=abc", [1, -5, True, "abc"]),
        ("limit=100&all=false", [100, None, False, None]),
    ],
)
def test_a_query_becomes_what_was_declared(client: FlaskClient, query: str, value: list[Any]) -> None:
    assert client.get(f"/page?{query}").json == {"value": value}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=", "limit=1.0", "limit=1e1", "limit=+1", "limit=01", "limit=%201", "limit=null", "limit=١",
     "before=null", "before=-0", "all=TRUE", "all=1", "all=yes", "all", "symbol=", "symbol=ABCD", "symbol=A%0A", "x=1",
     "limit=1&limit=2", "limit=1&limit=1", "Limit=1"],
)  # fmt: skip
def test_a_bad_query(client: FlaskClient, query: str) -> None:
    assert problem(client.get(f"/page?{query}")) == (400, "BAD_REQUEST")


def test_routes_without_a_query_take_none(client: FlaskClient) -> None:
    assert problem(client.delete("/gone?x=1")) == (400, "BAD_REQUEST")
    empty = client.delete("/gone")
    assert (empty.status_code, empty.data, "Content-Type" in empty.headers) == (204, b"", False)


@pytest.mark.parametrize(
    "header", [None, "", "1234567", "x" * 129, "with space", '"12345678', "ümläut-key", '"']
)
def test_a_key_is_needed_where_it_is_declared(client: FlaskClient, header: str | None) -> None:
    headers = {} if header is None else {"Idempotency-Key": header.encode().decode("latin-1")}
    assert problem(client.put("/keyed", headers=headers)) == (400, "BAD_REQUEST")


def test_a_key_may_stand_in_quotes(client: FlaskClient) -> None:
    for header in ("12345678", '"12345678"'):
        assert client.put("/keyed", headers={"Idempotency-Key": header}).json == {"key": "12345678"}


def test_a_bug_tells_nothing(client: FlaskClient) -> None:
    answer = client.get("/bug")
    assert problem(answer) == (500, "INTERNAL")
    assert b"secret" not in answer.data
    assert len(answer.headers["X-Request-Id"]) == 16


def test_what_a_view_makes_itself_is_left_alone(client: FlaskClient) -> None:
    assert (client.get("/own").status_code, client.get("/own").data) == (418, b"own")


def test_what_is_not_there(client: FlaskClient) -> None:
    assert problem(client.get("/nothing")) == (404, "NOT_FOUND")
    wrong = client.patch("/order")
    assert problem(wrong) == (405, "METHOD_NOT_ALLOWED")
    assert "POST" in wrong.headers["Allow"]


def test_nobody_is_current_where_nobody_has_to_be(client: FlaskClient) -> None:
    """(Without a guard the route is open, and there is nobody to speak of: a bug, not a stranger.)"""
    assert problem(client.get("/who")) == (500, "INTERNAL")


def test_a_route_has_to_say_who_may_call_it(app: APIFlask) -> None:
    @app.get("/undeclared")
    def undeclared() -> str:
        return "for everybody?"

    assert declared(undeclared) is None
    with pytest.raises(LookupError, match="/undeclared"):
        guard.install(app)
