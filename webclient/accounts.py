"""Log-ins in Postgres: who there is, by which password, as what. Works in and outside of the web tier."""

from typing import Final

import psycopg
from msgspec import Struct

from core.clock import Clock, SystemClock
from core.ids import is_user
from core.limits import INITIAL_PASSWORD_MS
from db import queries
from webclient import passwords
from webclient.store import Pool, connection

_SQL: Final = queries.load("web_accounts")


class Login(Struct, frozen=True):
    """Somebody who may log in."""

    user: str
    password_hash: str
    role: str
    disabled: bool
    initial_until_ms: int | None
    """Until when a password that was given, not chosen, is good for."""


class Accounts:
    """The table of log-ins. Every method raises Problem UNAVAILABLE when the database does not answer."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    def find(self, user: str) -> Login | None:
        """The log-in of that name."""
        with connection(self._pool) as one:
            row = one.execute(_SQL["find"], {"user": user}).fetchone()
        return Login(user, *row) if row else None

    def register(self, user: str, password_hash: str) -> bool:
        """A new trader; False when the name is taken, be it by a trading account alone."""
        return self._one("register", user=user, hash=password_hash, now=self._clock.now_ms())

    def set_password(self, login: Login, password_hash: str) -> bool:
        """False when somebody else has changed it since `login` was looked up."""
        return self._one(
            "set_password",
            user=login.user,
            hash=password_hash,
            old=login.password_hash,
            now=self._clock.now_ms(),
        )

    def set_rehashed(self, login: Login, password_hash: str) -> None:
        """The same password, hashed by newer parameters."""
        with connection(self._pool) as one:
            one.execute(
                _SQL["set_rehashed"], {"user": login.user, "hash": password_hash, "old": login.password_hash}
            )

    def set_disabled(self, user: str, disabled: bool) -> bool:
        """Whether there is such a log-in. Who disables somebody also ends their sessions (Sessions.end_others)."""
        return self._one("set_disabled", user=user, disabled=disabled)

    def _one(self, query: str, **arguments: object) -> bool:
        with connection(self._pool) as one:
            return one.execute(_SQL[query], arguments).fetchone() is not None


def put_supervisor(database_url: str, user: str, password: str, initial: bool = False) -> None:
    """Makes a supervisor, or gives an old one a new password and ends their sessions; for the command line, without a web tier.

    `database_url` is a libpq URL of an administrator, or of the role daytrade_web. An `initial` password was made up by a
    program: it is good for INITIAL_PASSWORD_MS, within which its owner has to change it. Raises psycopg.Error, and ValueError,
    in words for the operator, for a name or a password that will not do and for a name that is a trader's.
    """
    if not is_user(user) or user in {".", ".."}:
        raise ValueError("A user name has 1 to 64 letters, digits, dots, hyphens and underscores.")
    if complaint := passwords.complaint(password, user):
        raise ValueError(complaint)
    now = SystemClock().now_ms()
    until = now + INITIAL_PASSWORD_MS if initial else None
    arguments = {"user": user, "hash": passwords.hash_now(password), "now": now, "initial_until": until}
    with psycopg.connect(database_url) as one:
        if one.execute(_SQL["put_supervisor"], arguments).fetchone() is None:
            raise ValueError(f"{user} is a trader's name: choose another one for the supervisor.")
        one.execute(_SQL["sessions_ended"], {"user": user, "but": b""})
