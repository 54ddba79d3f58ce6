"""ASVS 5.0.0, V3: web frontend security."""

import re

from apiflask import APIFlask

from stack.launcher import Stack
from tests.security.peer import (
    COOKIE,
    DEVICE,
    PASSWORD,
    ask,
    cookie,
    fetch,
    raw,
    register,
    routes,
    session_headers,
)
from tests.security.sources import client_files
from tests.unit.webclient.visitors import problem, supervisor, trader
from webclient.guard import CSRF_HEADER

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}


def test_v3_2_1_nothing_is_rendered_in_a_wrong_context(app: APIFlask) -> None:
    """No answer of the API is a page, none may be sniffed, embedded or run, and files are attachments."""
    visitors = {"alice": trader(app, "alice"), "boss": supervisor(app)}
    seen = 0
    for method, path, _ in routes(app):
        if path.endswith("/events") or path == "/api/session":
            continue
        for one in visitors.values():
            answer = one.ask(method, path)
            assert answer.mimetype not in {"text/html", "image/svg+xml", "text/javascript"}, path
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            if answer.status_code == 200 and answer.mimetype != "application/json":
                assert answer.headers["Content-Disposition"].startswith("attachment"), path
                seen += 1
    assert seen >= 3, "no download was looked at"


def test_v3_2_2_text_is_shown_as_text() -> None:
    """The page puts text into the document as text: no way of Vue's or the browser's to insert HTML is used."""
    hostile = re.compile(
        r"v-html|innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment"
    )
    assert [path.name for path in client_files() if hostile.search(path.read_text("utf-8"))] == []


def test_v3_3_1_cookies_are_secure_and_bound_to_the_host(app: APIFlask) -> None:
    """Both cookies have Secure and the prefix __Host- (so no Domain, and the path /), and no script can read them."""
    lines = register(app, "alice").headers.getlist("Set-Cookie")
    assert sorted(line.partition("=")[0] for line in lines) == [COOKIE, DEVICE]
    for line in lines:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=strict"} <= attributes
        assert not any(attribute.startswith("domain") for attribute in attributes)


def test_v3_4_1_strict_transport_security_on_every_answer(stack: Stack) -> None:
    """Every answer asks for HTTPS for at least a year: pages, resources, refusals, and what is not HTTP at all."""
    heads = [
        fetch(stack, "GET", path)[0].getheader("Strict-Transport-Security")
        for path in (
            "/",
            "/healthz",
            "/openapi.json",
            "/api/session",
            "/api/users/x/account",
            "/nothing.js",
            "/favicon.ico",
        )
    ]
    heads.append(fetch(stack, "BREW", "/api/session")[0].getheader("Strict-Transport-Security"))
    for head in heads:
        age = re.match(r"max-age=([0-9]+)", head or "")
        assert age is not None
        assert int(age[1]) >= 31_536_000
    for broken in (
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n\r\nX",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n",
    ):
        assert b"Strict-Transport-Security: max-age=" in raw(stack, broken), broken[:20]


def test_v3_4_2_no_other_origin_may_read(app: APIFlask) -> None:
    """No answer allows another origin anything, whatever Origin a request names."""
    for origin in ("https://evil.example", "null", "http://localhost"):
        for method, path in (
            ("GET", "/api/session"),
            ("OPTIONS", "/api/session"),
            ("GET", "/openapi.json"),
            ("GET", "/"),
        ):
            answer = ask(app, method, path, Origin=origin, Access_Control_Request_Method="POST")
            assert [name for name, _ in answer.headers if name.lower().startswith("access-control-")] == []
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_v3_5_1_every_unsafe_request_shows_the_sessions_token(app: APIFlask) -> None:
    """Without the session's anti-forgery token, or with another session's, nothing that changes something is done."""
    alice, boss = trader(app, "alice"), supervisor(app)
    strangers = trader(app, "bob").headers[CSRF_HEADER]
    tried = 0
    for method, path, access in routes(app):
        if method in UNSAFE and access.who != "anyone":
            one = boss if "supervisor" in path else alice
            for token in ("", strangers, one.headers[CSRF_HEADER][:-1], one.headers[CSRF_HEADER].upper()):
                headers = {
                    "Cookie": one.headers["Cookie"],
                    CSRF_HEADER: token,
                    "Idempotency-Key": "some-key-of-mine",
                }
                answer = app.test_client(use_cookies=False).open(
                    path, method=method, headers=headers, json={}
                )
                assert problem(answer) == (403, "CSRF"), (method, path, token)
                tried += 1
    assert tried > 50


def test_v3_5_2_what_needs_no_preflight_does_nothing(app: APIFlask) -> None:
    """Requests as a form or a script of another site could send them without asking are refused, at the log-in too."""
    body = f'{{"user":"alice","password":"{PASSWORD}"}}'
    client = app.test_client(use_cookies=False)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        for path in ("/api/registration", "/api/session"):
            assert problem(client.post(path, data=body, headers={"Content-Type": kind}))[0] == 415, (
                path,
                kind,
            )
    for site in ("cross-site", "same-site", "CROSS-SITE", "garbage"):
        for path in ("/api/registration", "/api/session"):
            answer = ask(app, "POST", path, {"user": "alice", "password": PASSWORD}, Sec_Fetch_Site=site)
            assert problem(answer) == (403, "CSRF")
    for origin in ("https://evil.example", "null", "http://localhost.evil.example", "http://localhost:1"):
        answer = ask(app, "POST", "/api/registration", {"user": "alice", "password": PASSWORD}, Origin=origin)
        assert problem(answer) == (403, "CSRF")
    assert ask(app, "POST", "/api/registration", {"user": "alice", "password": PASSWORD}, Origin="http://localhost",
               Sec_Fetch_Site="same-origin").status_code == 201  # fmt: skip


def test_v3_5_3_nothing_is_done_by_a_safe_method(app: APIFlask) -> None:
    """What changes something needs POST, PUT, PATCH or DELETE; what is read is not read for another site."""
    for method, path, access in routes(app):
        if access.key or access.body is not None or access.status in {201, 204}:
            assert method in UNSAFE, path
    headers = session_headers(register(app, "alice"))
    for path in (
        "/api/users/alice/deposits",
        "/api/users/alice/buys/commit",
        "/api/registration",
        "/api/password",
    ):
        for method in ("GET", "HEAD", "TRACE"):
            assert ask(app, method, path, **headers).status_code == 405, path
    for site in ("cross-site", "same-site"):
        answer = ask(app, "GET", "/api/users/alice/quotes/ABC", Sec_Fetch_Site=site, **headers)
        assert problem(answer) == (403, "CSRF")
    assert cookie(ask(app, "GET", "/api/session", **headers)) == ""
