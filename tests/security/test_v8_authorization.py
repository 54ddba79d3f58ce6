"""ASVS 5.0.0, V8: authorization. Every route is asked by everybody: the list is the application's own."""

from collections.abc import Iterator

import pytest
from apiflask import APIFlask

from tests.security.peer import ask, routes
from tests.security.sources import ROOT
from tests.unit.webclient.visitors import Visitor, problem, supervisor, trader
from webclient.access import Access, Who

KEY = "a-key-of-some-length"


def attempts(app: APIFlask, one: Visitor) -> Iterator[tuple[str, str, Access, tuple[int, str]]]:
    """What somebody gets from every route: (method, path, declaration, (status, code)); the session is kept alive."""
    one.headers["Idempotency-Key"] = KEY
    for method, path, access in routes(app):
        if path == "/api/session" or path.endswith("/events"):
            continue  # ends the session; never ends by itself
        answer = one.ask(method, path, json={} if access.body else None)
        code = answer.json["code"] if answer.mimetype == "application/problem+json" and answer.json else ""
        yield method, path, access, (answer.status_code, code)


def test_v8_1_1_the_rules_are_documented() -> None:
    """The documentation names every class of routes with who may call it, and whose data one may see."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert [who for who in Who if f"`{who.name}`" not in page] == []


def test_v8_2_1_functions_are_for_those_who_may(app: APIFlask) -> None:
    """Anonymous visitors get nothing but the log-in, traders nothing of the supervisor's, supervisors no trading."""
    for method, path, access in routes(app):
        answer = ask(app, method, path, {} if access.body else None, Idempotency_Key=KEY)
        if access.who is not Who.ANYONE:
            assert problem(answer) == (401, "UNAUTHENTICATED"), (method, path)
    refused = {Who.SUPERVISOR}
    for method, path, access, got in attempts(app, trader(app, "alice")):
        assert (got == (403, "FORBIDDEN")) == (access.who in refused), (method, path, got)
    for method, path, access, got in attempts(app, supervisor(app)):
        assert (got == (403, "FORBIDDEN")) == (access.who is Who.TRADER_SELF), (method, path, got)


def test_v8_2_2_data_are_their_owners(app: APIFlask) -> None:
    """Another trader's resources are refused, all of them, and alike whether that user exists or not."""
    alice, bob = trader(app, "alice"), trader(app, "bob")
    bob.headers["Idempotency-Key"] = KEY
    tried = 0
    for method, path, access in routes(app):
        if "/users/alice" in path and "supervisor" not in path:
            answers = [
                bob.ask(method, path.replace("alice", name), json={} if access.body else None)
                for name in (alice.user, "nobody")
            ]
            assert [problem(answer) for answer in answers] == [(403, "FORBIDDEN")] * 2, (method, path)
            bodies = [(answer.json or {}) | {"instance": ""} for answer in answers]
            assert bodies[0] == bodies[1]
            tried += 1
    assert tried >= 20


def test_v8_2_2_a_supervisors_name_is_no_traders(app: APIFlask) -> None:
    """(The same:) a supervisor has no account to trade with, also under their own name."""
    boss = supervisor(app, "alice")
    boss.headers["Idempotency-Key"] = KEY
    assert problem(boss.ask("POST", "/api/users/alice/deposits", json={"amount": "1.00"})) == (
        403,
        "FORBIDDEN",
    )


@pytest.mark.parametrize(
    "claim", ["X-Role", "X-User-Role", "Role", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override"]
)
def test_v8_3_1_rules_are_enforced_by_the_server(app: APIFlask, claim: str) -> None:
    """Nothing that a client sends about itself changes what it may: not headers, cookies, fields or parameters."""
    alice = trader(app, "alice")
    value = {
        "X-Original-URL": "/api/session",
        "X-Rewrite-URL": "/api/session",
        "X-HTTP-Method-Override": "GET",
    }.get(claim, "supervisor")
    alice.headers[claim] = value
    alice.headers["Cookie"] += f"; role=supervisor; {claim}=supervisor"
    assert problem(alice.ask("GET", "/api/supervisor/users")) == (403, "FORBIDDEN")
    assert problem(alice.ask("PATCH", "/api/supervisor/users/alice", json={"disabled": False})) == (
        403,
        "FORBIDDEN",
    )
    made = ask(
        app,
        "POST",
        "/api/registration",
        {"user": "eve", "password": "correct horse battery", "role": "supervisor"},
    )
    assert problem(made) == (400, "BAD_REQUEST")
