"""Registration, log-in, log-out, and the change of one's password."""

from typing import Final

from apiflask import APIBlueprint
from flask import Response, g, request
from msgspec import Struct

from core.errors import FORBIDDEN
from webclient import intake, passwords
from webclient.access import ANYONE, SIGNED_IN, TRADER, Identity, access, current
from webclient.accounts import Login
from webclient.guard import COOKIE
from webclient.metrics import LOGINS
from webclient.parts import parts
from webclient.problems import (
    LOCKED_OUT,
    NAME_TAKEN,
    UNAUTHENTICATED,
    UNAVAILABLE,
    WEAK_PASSWORD,
    Problem,
)
from webclient.schemas import Milliseconds, Password, Taken, UserName
from webclient.sessions import csrf_token

blueprint = APIBlueprint("session", __name__, url_prefix="/api", tag="Session")

DEVICE_COOKIE: Final = "__Host-daytrade-device"
_DEVICE_LIFE_S: Final = 365 * 86_400
_WRONG: Final = "The user name or the password is not right."
_WRONG_NOW: Final = "The current password is not right."


class Credentials(Taken, frozen=True):
    """Who one is, and the proof."""

    user: UserName
    password: Password


class PasswordChange(Taken, frozen=True):
    """The password of now and the one to be."""

    current_password: Password
    new_password: Password


class Session(Struct, frozen=True):
    """Who is logged in; all null for nobody."""

    user: str | None
    role: str | None
    csrf_token: str | None
    """To be sent as X-CSRF-Token with every POST, PUT, PATCH and DELETE."""
    expires_at: Milliseconds | None


@blueprint.post("/registration")
@access(ANYONE, body=Credentials, gives=Session, status=201, refuses=(NAME_TAKEN, WEAK_PASSWORD, UNAVAILABLE))
def register(body: Credentials) -> Response:
    """Become a trader, and be logged in."""
    if complaint := passwords.complaint(body.password, body.user):
        raise Problem(WEAK_PASSWORD, complaint, errors={"password": [complaint]})
    parts().lockout.register(_address())
    password_hash = parts().hashing.hash(body.password)
    if not parts().accounts.register(body.user, password_hash):
        raise Problem(NAME_TAKEN)
    LOGINS.labels("registered").inc()
    return _logged_in(body.user, TRADER, password_hash, 201)


@blueprint.post("/session")
@access(ANYONE, body=Credentials, gives=Session, refuses=(UNAUTHENTICATED, LOCKED_OUT, UNAVAILABLE))
def log_in(body: Credentials) -> Response:
    """Log in. The answer is the same whether the user is unknown, the password wrong, or the log-in disabled."""
    attempt = parts().lockout.attempt(body.user, _address(), request.cookies.get(DEVICE_COOKIE))
    login = parts().accounts.find(body.user)
    right = parts().hashing.verify(login.password_hash if login else None, body.password)
    if login is None or not right or login.disabled or _is_over(login):
        LOGINS.labels("refused").inc()
        raise Problem(UNAUTHENTICATED, _WRONG)
    parts().lockout.succeeded(attempt)
    password_hash = login.password_hash
    if passwords.is_outdated(password_hash):
        password_hash = parts().hashing.hash(body.password)
        parts().accounts.set_rehashed(login, password_hash)
    LOGINS.labels("logged_in").inc()
    return _logged_in(login.user, login.role, password_hash, 200)


@blueprint.get("/session")
@access(ANYONE, gives=Session)
def show_session() -> Session:
    """Who is logged in; for nobody every field is null."""
    return _described(g.identity)


@blueprint.delete("/session")
@access(SIGNED_IN, status=204, refuses=(UNAVAILABLE,))
def log_out() -> Response:
    """Log out: the session ends here and everywhere."""
    parts().sessions.end(current())
    response = intake.json_response(None, 204)
    _set_cookie(response, COOKIE, "", 0)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@blueprint.put("/password")
@access(
    SIGNED_IN, body=PasswordChange, status=204, refuses=(FORBIDDEN, WEAK_PASSWORD, LOCKED_OUT, UNAVAILABLE)
)
def change_password(body: PasswordChange) -> Response:
    """Change one's password. All other sessions of the user end, and this one gets a new id."""
    identity = current()
    attempt = parts().lockout.attempt_inside(identity.user, _address())
    login = parts().accounts.find(identity.user)
    right = parts().hashing.verify(login.password_hash if login else None, body.current_password)
    if login is None or not right:
        raise Problem(FORBIDDEN, _WRONG_NOW, errors={"current_password": [_WRONG_NOW]})
    parts().lockout.succeeded(attempt)
    if complaint := passwords.complaint(body.new_password, identity.user):
        raise Problem(WEAK_PASSWORD, complaint, errors={"new_password": [complaint]})
    password_hash = parts().hashing.hash(body.new_password)
    if not parts().accounts.set_password(login, password_hash):
        raise Problem(FORBIDDEN, "The password was changed elsewhere at the same moment.")
    parts().sessions.end_others(identity.user)
    return _logged_in(identity.user, identity.role, password_hash, 204)


def _logged_in(user: str, role: str, password_hash: str, status: int) -> Response:
    """The response that carries the cookie of a new session; the one that the request came with ends."""
    if g.identity is not None:
        parts().sessions.end(g.identity)
    identity = parts().sessions.start(user, role, password_hash)
    if identity is None:
        raise Problem(UNAUTHENTICATED, _WRONG)
    response = intake.json_response(None if status == 204 else _described(identity), status)
    _set_cookie(response, COOKIE, identity.token)
    if not parts().lockout.is_device(user, request.cookies.get(DEVICE_COOKIE)):
        _set_cookie(response, DEVICE_COOKIE, parts().lockout.new_device(user), _DEVICE_LIFE_S)
    return response


def _is_over(login: Login) -> bool:
    """Whether the password was one for the first log-in, which came too late."""
    return login.initial_until_ms is not None and login.initial_until_ms <= parts().clock.now_ms()


def _set_cookie(response: Response, name: str, value: str, life_s: int | None = None) -> None:
    """A cookie that no script and no other site gets at. Without a life it ends with the browser."""
    response.set_cookie(name, value, life_s, path="/", secure=True, httponly=True, samesite="Strict")


def _address() -> str:
    return request.remote_addr or ""


def _described(identity: Identity | None) -> Session:
    if identity is None:
        return Session(None, None, None, None)
    return Session(identity.user, identity.role, csrf_token(parts().secret, identity), identity.expires_ms)
