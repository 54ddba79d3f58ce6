"""ASVS 5.0.0, V2: validation and business logic."""

from typing import Any

import pytest
from apiflask import APIFlask

from stack.launcher import Stack
from tests.e2e.visitor import Visitor as Trader
from tests.security.peer import ask, fetch
from tests.unit.webclient.visitors import Visitor, problem, supervisor, trader

AMOUNTS = [
    "0",
    "-1",
    "0.001",
    "1e3",
    "NaN",
    "Infinity",
    "100000000000.01",
    "１",
    " 1",
    "1\n",
    "",
    "0x10",
    "1,0",
]
SYMBOLS = ["", "ABCD", "A1", "A B", "ÄBC", "A\n", "../A"]


def bounded(schema: dict[str, Any]) -> bool:
    """Whether a schema says what the value has to look like."""
    kinds = schema.get("anyOf", [schema])
    return all(
        {"enum", "pattern", "maxLength", "maximum", "exclusiveMaximum"} & set(kind)
        or kind.get("type") in {"boolean", "null"}
        for kind in kinds
    )


def test_v2_1_1_validation_rules_are_documented(app: APIFlask) -> None:
    """The API's description says of every value that a request brings what it has to look like."""
    document = ask(app, "GET", "/openapi.json").json
    assert document is not None
    values: list[tuple[str, dict[str, Any]]] = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            values += [(f"{method} {path} {one['name']}", one["schema"]) for one in operation["parameters"]]
            if "requestBody" in operation:
                name = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition(
                    "/"
                )[2]
                body = document["components"]["schemas"][name]
                assert body["additionalProperties"] is False, name
                values += [(f"{name}.{key}", schema) for key, schema in body["properties"].items()]
    assert len(values) > 60
    assert [name for name, schema in values if not bounded(schema)] == []


def test_v2_2_1_input_is_validated(app: APIFlask) -> None:
    """What is not an amount, a symbol, a user or a file name by the rules is refused with the name of the rule."""
    ann = trader(app, "ann")
    ann.headers["Idempotency-Key"] = "a-key-of-some-length"
    for amount in AMOUNTS:
        refused = ann.ask("POST", "/api/users/ann/deposits", json={"amount": amount})
        assert problem(refused) == (400, "BAD_AMOUNT"), amount
    for symbol in SYMBOLS:
        refused = ann.ask("POST", "/api/users/ann/buys", json={"amount": "1.00", "symbol": symbol})
        assert problem(refused) == (400, "BAD_SYMBOL"), symbol
    bodies: tuple[Any, ...] = (
        {"amount": 1},
        {"amount": None},
        {"amount": ["1"]},
        {},
        [],
        {"amount": "1", "user": "bob"},
        "1",
    )
    for body in bodies:
        assert problem(ann.ask("POST", "/api/users/ann/deposits", json=body)) == (400, "BAD_REQUEST"), body
    boss = supervisor(app)
    for user in ("a" * 65, "a b", "a%00b", "ä"):
        assert problem(boss.ask("GET", f"/api/users/{user}/account"))[0] == 400
    for key in ("", "short", "k" * 129, "with space", "umläut--"):
        ann.headers["Idempotency-Key"] = key.encode().decode("latin-1")
        assert problem(ann.ask("POST", "/api/users/ann/deposits", json={"amount": "1"})) == (
            400,
            "BAD_REQUEST",
        ), key


def test_v2_2_2_validation_is_the_servers(stack: Stack) -> None:
    """Requests that the page would never send are refused just the same: the server relies on no check of the client."""
    mallory = Trader(stack.state.web or "", "mallory")
    assert mallory.deposit("-1").problem == (400, "BAD_AMOUNT")
    assert mallory.order("buys", "ABC", "1e9").problem == (400, "BAD_AMOUNT")
    answer, body = fetch(stack, "POST", "/api/registration", {"user": "mallory2", "password": "x"})
    assert (answer.status, b"WEAK_PASSWORD" in body) == (422, True)
    assert mallory.account()["cash"] == "0.00"


def test_v2_3_1_no_step_is_skipped(stack: Stack) -> None:
    """An order is confirmed only after it was placed, by its own user, and once; a trigger gets a price after an amount."""
    skipper, other = (Trader(stack.state.web or "", name) for name in ("skipper", "other"))
    for one in (skipper, other):
        assert one.deposit("100.00").status == 201
    assert skipper.own("POST", "buys/commit").problem == (409, "NOTHING_PENDING")
    assert skipper.own("PUT", "triggers/buy/ABC/price", {"price": "1.00"}).problem == (409, "NO_AMOUNT_SET")
    assert other.order("buys", "ABC", "50.00").status == 201
    assert skipper.own("POST", "buys/commit").problem == (409, "NOTHING_PENDING")
    assert other.own("POST", "buys/commit").status == 200
    assert other.own("POST", "buys/commit").problem == (409, "NOTHING_PENDING")


@pytest.mark.parametrize("name", ["user", "role", "disabled", "cash", "session"])
def test_v2_2_1_nothing_else_is_taken(app: APIFlask, name: str) -> None:
    """(The same:) a field that the rules do not name is refused, not ignored."""
    ann = Visitor(app, "ann")
    ann.headers["Idempotency-Key"] = "a-key-of-some-length"
    assert problem(ann.ask("POST", "/api/users/ann/deposits", json={"amount": "1", name: "x"})) == (
        400,
        "BAD_REQUEST",
    )
    assert problem(ann.ask("GET", "/api/users/ann/account", query_string={name: "x"})) == (400, "BAD_REQUEST")
