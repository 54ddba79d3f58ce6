"""Who may call what: every route and method, as nobody, as another trader, as the trader and as a supervisor.

The requests are made from the application's own table of routes; who may is also written down here by hand, so that a route that
declares the wrong thing is found, and one that nobody thought about fails.
"""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from apiflask import APIFlask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from core.clock import SystemClock
from core.errors import FORBIDDEN
from core.settings import Address, Settings
from stack.embedded import Services
from tests.unit.webclient.balancer import Tiers
from tests.unit.webclient.visitors import Visitor, generous, problem, supervisor, trader
from webclient.access import Who, declared
from webclient.app import create_app
from webclient.compose import make_parts
from webclient.guard import CSRF_HEADER
from webclient.problems import CSRF, METHOD_NOT_ALLOWED, UNAUTHENTICATED

pytestmark = [pytest.mark.services, pytest.mark.slow]

VISITORS: Final = ("nobody", "other", "trader", "supervisor")
"""`trader` is the one whom the path names, `other` is another trader."""
ALL: Final = frozenset(VISITORS)
SIGNED_IN: Final = frozenset({"other", "trader", "supervisor"})
SELF: Final = frozenset({"trader"})
OWNER: Final = frozenset({"trader", "supervisor"})
BOSS: Final = frozenset({"supervisor"})

MAY: Final[dict[str, frozenset[str]]] = {
    "GET /api/session": ALL,
    "POST /api/session": ALL,
    "POST /api/registration": ALL,
    "DELETE /api/session": SIGNED_IN,
    "PUT /api/password": SIGNED_IN,
    "GET /api/users/<user>/account": OWNER,
    "GET /api/users/<user>/log": OWNER,
    "GET /api/users/<user>/history": OWNER,
    "GET /api/users/<user>/history.csv": OWNER,
    "GET /api/users/<user>/quotes/<symbol>": SELF,
    "POST /api/users/<user>/deposits": SELF,
    "POST /api/users/<user>/buys": SELF,
    "POST /api/users/<user>/buys/commit": SELF,
    "POST /api/users/<user>/buys/cancel": SELF,
    "POST /api/users/<user>/sells": SELF,
    "POST /api/users/<user>/sells/commit": SELF,
    "POST /api/users/<user>/sells/cancel": SELF,
    "PUT /api/users/<user>/triggers/buy/<symbol>/amount": SELF,
    "PUT /api/users/<user>/triggers/buy/<symbol>/price": SELF,
    "DELETE /api/users/<user>/triggers/buy/<symbol>": SELF,
    "PUT /api/users/<user>/triggers/sell/<symbol>/amount": SELF,
    "PUT /api/users/<user>/triggers/sell/<symbol>/price": SELF,
    "DELETE /api/users/<user>/triggers/sell/<symbol>": SELF,
    "GET /api/users/<user>/watchlist": SELF,
    "PUT /api/users/<user>/watchlist/<symbol>": SELF,
    "DELETE /api/users/<user>/watchlist/<symbol>": SELF,
    "GET /api/users/<user>/events": SELF,
    "GET /api/symbols": SIGNED_IN,
    "GET /api/symbols/<symbol>/prices": SIGNED_IN,
    "GET /api/supervisor/users": BOSS,
    "PATCH /api/supervisor/users/<user>": BOSS,
    "GET /api/supervisor/tiers": BOSS,
    "GET /api/supervisor/history": BOSS,
    "GET /api/supervisor/history.csv": BOSS,
    "POST /api/supervisor/dumps": BOSS,
    "GET /api/supervisor/dumps": BOSS,
    "GET /api/supervisor/dumps/<filename>": BOSS,
    "GET /healthz": ALL,
    "GET /openapi.json": ALL,
    "GET /problems/<code>": ALL,
    "GET /": ALL,
    "GET /<page:path>": ALL,
}
_MEANS: Final = {
    Who.ANYONE: ALL,
    Who.SIGNED_IN: SIGNED_IN,
    Who.TRADER_SELF: SELF,
    Who.OWNER_OR_SUPERVISOR: OWNER,
    Who.SUPERVISOR: BOSS,
}
_IN_PATHS: Final = {
    "user": "ann",
    "symbol": "ABC",
    "filename": "testLOG",
    "code": "BUSY",
    "path": "some/page",
}
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_UNSAFE: Final = frozenset(_METHODS) - {"GET"}
_keys = map("matrix-key-{:08d}".format, itertools.count())


@pytest.fixture(scope="module")
def tiers() -> Iterator[Tiers]:
    with Tiers() as one:
        one.says = b'ERR {"code":"NOTHING_PENDING","message":"nothing here"}'
        yield one


@pytest.fixture(scope="module")
def app(services: Services, tiers: Tiers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[APIFlask]:
    """One application for all of this: each request below has a session of its own."""
    folder: Path = tmp_path_factory.mktemp("matrix")
    (folder / "secret").write_text("a secret that only this test knows")
    name = f"{services.database}_matrix"
    services.create_database(name, template=services.database)
    settings = Settings(
        database_url=services.url("daytrade_web", name),
        redis_url=services.redis_url,
        redis_password_file=services.redis_password_file,
        web_secret_file=folder / "secret",
        balancer=Address(tiers.address),
        log_dir=folder,
    )
    parts = make_parts(generous(settings), SystemClock())
    yield create_app(parts)
    parts.lines.stop()
    parts.pool.close()
    parts.valkey.close()
    services.drop_database(name)


def operations(app: APIFlask) -> dict[str, Rule]:
    """`METHOD rule` of everything that the application answers."""
    return {
        f"{method} {rule.rule}": rule
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) & set(_METHODS)
    }


def path_of(operation: str) -> str:
    return re.sub(r"<(?:[a-z]+:)?([a-z]+)>", lambda found: _IN_PATHS[found[1]], operation.partition(" ")[2])


def as_visitor(app: APIFlask, who: str) -> dict[str, str]:
    """The headers of a request by that visitor."""
    if who == "nobody":
        return {}
    makers = {
        "other": lambda: trader(app, "eve"),
        "trader": lambda: trader(app, "ann"),
        "supervisor": lambda: supervisor(app),
    }
    found: Visitor = makers[who]()
    return dict(found.headers)


def ask(app: APIFlask, operation: str, headers: dict[str, str]) -> TestResponse:
    """A request with all that such a request needs, but an empty body."""
    method, _, _ = operation.partition(" ")
    more = {"Idempotency-Key": next(_keys)}
    body: object = {} if method in {"POST", "PUT", "PATCH"} else None
    client = app.test_client(use_cookies=False)
    answer = client.open(path_of(operation), method=method, headers=headers | more, json=body)
    answer.close()  # a stream of events would not end
    return answer


def test_every_route_is_listed_and_every_entry_is_a_route(app: APIFlask) -> None:
    assert sorted(operations(app)) == sorted(MAY)


def test_what_routes_declare_is_what_is_listed(app: APIFlask) -> None:
    for operation, rule in operations(app).items():
        declaration = declared(app.view_functions[rule.endpoint])
        assert (_MEANS[declaration.who] if declaration else ALL) == MAY[operation], operation


@pytest.mark.parametrize("who", VISITORS)
@pytest.mark.parametrize("operation", MAY)
def test_who_may_do_what(app: APIFlask, tiers: Tiers, operation: str, who: str) -> None:
    tiers.lines.clear()
    answer = ask(app, operation, as_visitor(app, who))
    if who in MAY[operation]:
        assert answer.status_code not in {401, 403, 405}, answer.text
        assert answer.status_code < 500, answer.text
        return
    expected = (401, UNAUTHENTICATED) if who == "nobody" else (403, FORBIDDEN)
    assert problem(answer) == expected
    assert tiers.lines == [], "a command was sent for somebody who may not"


@pytest.mark.parametrize(
    "operation", [one for one in MAY if one.split(" ")[0] in _UNSAFE and MAY[one] is not ALL]
)
def test_nothing_unsafe_is_done_without_the_csrf_token(app: APIFlask, tiers: Tiers, operation: str) -> None:
    tiers.lines.clear()
    for who in sorted(MAY[operation]):
        headers = as_visitor(app, who)
        for token in (None, "", "0" * 64, as_visitor(app, who)[CSRF_HEADER]):
            sent = {name: value for name, value in headers.items() if name != CSRF_HEADER}
            sent |= {} if token is None else {CSRF_HEADER: token}
            assert problem(ask(app, operation, sent)) == (403, CSRF)
    assert tiers.lines == []


@pytest.mark.parametrize("path", sorted({one.partition(" ")[2] for one in MAY}))
def test_no_other_method_does_anything(app: APIFlask, path: str) -> None:
    for method in _METHODS:
        if f"{method} {path}" not in MAY:
            for who in ("nobody", "trader", "supervisor"):
                answer = ask(app, f"{method} {path}", as_visitor(app, who))
                assert problem(answer) == (405, METHOD_NOT_ALLOWED)


@pytest.mark.parametrize("operation", [one for one in MAY if "<user>" in one and MAY[one] in {SELF, OWNER}])
def test_who_exists_cannot_be_found_out(app: APIFlask, operation: str) -> None:
    """A trader gets the same answer for a user who exists and for one who does not."""
    headers = as_visitor(app, "other")
    trader(app, "ann")
    real = ask(app, operation, headers)
    unreal = ask(app, operation.replace("<user>", "no-such-user"), headers)
    assert problem(real) == problem(unreal) == (403, FORBIDDEN)
    assert real.text.replace("ann", "no-such-user") == unreal.text


def test_a_supervisor_is_no_trader_not_even_under_that_name(app: APIFlask) -> None:
    boss = supervisor(app, "boss2").headers
    for operation in (one for one in MAY if MAY[one] is SELF):
        assert problem(ask(app, operation.replace("<user>", "boss2"), boss)) == (403, FORBIDDEN)
