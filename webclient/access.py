"""What every route declares in one place: who may call it, what it takes and what it gives.

The guard obeys this declaration, the OpenAPI document and the matrix test are made from it.
"""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, Final

from flask import Response, g
from msgspec import Struct

from webclient import intake


class Who(StrEnum):
    """Who may call a route."""

    ANYONE = "anyone"
    SIGNED_IN = "anyone who is logged in"
    TRADER_SELF = "the trader whom the path names"
    OWNER_OR_SUPERVISOR = "the trader whom the path names, or a supervisor"
    SUPERVISOR = "a supervisor"


ANYONE: Final = Who.ANYONE
SIGNED_IN: Final = Who.SIGNED_IN
TRADER_SELF: Final = Who.TRADER_SELF
OWNER_OR_SUPERVISOR: Final = Who.OWNER_OR_SUPERVISOR
SUPERVISOR: Final = Who.SUPERVISOR

TRADER: Final = "trader"
SUPERVISOR_ROLE: Final = "supervisor"


class Identity(Struct, frozen=True):
    """Who sends this request."""

    user: str
    role: str
    token: str
    """The session's id as the cookie has it."""
    expires_ms: int
    """The session's absolute end."""


class Access(Struct, frozen=True):
    """A route's declaration."""

    who: Who
    body: type | None
    query: type | None
    key: bool
    gives: type | None
    status: int
    media: str
    refuses: tuple[str, ...]


_PAGE: Final = "text/html"


def access(
    who: Who,
    *,
    body: type | None = None,
    query: type | None = None,
    key: bool = False,
    gives: type | None = None,
    status: int = 200,
    media: str = "application/json",
    refuses: tuple[str, ...] = (),
) -> Callable[[Callable[..., Any]], Callable[..., Response]]:
    """Declares a route; it stands directly above the view, under the blueprint's `get`, `post`, ...

    The view is called with the path's arguments by name and, where declared, `body` and `query` (msgspec Structs, validated)
    and `key` (the text of the Idempotency-Key). It returns a Struct or dict (sent as JSON with `status`), bytes (JSON that is
    ready), None (with status 204) or a flask.Response. `gives` is the type of the answer, `refuses` the codes of
    webclient.problems that the view itself may answer (those of the guard and of validation are added by themselves).
    """
    decode_body = intake.body_decoder(body) if body is not None else None
    without = intake.any_query if media == _PAGE else intake.no_query
    decode_query = intake.query_decoder(query) if query is not None else without

    def declare(view: Callable[..., Any]) -> Callable[..., Response]:
        @wraps(view)
        def operation(**arguments: Any) -> Response:
            arguments.update(decode_query())
            if key:
                arguments["key"] = intake.idempotency_key()
            if decode_body is not None:
                arguments["body"] = decode_body()
            answer = view(**arguments)
            return answer if isinstance(answer, Response) else intake.json_response(answer, status)

        operation.declared = Access(who, body, query, key, gives, status, media, refuses)  # type: ignore[attr-defined]
        return operation

    return declare


def declared(view: Callable[..., Any]) -> Access | None:
    """What the view declares; None for one that does not."""
    found = getattr(view, "declared", None)
    return found if isinstance(found, Access) else None


def current() -> Identity:
    """Who sends this request, on a route that only those who are logged in may call. Raises LookupError elsewhere."""
    identity: Identity | None = g.get("identity")
    if identity is None:
        raise LookupError("nobody is logged in")
    return identity
