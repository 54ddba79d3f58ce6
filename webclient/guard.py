"""The check before every request: how many, who, from where, and whether that person may do that (webclient.access).

In this order: rate limits, log-in, origin of the request (CSRF), role and ownership, form of the path. So nobody learns from the
answer whether something exists that is not theirs to see.
"""

import hmac
from typing import Final

from flask import Flask, Request, current_app, g, request

from core.errors import BAD_SYMBOL, BAD_USER, FORBIDDEN
from core.ids import is_user, parse_symbol
from webclient.access import (
    ANYONE,
    OWNER_OR_SUPERVISOR,
    SUPERVISOR,
    SUPERVISOR_ROLE,
    TRADER,
    TRADER_SELF,
    Access,
    Identity,
    declared,
)
from webclient.lockout import network_of
from webclient.metrics import LIMITED
from webclient.parts import parts
from webclient.problems import CSRF, RATE_LIMITED, UNAUTHENTICATED, Problem
from webclient.sessions import csrf_token

COOKIE: Final = "__Host-daytrade"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_ITSELF: Final = frozenset({"same-origin", "none"})


def install(app: Flask) -> None:
    """Puts the guard before every request. Raises LookupError when a route says nothing about who may call it."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "openapi.spec" and declared(app.view_functions[rule.endpoint]) is None:
            raise LookupError(f"{rule.rule} does not declare who may call it (webclient.access)")
    app.before_request(_check)


def _check() -> None:
    """Raises Problem unless the request may go on."""
    # Each use of the proxy costs a microsecond.
    asked: Request = request._get_current_object()  # type: ignore[attr-defined]
    g.identity = None
    if not asked.path.startswith("/api/"):
        return
    visit = parts().sessions.visit(asked.cookies.get(COOKIE), network_of(asked.remote_addr or ""))
    g.identity = visit.identity
    if wait_us := max(visit.address_wait_us, visit.user_wait_us):
        LIMITED.labels("address" if visit.address_wait_us else "user").inc()
        raise Problem(RATE_LIMITED, retry_after_s=-(-wait_us // 1_000_000))
    view = declared(current_app.view_functions[asked.endpoint]) if asked.endpoint else None
    if view is None or asked.method == "OPTIONS":
        return  # nothing there, or nothing but the methods are told
    _check_origin(asked, view, visit.identity)
    _check_right(asked, view, visit.identity)
    _check_path(asked)


def _check_origin(asked: Request, view: Access, identity: Identity | None) -> None:
    """Requests come from our own pages, or from programs, which send neither of the two headers. Unsafe ones prove it."""
    site = asked.headers.get("Sec-Fetch-Site")
    if site is not None and site not in _ITSELF:
        raise Problem(CSRF)
    if asked.method in SAFE:
        return
    origin = asked.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != asked.host:
        raise Problem(CSRF)
    if view.who is ANYONE or identity is None:
        return
    given = asked.headers.get(CSRF_HEADER, "")
    if not hmac.compare_digest(given.encode(), csrf_token(parts().secret, identity).encode()):
        raise Problem(CSRF, f"The header {CSRF_HEADER} is missing or not this session's.")


def _check_right(asked: Request, view: Access, identity: Identity | None) -> None:
    if view.who is ANYONE:
        return
    if identity is None:
        raise Problem(UNAUTHENTICATED)
    owner = (asked.view_args or {}).get("user") == identity.user and identity.role == TRADER
    supervisor = identity.role == SUPERVISOR_ROLE
    if (
        (view.who is TRADER_SELF and not owner)
        or (view.who is OWNER_OR_SUPERVISOR and not (owner or supervisor))
        or (view.who is SUPERVISOR and not supervisor)
    ):
        raise Problem(FORBIDDEN)


def _check_path(asked: Request) -> None:
    """Users and symbols in the path are well formed; a symbol gets its upper case."""
    named = asked.view_args
    if not named:
        return
    if "user" in named and (not is_user(named["user"]) or named["user"] in {".", ".."}):
        raise Problem(BAD_USER)
    if "symbol" in named:
        symbol = parse_symbol(named["symbol"])
        if symbol is None:
            raise Problem(BAD_SYMBOL)
        named["symbol"] = symbol
