"""ASVS 5.0.0, V13 to V15: configuration, data protection, secure coding."""

import re

from apiflask import APIFlask

from tests.security.peer import (
    COOKIE,
    DEVICE,
    PASSWORD,
    ask,
    cookie,
    log_in,
    register,
    routes,
    session_headers,
)
from tests.security.sources import ROOT, client_files
from tests.unit.webclient.visitors import supervisor, trader

SECRET_WORDS = re.compile(r"password|token|secret|session|csrf", re.IGNORECASE)


def test_v13_4_1_no_source_control_is_served(app: APIFlask) -> None:
    """The repository's own files are neither in the image nor to be had by HTTP."""
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert ".git" in ignored or "**/.git" in ignored or "*" in ignored
    for path in (
        "/.git/HEAD",
        "/.git/config",
        "/%2e%2e/.git/HEAD",
        "/webclient/app.py",
        "/../pyproject.toml",
        "/.env",
    ):
        answer = ask(app, "GET", path)
        assert answer.status_code == 404, path


def test_v14_2_1_nothing_secret_stands_in_an_address(app: APIFlask) -> None:
    """Passwords and session ids are taken from bodies and headers only, and no address of ours has a place for them."""
    document = ask(app, "GET", "/openapi.json").json
    assert document is not None
    parameters = [
        one
        for operations in document["paths"].values()
        for operation in operations.values()
        for one in operation["parameters"]
    ]
    in_addresses = [one["name"] for one in parameters if one["in"] in {"query", "path"}]
    assert len(in_addresses) > 30
    assert [name for name in in_addresses if SECRET_WORDS.search(name)] == []
    register(app, "alice")
    assert ask(app, "POST", f"/api/session?user=alice&password={PASSWORD}").status_code in {400, 415}
    token = cookie(log_in(app, "alice"))
    assert ask(app, "GET", f"/api/session?{COOKIE}={token}").status_code == 400
    for path in client_files():
        assert not re.search(r"[?&](password|token|csrf)=", path.read_text("utf-8")), path.name


def test_v14_3_1_a_log_out_clears_the_browser(app: APIFlask) -> None:
    """With a log-out the browser is told to forget what it kept, and the cookie ends."""
    answer = ask(app, "DELETE", "/api/session", **session_headers(register(app, "alice")))
    cleared = answer.headers["Clear-Site-Data"]
    assert '"cache"' in cleared
    assert '"storage"' in cleared
    lines = [line for line in answer.headers.getlist("Set-Cookie") if line.startswith(f"{COOKIE}=;")]
    assert len(lines) == 1
    assert "Max-Age=0" in lines[0]


def test_v15_1_1_time_frames_for_updates_are_documented() -> None:
    """The documentation says within which time a library with a known weakness is replaced, by how bad it is."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    assert re.search(r"critical[^\n|]*\| *\d+ (hours|days)", page)
    assert re.search(r"everything else[^\n|]*\| *\d+ days", page)


def test_v15_2_1_components_are_known_and_pinned() -> None:
    """Every library is pinned to a version and to its content, so that what was looked through is what runs."""
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    pinned = re.findall(r"^([A-Za-z0-9_.-]+)==\S+", lock, re.MULTILINE)
    assert len(pinned) > 50
    blocks = re.split(r"^(?=[A-Za-z0-9_.-]+==)", lock, flags=re.MULTILINE)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_v15_3_1_only_what_is_needed_is_told(app: APIFlask) -> None:
    """No answer has a field that its reader needs not know: no hashes, no ids of sessions, nothing undeclared."""
    document = ask(app, "GET", "/openapi.json").json
    assert document is not None
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("additionalProperties") is not True, name
        told = [key for key in schema.get("properties", {}) if re.search(r"hash|password|salt", key)]
        assert told == [] or name in {"Credentials", "PasswordChange"}, name
    made = register(app, "alice")
    assert made.json is not None
    assert set(made.json) == {"user", "role", "csrf_token", "expires_at"}
    for secret in (cookie(made), cookie(made, DEVICE), PASSWORD):
        assert secret not in made.text
    hidden = re.compile(r"argon2|password_hash|token_hash")
    for one in (trader(app, "bob"), supervisor(app)):
        for method, path, _ in routes(app):
            if method == "GET" and not path.endswith("/events"):
                assert not hidden.search(one.ask("GET", path).text), path
