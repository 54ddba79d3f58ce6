"""ASVS 5.0.0, V6: authentication."""

import re
import unicodedata

import psycopg
import pytest
from apiflask import APIFlask

from core.limits import INITIAL_PASSWORD_MS, MAX_LOCKOUT_MS, MIN_PASSWORD_CHARACTERS
from stack.cli.supervisor import _PASSWORD_BYTES
from tests.conftest import Database
from tests.security.conftest import SteppedClock
from tests.security.peer import DEVICE, PASSWORD, ask, cookie, log_in, register, session_headers
from tests.security.sources import ROOT, client_files
from tests.unit.webclient.visitors import problem
from webclient import passwords
from webclient.accounts import put_supervisor
from webclient.lockout import OF_ADDRESS, OF_USER

NEW = "another good sentence"


def weak(app: APIFlask, password: str, user: str = "somebody") -> bool:
    """Whether a registration with that password is refused for it."""
    answer = ask(app, "POST", "/api/registration", {"user": user, "password": password})
    return problem(answer) == (422, "WEAK_PASSWORD") if answer.status_code != 201 else False


def change(app: APIFlask, headers: dict[str, str], now: str, new: str) -> int:
    """The status of an attempt to change the password."""
    body = {"current_password": now, "new_password": new}
    return ask(app, "PUT", "/api/password", body, **headers).status_code


def test_v6_1_1_how_guessing_is_made_slow_is_documented() -> None:
    """The documentation says how guessing is counted and slowed, how that is configured, and why nobody can lock others out."""
    page = (ROOT / "docs" / "security.md").read_text("utf-8")
    for fact in ("DAYTRADE_WEB_LOGIN_RATE", "device cookie", f"{OF_USER.free} failures", f"{OF_ADDRESS.free} failures",
                 f"{OF_USER.first_wait_ms // 1000} s", f"{MAX_LOCKOUT_MS // 60_000} minutes", "lock out others"):  # fmt: skip
        assert fact in page, fact


def test_v6_2_1_at_least_eight_characters(app: APIFlask) -> None:
    """A password has at least 8 characters."""
    assert MIN_PASSWORD_CHARACTERS == 8
    assert weak(app, "tR4!xz9")
    assert not weak(app, "tR4!xz9q")


def test_v6_2_2_users_can_change_their_password(app: APIFlask) -> None:
    """The new password is good from then on, the old one is not."""
    headers = session_headers(register(app, "alice"))
    assert change(app, headers, PASSWORD, NEW) == 204
    assert log_in(app, "alice", NEW).status_code == 200
    assert log_in(app, "alice").status_code == 401


def test_v6_2_3_a_change_needs_the_current_password(app: APIFlask) -> None:
    """Without the current password, or with a wrong one, nothing is changed."""
    headers = session_headers(register(app, "alice"))
    assert ask(app, "PUT", "/api/password", {"new_password": NEW}, **headers).status_code == 400
    assert change(app, headers, "not the password", NEW) == 403
    assert change(app, headers, "", NEW) == 400
    assert log_in(app, "alice").status_code == 200


def test_v6_2_4_common_passwords_are_refused(app: APIFlask) -> None:
    """At least the 3,000 most common passwords that are long enough are refused, at registration and at a change."""
    assert len(passwords._common()) > 3_000
    for common in ("password", "12345678", "iloveyou", "Password", "PASSWORD1", "trustno1", "qwertyuiop"):
        assert weak(app, common), common
    headers = session_headers(register(app, "alice"))
    assert change(app, headers, PASSWORD, "password1") == 422


@pytest.mark.parametrize(
    "password",
    [
        "abcdwxyz mnop",
        "73910284650918",
        "!?.,;:-_#+*~",
        "ñandú über čaj",
        "密码很长很长很长",
        "        a       b",
        "🦊🐻🐼🐨🦁🐯🐸🐙",
    ],
)
def test_v6_2_5_any_composition_will_do(app: APIFlask, password: str) -> None:
    """Letters of one kind, digits or signs alone, spaces, any script: there are no rules of composition."""
    register(app, "alice", password)
    assert log_in(app, "alice", password).status_code == 200


def password_fields() -> list[str]:
    """Every input of the page that takes a password, as its source has it."""
    fields = [
        field
        for path in client_files()
        for field in re.findall(
            r"<(?:TextField|input)\b[^>]*>", path.read_text("utf-8").replace("=>", "= "), re.DOTALL
        )
        if re.search(r"password", field)
    ]
    assert len(fields) >= 4
    return fields


def test_v6_2_6_password_fields_are_masked() -> None:
    """Every field for a password has type=password; one may be shown when its owner asks for it."""
    for field in password_fields():
        assert re.search(r"""\stype="password"|\s:type="\w+ \? 'text' : 'password'\"""", field), field


def test_v6_2_7_password_managers_and_paste_work() -> None:
    """The fields name themselves to password managers, and nothing keeps anybody from pasting."""
    for field in password_fields():
        assert re.search(r'autocomplete="(current|new)-password"', field), field
    for path in client_files():
        assert not re.search(r"@paste|onpaste|['\"]paste['\"]|@drop\.prevent", path.read_text("utf-8")), (
            path.name
        )


def test_v6_2_8_passwords_are_taken_exactly(app: APIFlask) -> None:
    """Not a character is cut off, folded, trimmed or normalised before a password is verified."""
    password = (" Ünïcode sentence " * 8)[:128]
    register(app, "alice", password)
    decomposed = unicodedata.normalize("NFD", password)
    assert decomposed != password
    for wrong in (password[:-1], password + "x", password.strip(), password.swapcase(), decomposed[:500]):
        assert log_in(app, "alice", wrong).status_code in {401, 429}
    with_device = register(app, "bob", password)
    device = f"{DEVICE}={cookie(with_device, DEVICE)}"
    assert log_in(app, "bob", password, Cookie=device).status_code == 200


def test_v6_3_1_guessing_is_slowed_down(app: APIFlask) -> None:
    """After five failures each further one doubles the wait, for the guesser; the owner's own browser is not affected."""
    device = f"{DEVICE}={cookie(register(app, 'alice'), DEVICE)}"
    answers = [log_in(app, "alice", f"guess number {n}") for n in range(OF_USER.free + 2)]
    codes = [problem(answer)[1] for answer in answers]
    assert codes == ["UNAUTHENTICATED"] * (OF_USER.free + 1) + ["LOCKED_OUT"]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= OF_USER.first_wait_ms // 1000
    assert problem(log_in(app, "alice"))[1] == "LOCKED_OUT", "the right password is not looked at either"
    assert log_in(app, "alice", Cookie=device).status_code == 200
    assert problem(log_in(app, "nobody"))[1] == "UNAUTHENTICATED", "others may still try from there"


def test_v6_3_1_one_address_cannot_try_many_users(app: APIFlask) -> None:
    """(The same:) one password tried on many users is counted by the address."""
    for n in range(OF_ADDRESS.free + 1):
        assert problem(log_in(app, f"user{n}"))[1] == "UNAUTHENTICATED"
    assert problem(log_in(app, "one-more"))[1] == "LOCKED_OUT"


def test_v6_3_2_there_are_no_default_accounts(database: Database) -> None:
    """A fresh system has no log-in at all."""
    with psycopg.connect(database.admin_url) as connection:
        assert connection.execute("SELECT count(*) FROM login").fetchone() == (0,)


def test_v6_4_1_made_up_passwords_are_random_and_end(
    app: APIFlask, database: Database, clock: SteppedClock
) -> None:
    """A password that the command line makes up is random, long enough, and good for one day unless its owner changes it."""
    assert _PASSWORD_BYTES * 8 >= 128
    source = (ROOT / "stack" / "cli" / "supervisor.py").read_text("utf-8")
    assert "secrets.token_urlsafe(_PASSWORD_BYTES)" in source
    assert "initial=not password_stdin" in source
    put_supervisor(database.admin_url, "boss", PASSWORD, initial=True)
    put_supervisor(database.admin_url, "chief", PASSWORD, initial=True)
    chief = session_headers(log_in(app, "chief"))
    assert change(app, chief, PASSWORD, NEW) == 204
    clock.step_ms = INITIAL_PASSWORD_MS + 1_000
    assert log_in(app, "boss").status_code == 401
    assert log_in(app, "chief", NEW).status_code == 200


def test_v6_4_2_no_hints_and_no_secret_questions(app: APIFlask) -> None:
    """Nothing in the API or the page knows of password hints or secret questions."""
    text = ask(app, "GET", "/openapi.json").text.lower()
    assert not re.search(r"password_hint|secret_question|security_question|mother", text)
    for path in client_files():
        assert not re.search(
            r"secret question|security question|password hint", path.read_text("utf-8").lower()
        )
