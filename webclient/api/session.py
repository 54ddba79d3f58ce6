"""Registration, log-in, log-out, and the change of one's password."""

from apiflask import APIBlueprint
from flask import Response, g
from msgspec import Struct

from core.errors import FORBIDDEN
from webclient import intake, passwords
from webclient.access import ANYONE, SIGNED_IN, TRADER, Identity, access, current
from webclient.guard import COOKIE
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
    password_hash = parts().hashing.hash(body.password)
    if not parts().accounts.register(body.user, password_hash):
        raise Problem(NAME_TAKEN)
    return _logged_in(body.user, TRADER, password_hash, 201)


@blueprint.post("/session")
@access(ANYONE, body=Credentials, gives=Session, refuses=(UNAUTHENTICATED, LOCKED_OUT, UNAVAILABLE))
def log_in(body: Credentials) -> Response:
    """Log in. The answer is the same whether the user is unknown, the password wrong, or the log-in disabled."""
    login = parts().accounts.find(body.user)
    right = parts().hashing.verify(login.password_hash if login else None, body.password)
    if login is None or not right or login.disabled:
        raise Problem(UNAUTHENTICATED, "The user name or the password is not right.")
    password_hash = login.password_hash
    if passwords.is_outdated(password_hash):
        password_hash = parts().hashing.hash(body.password)
        parts().accounts.set_rehashed(login, password_hash)
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
    response.set_cookie(COOKIE, "", max_age=0, path="/", secure=True, httponly=True, samesite="Strict")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@blueprint.put("/password")
@access(
    SIGNED_IN, body=PasswordChange, status=204, refuses=(FORBIDDEN, WEAK_PASSWORD, LOCKED_OUT, UNAVAILABLE)
)
def change_password(body: PasswordChange) -> Response:
    """Change one's password. All other sessions of the user end, and this one gets a new id."""
    identity = current()
    login = parts().accounts.find(identity.user)
    right = parts().hashing.verify(login.password_hash if login else None, body.current_password)
    if login is None or not right:
        raise Problem(FORBIDDEN, "The current password is not right.")
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
        raise Problem(UNAUTHENTICATED, "The user name or the password is not right.")
    response = intake.json_response(None if status == 204 else _described(identity), status)
    response.set_cookie(COOKIE, identity.token, path="/", secure=True, httponly=True, samesite="Strict")
    return response


def _described(identity: Identity | None) -> Session:
    if identity is None:
        return Session(None, None, None, None)
    return Session(identity.user, identity.role, csrf_token(parts().secret, identity), identity.expires_ms)
