"""The OpenAPI document: every route is in it, and it says what the server does."""

import json
from typing import Any

import msgspec
import pytest
from apiflask import APIFlask

from tests.unit.webclient.visitors import problem, trader
from webclient.access import ANYONE, declared
from webclient.problems import TABLE, ProblemDetails

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(app: APIFlask) -> dict[str, Any]:
    answer = app.test_client().get("/openapi.json")
    assert answer.mimetype == "application/json"
    assert answer.json is not None
    return dict(answer.json)


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, item in document["paths"].items() for method, one in item.items()]


def test_every_route_of_the_api_is_there(app: APIFlask, document: dict[str, Any]) -> None:
    wanted = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and declared(app.view_functions[rule.endpoint]) is not None
    }
    found = {(path, method) for path, method, _ in operations(document) if path.startswith("/api/")}
    assert found == wanted
    assert len(found) > 25


def test_references_and_names_hold(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    for part in text.split('"#/components/schemas/')[1:]:
        assert part.partition('"')[0] in schemas
    identities = [one["operationId"] for _, _, one in operations(document)]
    assert len(set(identities)) == len(identities)
    assert "\\\\Z" not in text, "a pattern of Python's, not of ECMA-262"
    assert all(one["summary"] and not one["summary"].startswith("_") for _, _, one in operations(document))


def test_paths_name_their_parameters(document: dict[str, Any]) -> None:
    for path, _, one in operations(document):
        named = {parameter["name"] for parameter in one["parameters"] if parameter["in"] == "path"}
        assert named == {part[1:-1] for part in path.split("/") if part.startswith("{")}, path


def test_security_is_what_the_guard_asks_for(app: APIFlask, document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "__Host-daytrade")
    assert (schemes["csrf"]["in"], schemes["csrf"]["name"]) == ("header", "X-CSRF-Token")
    by_path = {
        rule.rule.replace("<", "{").replace(">", "}"): rule.endpoint for rule in app.url_map.iter_rules()
    }
    for path, method, one in operations(document):
        access = declared(app.view_functions[by_path[path]])
        assert access is not None
        if path != "/api/session" and access.who is ANYONE:
            assert "security" not in one, path
        elif "security" in one:
            assert set(one["security"][0]) == ({"session"} if method == "get" else {"session", "csrf"}), path


def test_problems_stand_with_their_status(document: dict[str, Any]) -> None:
    for path, method, one in operations(document):
        for status, answer in one["responses"].items():
            if int(status) < 400:
                continue
            schema = answer["content"]["application/problem+json"]["schema"]["allOf"]
            codes = schema[1]["properties"]["code"]["enum"]
            assert codes, (path, method)
            assert {TABLE[code].status for code in codes} == {int(status)}
            assert ("headers" in answer) == (status in {"429", "503"})


def test_a_problem_is_as_described(app: APIFlask, document: dict[str, Any]) -> None:
    ann = trader(app, "ann")
    answer = ann.ask("GET", "/api/users/bob/watchlist")
    assert problem(answer) == (403, "FORBIDDEN")
    told = msgspec.json.decode(answer.data, type=ProblemDetails)
    described = document["components"]["schemas"]["ProblemDetails"]
    assert set(answer.json or {}) <= set(described["properties"])
    assert set(described["required"]) <= set(answer.json or {})
    assert told.instance == "/api/users/bob/watchlist"


def test_keys_are_asked_for_where_they_are_needed(app: APIFlask, document: dict[str, Any]) -> None:
    keyed = {
        (path, method)
        for path, method, one in operations(document)
        if any(
            parameter["name"] == "Idempotency-Key" and parameter["required"]
            for parameter in one["parameters"]
        )
    }
    assert ("/api/users/{user}/buys/commit", "post") in keyed
    assert len(keyed) == 13, "thirteen commands change something"
    assert all(method != "get" for _, method in keyed)


def test_no_page_of_somebody_elses_is_served(app: APIFlask) -> None:
    for path in ("/docs", "/redoc", "/docs/oauth2-redirect"):
        assert b"cdn" not in app.test_client().get(path).data
