"""Registration, log-in, log-out and the change of a password, through the application."""

import psycopg
import pytest
from apiflask import APIFlask
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from tests.conftest import Database
from tests.unit.webclient.visitors import problem
from webclient import passwords
from webclient.accounts import put_supervisor
from webclient.hashing import Hashing
from webclient.problems import UNAVAILABLE, Problem

PASSWORD = "correct horse battery"
NEW = "another good sentence"


@pytest.fixture
def client(app: APIFlask) -> FlaskClient:
    """A browser: it keeps cookies."""
    return app.test_client()


def credentials(user: str = "alice", password: str = PASSWORD) -> dict[str, str]:
    return {"user": user, "password": password}


def session(client: FlaskClient) -> dict[str, str]:
    shown = client.get("/api/session").json
    assert shown is not None
    return dict(shown)


def test_from_registration_to_log_out(client: FlaskClient) -> None:
    nobody = {"user": None, "role": None, "csrf_token": None, "expires_at": None}
    assert session(client) == nobody
    made = client.post("/api/registration", json=credentials())
    assert made.status_code == 201
    assert made.json == session(client)
    token = session(client)["csrf_token"]
    assert session(client)["user"] == "alice"
    assert session(client)["role"] == "trader"
    assert problem(client.delete("/api/session")) == (403, "CSRF")
    assert client.delete("/api/session", headers={"X-CSRF-Token": token}).status_code == 204
    assert session(client) == nobody
    assert problem(client.delete("/api/session")) == (401, "UNAUTHENTICATED")
    again = client.post("/api/session", json=credentials())
    assert (again.status_code, again.json) == (200, session(client))


def test_a_name_is_taken_by_a_log_in_or_an_account(client: FlaskClient, database: Database) -> None:
    client.post("/api/registration", json=credentials())
    assert problem(client.post("/api/registration", json=credentials(password=NEW))) == (409, "NAME_TAKEN")
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO account VALUES ('trader1', 1, 0, 0, 0, 0, '[]', '[]', 0, '')")
    assert problem(client.post("/api/registration", json=credentials("trader1"))) == (409, "NAME_TAKEN")
    assert client.post("/api/registration", json=credentials("Alice")).status_code == 201, (
        "case matters, as in the tiers"
    )


def test_the_same_answer_for_unknown_wrong_and_disabled(client: FlaskClient, database: Database) -> None:
    for user in ("alice", "closed"):
        client.post("/api/registration", json=credentials(user))
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("UPDATE login SET disabled = true WHERE username = 'closed'")
    answers = [
        client.post("/api/session", json=credentials(*one))
        for one in (("nobody", PASSWORD), ("alice", NEW), ("closed", PASSWORD))
    ]
    assert [problem(answer) for answer in answers] == [(401, "UNAUTHENTICATED")] * 3
    assert len({answer.data for answer in answers}) == 1
    assert [answer.headers.getlist("Set-Cookie") for answer in answers] == [[]] * 3


def test_the_same_work_for_unknown_and_wrong(app: APIFlask, monkeypatch: pytest.MonkeyPatch) -> None:
    """(Times are not measured here: what takes the time is counted.)"""
    client = app.test_client(use_cookies=False)
    client.post("/api/registration", json=credentials())
    verified: list[str] = []
    really = passwords.verify_now

    def count(password_hash: str, password: str) -> bool:
        verified.append(password_hash.rpartition("$")[0].rpartition("$")[0])
        return really(password_hash, password)

    monkeypatch.setattr(passwords, "verify_now", count)
    for user in ("nobody", "alice"):
        assert client.post("/api/session", json=credentials(user, NEW)).status_code == 401
    assert verified == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


def test_a_log_in_renews_an_old_hash(client: FlaskClient, database: Database) -> None:
    client.post("/api/registration", json=credentials())
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("UPDATE login SET password_hash = %s", (weak,))
    assert client.post("/api/session", json=credentials()).status_code == 200
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT password_hash FROM login").fetchone()
    assert row is not None
    assert row[0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert session(client)["user"] == "alice"
    assert client.post("/api/session", json=credentials()).status_code == 200


def test_a_change_of_password_ends_the_other_sessions(app: APIFlask, client: FlaskClient) -> None:
    client.post("/api/registration", json=credentials())
    elsewhere = app.test_client()
    elsewhere.post("/api/session", json=credentials())
    headers = {"X-CSRF-Token": session(client)["csrf_token"]}
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (
        problem(client.put("/api/password", json=body | {"new_password": "short"}, headers=headers))[0] == 422
    )
    assert session(elsewhere)["user"] == "alice"
    assert client.put("/api/password", json=body, headers=headers).status_code == 204
    assert session(client)["user"] == "alice"
    assert session(client)["csrf_token"] != headers["X-CSRF-Token"]
    assert session(elsewhere)["user"] is None


def test_guessing_the_current_password_is_slowed_down_too(client: FlaskClient) -> None:
    client.post("/api/registration", json=credentials())
    headers = {"X-CSRF-Token": session(client)["csrf_token"]}
    answers = [
        problem(
            client.put(
                "/api/password", json={"current_password": f"guess {n}", "new_password": NEW}, headers=headers
            )
        )
        for n in range(7)
    ]
    assert answers == [(403, "FORBIDDEN")] * 6 + [(429, "LOCKED_OUT")]
    assert session(client)["user"] == "alice"


def test_a_device_cookie_is_given_once(client: FlaskClient) -> None:
    first = client.post("/api/registration", json=credentials())
    again = client.post("/api/session", json=credentials())
    names = [
        [line.partition("=")[0] for line in answer.headers.getlist("Set-Cookie")] for answer in (first, again)
    ]
    assert names == [["__Host-daytrade", "__Host-daytrade-device"], ["__Host-daytrade"]]


def test_a_supervisor_is_made_outside(client: FlaskClient, database: Database) -> None:
    put_supervisor(database.admin_url, "boss", PASSWORD)
    client.post("/api/session", json=credentials("boss"))
    assert session(client)["role"] == "supervisor"
    put_supervisor(database.url("daytrade_web"), "boss", NEW)
    assert problem(client.post("/api/session", json=credentials("boss"))) == (401, "UNAUTHENTICATED")
    assert client.post("/api/session", json=credentials("boss", NEW)).status_code == 200
    client.post("/api/registration", json=credentials())
    for wrong in (
        ("alice", NEW),
        ("..", NEW),
        ("a b", NEW),
        ("chief", "short"),
        ("chief", "the chief's own"),
    ):
        with pytest.raises(ValueError, match=r"."):
            put_supervisor(database.admin_url, *wrong)


def test_hashing_is_bounded() -> None:
    hashing = Hashing(at_once=1, waiting=0)
    assert hashing.verify(hashing.hash(PASSWORD), PASSWORD)
    assert not hashing.verify(None, PASSWORD)
    hashing._asked = 1
    with pytest.raises(Problem) as caught:
        hashing.hash(PASSWORD)
    assert caught.value.code == UNAVAILABLE
