"""ASVS 5.0.0, V7: session management."""

import hashlib
import re

import psycopg
from apiflask import APIFlask

from core.limits import WEB_SESSION_IDLE_MS, WEB_SESSION_LIFE_MS, WEB_SESSION_SEEN_MS
from tests.conftest import Database
from tests.security.conftest import SteppedClock
from tests.security.peer import COOKIE, PASSWORD, ask, cookie, log_in, register, session_headers, whose
from tests.security.sources import ROOT
from tests.unit.webclient.visitors import problem, supervisor


def test_v7_2_1_sessions_are_verified_by_the_server(app: APIFlask) -> None:
    """Only an id that the server itself gave out stands for somebody; nothing else in a request does."""
    token = cookie(register(app, "alice"))
    assert whose(app, token) == "alice"
    other = ("A" if token[0] != "A" else "B") + token[1:]
    for forged in (
        other,
        token[:-1],
        token + "A",
        token.swapcase(),
        "alice",
        "",
        "a" * 43,
        "\x00" * 43,
        token + "; user=alice",
    ):
        assert whose(app, forged) in ({None} if forged != token + "; user=alice" else {"alice"}), forged
    named = {
        "X_User": "alice",
        "X_Forwarded_User": "alice",
        "Authorization": f"Bearer {token}",
        "Remote_User": "alice",
    }
    assert problem(ask(app, "GET", "/api/users/alice/account", **named)) == (401, "UNAUTHENTICATED")
    assert problem(ask(app, "GET", f"/api/users/alice/watchlist?{COOKIE}={token}"))[0] == 401


def test_v7_2_2_ids_are_made_for_each_session(app: APIFlask, database: Database) -> None:
    """Each log-in gets an id of its own, and no fixed key opens anything: the database knows only the ids' SHA-256."""
    tokens = {cookie(register(app, "alice"))} | {cookie(log_in(app, "alice")) for _ in range(3)}
    assert len(tokens) == 4
    with psycopg.connect(database.admin_url) as connection:
        stored = {bytes(row[0]) for row in connection.execute("SELECT token_hash FROM web_session")}
        everything = str(connection.execute("SELECT * FROM web_session").fetchall())
    assert stored == {hashlib.sha256(token.encode()).digest() for token in tokens}
    assert not any(token in everything for token in tokens)


def test_v7_2_3_ids_are_random(app: APIFlask) -> None:
    """An id has 256 bits of the operating system's random numbers."""
    source = (ROOT / "webclient" / "sessions.py").read_text("utf-8")
    assert "secrets.token_urlsafe(32)" in source
    tokens = [cookie(register(app, "alice")), *[cookie(log_in(app, "alice")) for _ in range(9)]]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)
    assert len({token[:6] for token in tokens}) == len(tokens)


def test_v7_2_4_proving_who_one_is_gives_a_new_id(app: APIFlask) -> None:
    """A log-in from within a session, and a change of password, give a new id and end the one before."""
    first = cookie(register(app, "alice"))
    second = cookie(log_in(app, "alice", Cookie=f"{COOKIE}={first}"))
    assert second not in {"", first}
    assert (whose(app, first), whose(app, second)) == (None, "alice")
    fixed = "A" * 43
    assert cookie(log_in(app, "alice", Cookie=f"{COOKIE}={fixed}")) != fixed
    shown = ask(app, "GET", "/api/session", Cookie=f"{COOKIE}={second}").json
    assert shown is not None
    headers = {"Cookie": f"{COOKIE}={second}", "X_CSRF_Token": shown["csrf_token"]}
    change = {"current_password": PASSWORD, "new_password": "another good sentence"}
    third = cookie(ask(app, "PUT", "/api/password", change, **headers))
    assert third not in {"", second}
    assert (whose(app, second), whose(app, third)) == (None, "alice")


def test_v7_4_1_what_has_ended_stays_ended(app: APIFlask, clock: SteppedClock) -> None:
    """After log-out, after 30 idle minutes and after 12 hours the id is good for nothing."""
    made = register(app, "alice")
    assert ask(app, "DELETE", "/api/session", **session_headers(made)).status_code == 204
    assert whose(app, cookie(made)) is None
    idle, busy = cookie(log_in(app, "alice")), cookie(log_in(app, "alice"))
    for _ in range(WEB_SESSION_LIFE_MS // (WEB_SESSION_IDLE_MS // 2) - 1):
        clock.step_ms += WEB_SESSION_IDLE_MS // 2
        assert whose(app, busy) == "alice"
    clock.step_ms += WEB_SESSION_IDLE_MS // 2
    assert whose(app, busy) is None, "12 hours are over"
    assert whose(app, idle) is None


def test_v7_4_1_idle_sessions_end(app: APIFlask, clock: SteppedClock) -> None:
    """(The same:) half an hour without a request, seen by the server's own clock."""
    token = cookie(register(app, "alice"))
    clock.step_ms = WEB_SESSION_IDLE_MS + WEB_SESSION_SEEN_MS
    assert whose(app, token) is None
    clock.step_ms = 0
    assert cookie(log_in(app, "alice")) != token


def test_v7_4_2_disabling_somebody_ends_their_sessions(app: APIFlask) -> None:
    """All sessions of somebody whom a supervisor disables end at once, and no new one begins."""
    tokens = [cookie(register(app, "alice")), cookie(log_in(app, "alice"))]
    bystander = cookie(register(app, "bob"))
    boss = supervisor(app)
    assert boss.ask("PATCH", "/api/supervisor/users/alice", json={"disabled": True}).status_code == 200
    assert [whose(app, token) for token in tokens] == [None, None]
    assert problem(log_in(app, "alice")) == (401, "UNAUTHENTICATED")
    assert whose(app, bystander) == "bob"
    assert boss.ask("PATCH", "/api/supervisor/users/alice", json={"disabled": False}).status_code == 200
    assert [whose(app, token) for token in tokens] == [None, None]
    assert log_in(app, "alice").status_code == 200
