"""ASVS 5.0.0, V4 and V5: API and web service, file handling."""

import http.client
from pathlib import Path

import pytest
from apiflask import APIFlask

from core.limits import MAX_WEB_BODY_BYTES
from stack.launcher import Stack
from tests.security.peer import address, ask, fetch, routes
from tests.unit.webclient.visitors import problem, supervisor, trader
from webclient import pages


def test_v4_1_1_content_type_says_what_it_is(app: APIFlask) -> None:
    """Every answer with a body names its media type, and its character set where the type does not settle it."""
    visitors = (trader(app, "alice"), supervisor(app))
    answers = [
        one.ask("GET", path)
        for method, path, _ in routes(app)
        for one in visitors
        if method == "GET" and "events" not in path
    ]
    answers += [
        ask(app, "GET", path) for path in ("/", "/healthz", "/openapi.json", "/problems/BUSY", "/nothing.js")
    ]
    seen = set()
    for answer in answers:
        assert answer.data, "a GET without a body"
        kind = answer.headers["Content-Type"]
        seen.add(answer.mimetype)
        assert (
            answer.mimetype in {"application/json", "application/problem+json"}
            or "charset=utf-8" in kind.lower()
        ), kind
    assert {"application/json", "application/problem+json", "text/html", "text/csv", "text/plain"} <= seen


def test_v5_2_1_bodies_are_bounded(stack: Stack) -> None:
    """No upload exists, and no body is over 64 KiB, whether it says how long it is or comes in chunks."""
    headers = {"Content-Type": "application/json"}
    large = b'{"user":"' + b"x" * MAX_WEB_BODY_BYTES + b'"}'
    for body, chunked in ((large, False), (iter([large[:9000]] * 9), True)):
        connection = http.client.HTTPConnection(*address(stack), timeout=10)
        try:
            coded = {"Transfer-Encoding": "chunked"} if chunked else {}
            connection.request("POST", "/api/session", body, headers | coded, encode_chunked=chunked)
            answer = connection.getresponse()
            assert answer.status == 413
            assert b"TOO_LARGE" in answer.read()
        finally:
            connection.close()
    assert fetch(stack, "GET", "/healthz")[0].status == 200


def test_v5_3_1_files_made_by_requests_are_never_served_as_pages(app: APIFlask) -> None:
    """Logs that requests have written lie outside of the folder of static files and leave it as attachments."""
    folder = Path(supervisor(app).parts.settings.log_dir).resolve()
    assert not folder.is_relative_to(pages.FOLDER.resolve())
    assert not pages.FOLDER.resolve().is_relative_to(folder)
    for path in ("/logs/testLOG", "/dumps/all.xml", "/testLOG.xml"):
        answer = ask(app, "GET", path)
        assert answer.status_code == 404 or b"<log" not in answer.data


@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "../secret",
        "..%2fsecret",
        "%2e%2e%2fsecret",
        "/etc/passwd",
        "a/../../b",
        "a\x00.xml",
        "a\\..\\b",
        "",
    ],
)
def test_v5_3_2_file_names_lead_nowhere(app: APIFlask, name: str) -> None:
    """A file name of a request is a plain name or refused; none leads out of the folder of the logs."""
    boss = supervisor(app)
    secret = Path(boss.parts.settings.log_dir).resolve().parent / "secret"
    assert not secret.exists()
    refused = boss.ask("POST", "/api/supervisor/dumps", json={"filename": name})
    assert problem(refused)[0] == 400
    answer = boss.ask("GET", f"/api/supervisor/dumps/{name}")
    assert answer.status_code in {200, 400, 404}
    assert answer.mimetype in {"application/problem+json", "application/json"}
    if answer.status_code == 200:
        assert name in {"", "."}, "only the list of logs itself"
