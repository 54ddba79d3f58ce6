"""The OpenAPI document, made from what the routes declare: what it allows is what the server takes, and the other way round.

APIFlask finds the routes, their summaries (the first line of a view's docstring) and tags; everything else is put in here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
from apiflask import APIFlask
from werkzeug.routing import AnyConverter, Rule

from core.errors import BAD_REQUEST, BAD_SYMBOL, BAD_USER, FORBIDDEN
from webclient.access import ANYONE, SIGNED_IN, Access, declared
from webclient.guard import COOKIE, CSRF_HEADER, SAFE
from webclient.intake import KEY_HEADER
from webclient.keys import KEY_PATTERN
from webclient.problems import (
    CSRF,
    INTERNAL,
    MEDIA_TYPE,
    NOT_FOUND,
    RATE_LIMITED,
    TABLE,
    TOO_LARGE,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    ProblemDetails,
)
from webclient.schemas import FileName, Symbol, UserName

Json = dict[str, Any]
Schemas = dict[Any, Json]
"""By type."""

TITLES: Final[Mapping[int, str]] = {200: "Done", 201: "Made", 204: "Done; there is nothing to tell"}
_ARGUMENT: Final = re.compile(r"<(?:[^<>]*:)?([a-z_]+)>")

_REF: Final = "#/components/schemas/{name}"
_SECURITY: Final[Json] = {
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by POST /api/session."},
    "csrf": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "`csrf_token` of the session.",
    },
}
_PATH: Final[Mapping[str, Any]] = {"user": UserName, "symbol": Symbol, "filename": FileName}
"""The types of what stands in paths; a side is the enumeration that its rule names."""
_KEY_PARAMETER: Final[Json] = {
    "name": KEY_HEADER,
    "in": "header",
    "required": True,
    "description": "8 to 128 visible ASCII characters, new for every new action; repeated with the same key, it is done once.",
    "schema": {"type": "string", "pattern": KEY_PATTERN},
}
_STREAM: Final = "text/event-stream"
"""OpenAPI 3.1 has no words for what is in it."""
_ABOUT: Final = (
    "Trade on a simulated market. Amounts and prices are decimal strings in US dollars, times milliseconds since 1970 (UTC). "
    "Every failure is a problem (RFC 9457) with one of the codes below."
)


def install(app: APIFlask) -> None:
    """Makes /openapi.json say what webclient.access declares."""
    app.config.update(AUTO_SERVERS=False, AUTO_404_RESPONSE=False, AUTO_OPERATION_ID=True, DESCRIPTION=_ABOUT)
    app.security_schemes = _SECURITY

    @app.spec_processor
    def complete(document: Any) -> Any:
        routes = list(_routes(app))
        schemas, components = _schemas([access for _, access in routes])
        queries = {_name(schemas[access.query]) for _, access in routes if access.query is not None}
        document["components"]["schemas"] = {
            name: schema for name, schema in components.items() if name not in queries
        }
        for rule, access in routes:
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                operation = document["paths"][_path(rule)][method.lower()]
                operation |= _operation(rule, access, method, schemas, components)
                if access.who is not ANYONE:
                    operation["security"] = [_security(method)]
        return document


def _routes(app: APIFlask) -> Iterator[tuple[Rule, Access]]:
    """Every documented route with its declaration."""
    for rule in app.url_map.iter_rules():
        access = declared(app.view_functions[rule.endpoint])
        if access is not None and not getattr(app.view_functions[rule.endpoint], "_spec", {}).get("hide"):
            yield rule, access


def _path(rule: Rule) -> str:
    """The rule as OpenAPI writes it."""
    return _ARGUMENT.sub(r"{\1}", rule.rule)


def _operation(rule: Rule, access: Access, method: str, schemas: Schemas, components: Json) -> Json:
    """What the declaration says about one method of a route."""
    parameters = [_path_parameter(rule, name) for name in _ARGUMENT.findall(rule.rule)]
    if access.query is not None:
        parameters += _query_parameters(components[_name(schemas[access.query])])
    if access.key:
        parameters.append(_KEY_PARAMETER)
    made: Json = {"parameters": parameters, "responses": _responses(rule, access, method, schemas)}
    if access.body is not None:
        content = {"application/json": {"schema": schemas[access.body]}}
        made["requestBody"] = {"required": True, "content": content}
    return made


def _security(method: str) -> dict[str, list[str]]:
    return {"session": []} if method in SAFE else {"session": [], "csrf": []}


def _path_parameter(rule: Rule, name: str) -> Json:
    converter = rule._converters[name]
    if isinstance(converter, AnyConverter):
        schema: Json = {"type": "string", "enum": sorted(converter.items)}
    else:
        schema = _portable(msgspec.json.schema(_PATH[name]))
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(component: Json) -> list[Json]:
    """A query is flat: each property of its Struct is a parameter, and what may be null may be left out."""
    found = []
    for name, schema in component["properties"].items():
        kinds = [kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null"]
        assert len(kinds) == 1, f"the query parameter {name} has several types"
        plain = {key: value for key, value in (schema | kinds[0]).items() if key != "anyOf"}
        if plain.get("default", ...) is None:
            del plain["default"]
        description = plain.pop("description", None)
        parameter = {"name": name, "in": "query", "required": name in component["required"], "schema": plain}
        found.append(parameter | ({"description": description} if description else {}))
    return found


def _responses(rule: Rule, access: Access, method: str, schemas: Schemas) -> Json:
    answer: Json = {"description": TITLES[access.status]}
    if access.status != 204:
        schema = schemas[access.gives] if access.gives else {"type": "string"}
        answer["content"] = {access.media: {} if access.media == _STREAM else {"schema": schema}}
    made = {str(access.status): answer}
    by_status: dict[int, list[str]] = {}
    for code in sorted(_codes(rule, access, method)):
        by_status.setdefault(TABLE[code].status, []).append(code)
    for status, codes in sorted(by_status.items()):
        text = "; ".join(f"{code}: {TABLE[code].title}" for code in codes)
        schema = {
            "allOf": [{"$ref": _REF.format(name="ProblemDetails")}, {"properties": {"code": {"enum": codes}}}]
        }
        made[str(status)] = {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}
        if status in {429, 503}:
            made[str(status)]["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return made


def _codes(rule: Rule, access: Access, method: str) -> set[str]:
    """Every problem that the route may answer with."""
    codes = {BAD_REQUEST, CSRF, RATE_LIMITED, UNAVAILABLE, INTERNAL, TOO_LARGE, *access.refuses}
    codes |= {BAD_USER} if "user" in rule.arguments else set()
    codes |= {BAD_SYMBOL} if "symbol" in rule.arguments else set()
    codes |= {NOT_FOUND} if rule.arguments else set()
    codes |= {UNSUPPORTED_MEDIA_TYPE} if access.body is not None else set()
    codes |= {UNAUTHENTICATED} if access.who is not ANYONE else set()
    codes |= {FORBIDDEN} if access.who not in {ANYONE, SIGNED_IN} else set()
    return codes


def _schemas(routes: Iterable[Access]) -> tuple[Schemas, Json]:
    """For each type that a route takes or gives its schema, and what those refer to."""
    kinds: dict[Any, None] = {ProblemDetails: None}
    for access in routes:
        kinds |= dict.fromkeys(kind for kind in (access.body, access.query, access.gives) if kind is not None)
    references, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    for component in components.values():
        if "properties" in component:
            component.setdefault("additionalProperties", False)
    return dict(zip(kinds, references, strict=True)), _portable(components)


def _name(reference: Json) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def _portable(schema: Any) -> Any:
    r"""The same with patterns as ECMA-262 has them: there `$` is what `\Z` is in Python."""
    if isinstance(schema, dict):
        return {
            key: value.replace(r"\Z", "$")
            if key == "pattern" and isinstance(value, str)
            else _portable(value)
            for key, value in schema.items()
        }
    return [_portable(part) for part in schema] if isinstance(schema, list) else schema
