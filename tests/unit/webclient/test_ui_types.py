"""The client's types, which are written by hand, say what the OpenAPI document says."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from apiflask import APIFlask

from stack.state import ROOT

_TYPES: Final = ROOT / "webclient" / "ui" / "src" / "api" / "types.ts"
_INTERFACE: Final = re.compile(r"^export interface (\w+) \{\n(.*?)^\}", re.M | re.S)
_FIELD: Final = re.compile(r"^  (\w+)(\??): (.+);$", re.M)
_ANSWERS: Final = {
    "Session": "Session", "Holding": "Holding", "Pending": "Pending", "Trigger": "Trigger", "NewestCommand": "HistoryItem",
    "Account": "Summary", "Cash": "Cash", "Quote": "Quote", "SymbolPrice": "Quoted", "Watched": "Watched", "PricePoint": "Price",
    "PlacedBuy": "Buy", "PlacedSell": "Sell", "HistoryEntry": "Entry", "HistoryPage": "HistoryPage",
    "ProblemBody": "ProblemDetails",
}  # fmt: skip
"""The client's name and the document's, of what the server sends."""
_BODIES: Final = {"Credentials": "Credentials", "PasswordChange": "PasswordChange"}
"""Of what the client sends."""
_UNIONS: Final = {
    "SettledOrder": ("BuyCommitted", "BuyCancelled", "SellCommitted", "SellCancelled"),
    "TriggerReply": (
        "BuyAmountSet", "BuyTriggerSet", "BuyTriggerCancelled", "SellAmountSet", "SellTriggerSet", "SellTriggerCancelled",
    ),
}  # fmt: skip
"""One type of the client for several of the document: what not all of them have is optional."""
_NAMED: Final = {"Role": "string", "Side": "string", "HistoryKind": "string"}


def interfaces() -> dict[str, dict[str, tuple[bool, str]]]:
    """By name: of each field whether it may be missing, and its type."""
    text = re.sub(r"^\s*/\*\*.*?\*/\n", "", _TYPES.read_text(), flags=re.M | re.S)
    return {
        name: {field: (bool(optional), kind) for field, optional, kind in _FIELD.findall(body)}
        for name, body in _INTERFACE.findall(text)
    }


def kinds_here(kind: str) -> set[str]:
    """JSON's names for a type of the client."""
    parts = [part.strip() for part in kind.split(" | ")] if "{" not in kind else [kind]
    return {json_kind(part) for part in parts}


def json_kind(part: str) -> str:
    if part.endswith("[]"):
        return "array"
    if part.startswith('"'):
        return "string"
    if part in {"string", "number", "boolean", "null"}:
        return part
    return _NAMED.get(part, "object")


def kinds_there(schema: dict[str, Any], schemas: dict[str, Any]) -> set[str]:
    """JSON's names for what a schema allows."""
    if "$ref" in schema:
        return kinds_there(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    if "anyOf" in schema:
        return {kind for one in schema["anyOf"] for kind in kinds_there(one, schemas)}
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return {"null" if value is None else "string" for value in values}
    named = schema["type"]
    return {
        "number" if kind == "integer" else kind for kind in ([named] if isinstance(named, str) else named)
    }


@pytest.fixture
def schemas(app: APIFlask) -> dict[str, Any]:
    """The document's."""
    document: Any = app.spec
    found: dict[str, Any] = document["components"]["schemas"]
    return found


def differences(here: str, there: tuple[str, ...], schemas: dict[str, Any]) -> Iterator[str]:
    """Where a type of the client does not fit the document's."""
    fields = interfaces()[here]
    for name, (optional, kind) in fields.items():
        having = [schemas[one] for one in there if name in schemas[one]["properties"]]
        if not having:
            yield f"{here}.{name}: there is none"
            continue
        sure = len(having) == len(there) and all(name in one.get("required", []) for one in having)
        if not optional and not sure:
            yield f"{here}.{name}: may be missing"
        allowed = {found for one in having for found in kinds_there(one["properties"][name], schemas)}
        if allowed != kinds_here(kind):
            yield f"{here}.{name}: is {sorted(allowed)}, not {kind}"


def test_answers_are_what_the_document_says(schemas: dict[str, Any]) -> None:
    pairs: list[tuple[str, tuple[str, ...]]] = [(here, (there,)) for here, there in _ANSWERS.items()]
    pairs += [(here, there) for here, there in _UNIONS.items()]
    assert [told for here, there in pairs for told in differences(here, there, schemas)] == []


def test_bodies_have_every_field_and_no_other(schemas: dict[str, Any]) -> None:
    for here, there in _BODIES.items():
        assert set(interfaces()[here]) == set(schemas[there]["properties"])
        assert list(differences(here, (there,), schemas)) == []


def test_a_difference_is_seen(schemas: dict[str, Any]) -> None:
    """The check can fail: a quote is no session."""
    told = list(differences("Quote", ("Session",), schemas))
    assert told == [
        "Quote.symbol: there is none",
        "Quote.price: there is none",
        "Quote.quoted_at: there is none",
    ]
    assert list(
        differences("Session", ("Session",), {**schemas, "Session": changed(schemas["Session"])})
    ) == ["Session.user: is ['number'], not string | null"]


def changed(session: dict[str, Any]) -> dict[str, Any]:
    return {**session, "properties": {**session["properties"], "user": {"type": "integer"}}}
