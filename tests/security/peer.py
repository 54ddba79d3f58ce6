"""Somebody without any manners: raw HTTP to a running web client, and the application's own test client without cookies."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

from apiflask import APIFlask
from werkzeug.test import TestResponse

from core.settings import Settings
from stack.launcher import Stack
from webclient.access import Access, declared

PASSWORD = "correct horse battery"
COOKIE = "__Host-daytrade"
DEVICE = "__Host-daytrade-device"


def ask(app: APIFlask, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
    """A request without any cookie but those in `headers` (whose `_` stand for `-`)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client(use_cookies=False).open(path, method=method, json=body, headers=named)


def register(app: APIFlask, user: str, password: str = PASSWORD) -> TestResponse:
    """Registers, which must succeed."""
    made = ask(app, "POST", "/api/registration", {"user": user, "password": password})
    assert made.status_code == 201, made.text
    return made


def log_in(app: APIFlask, user: str, password: str = PASSWORD, **headers: str) -> TestResponse:
    """An attempt to log in."""
    return ask(app, "POST", "/api/session", {"user": user, "password": password}, **headers)


def cookie(answer: TestResponse, name: str = COOKIE) -> str:
    """The value of a cookie that the answer sets; "" when it does not."""
    for line in answer.headers.getlist("Set-Cookie"):
        key, _, rest = line.partition("=")
        if key == name:
            return str(rest.partition(";")[0])
    return ""


def whose(app: APIFlask, token: str) -> str | None:
    """The user whom a session's cookie stands for; None for nobody."""
    answer = ask(app, "GET", "/api/session", Cookie=f"{COOKIE}={token}")
    assert answer.json is not None
    user: str | None = answer.json["user"]
    return user


def session_headers(answer: TestResponse) -> dict[str, str]:
    """What an unsafe request of the session needs that the answer began."""
    assert answer.json is not None
    return {"Cookie": f"{COOKIE}={cookie(answer)}", "X_CSRF_Token": answer.json["csrf_token"]}


def routes(app: APIFlask) -> list[tuple[str, str, Access]]:
    """(method, path, declaration) of every route under /api, with names put into the paths."""
    found = []
    for rule in app.url_map.iter_rules():
        access = declared(app.view_functions[rule.endpoint])
        if access is not None and rule.rule.startswith("/api"):
            path = (
                rule.rule.replace("<user>", "alice")
                .replace("<symbol>", "ABC")
                .replace("<filename>", "some.xml")
            )
            assert "<" not in path, path
            found += [(method, path, access) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return sorted(found, key=lambda route: (route[1], route[0]))


def address(stack: Stack) -> tuple[str, int]:
    """Where the stack's web client listens."""
    parts = urlsplit(stack.state.web or "")
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def raw(stack: Stack, data: bytes) -> bytes:
    """What the web client answers to these bytes before it closes."""
    with socket.create_connection(address(stack), 5) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        answer = b""
        while part := peer.recv(65_536):
            answer += part
    return answer


def fetch(
    stack: Stack, method: str, path: str, body: Any = None, **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection(*address(stack), timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        named.setdefault("Content-Type", "application/json")
    connection.request(method, path, json.dumps(body) if body is not None else None, named)
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    return answer, data


def other(settings: Settings, **changes: Any) -> Settings:
    """The same settings but for these."""
    return settings.model_copy(update=changes)
