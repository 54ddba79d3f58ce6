"""Server-side sessions: in Valkey, one round trip a request, with a lasting copy in Postgres.

A session's id is 256 random bits and is stored nowhere: both places know its SHA-256. It ends 30 minutes after the last request,
12 hours after the log-in, at log-out, and with a change of password or when the user is disabled. The copy is renewed once
a minute at most; where Valkey is away, or has lost what it knew, the copy decides. A change that reaches Postgres but not Valkey
(which did not answer) is found out at the next renewal: a minute later at most.
"""

import contextlib
import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Final

from msgspec import Struct

from core.clock import Clock
from core.errors import Unavailable
from core.limits import (
    WEB_SESSION_IDLE_MS,
    WEB_SESSION_LIFE_MS,
    WEB_SESSION_SEEN_MS,
)
from db import queries
from webclient.access import Identity
from webclient.problems import Problem
from webclient.store import Pool, connection
from webclient.valkey import Script, Valkey

_SQL: Final = queries.load("web_accounts")
_SCRIPT: Final = Path(__file__).with_name("sessions.lua")
_PREFIX: Final = "web:session:"
_TOKEN_CHARACTERS: Final = 43
"""256 bits in base64url."""


class Rate(Struct, frozen=True):
    """So many requests a second, and so many at once."""

    each_us: int
    burst: int


class Visit(Struct, frozen=True):
    """What is known of a request's sender."""

    identity: Identity | None
    address_wait_us: int = 0
    """For so long the address may send nothing more; 0 when it may."""
    user_wait_us: int = 0


class Sessions:
    """Starts, finds and ends sessions."""

    def __init__(self, valkey: Valkey, pool: Pool, clock: Clock, address: Rate, user: Rate) -> None:
        self._valkey = valkey
        self._pool = pool
        self._clock = clock
        self._rates = (address.each_us, address.burst, user.each_us, user.burst)
        self._script = Script(valkey, _SCRIPT)

    def visit(self, token: str | None, address: str) -> Visit:
        """Counts a request from that address, and of the session's user if there is one. Raises Problem UNAVAILABLE.

        While Valkey is away nothing is counted: requests are let through.
        """
        digest = token_digest(token) if token is not None and len(token) == _TOKEN_CHARACTERS else None
        try:
            return self._visit(token, digest, address)
        except Unavailable:
            if token is None or digest is None:
                return Visit(None)
            return Visit(self._from_copy(token, digest, renew=True))

    def _visit(self, token: str | None, digest: bytes | None, address: str) -> Visit:
        now = self._clock.now_ms()
        keys = [_key(digest) if digest else "", f"web:address:{address}"]
        times = (now, WEB_SESSION_IDLE_MS, WEB_SESSION_SEEN_MS)
        answer = self._script(keys, [*times, *self._rates, "web:user:"])
        address_wait, user, role, expires, due, user_wait = answer
        if address_wait or token is None or digest is None:
            return Visit(None, address_wait)
        if not user:
            identity = self._from_copy(token, digest, renew=False)
            if identity is not None:
                self._try_remember(digest, identity, now)
            return Visit(identity)
        if due and not self._renewed(digest, now):
            self._forget([digest])
            return Visit(None)
        return Visit(Identity(user.decode(), role.decode(), token, expires), 0, user_wait)

    def start(self, user: str, role: str, password_hash: str) -> Identity | None:
        """A new session; None when the user was disabled, or the password changed, since it was looked up. Raises Problem."""
        now = self._clock.now_ms()
        identity = Identity(user, role, secrets.token_urlsafe(32), now + WEB_SESSION_LIFE_MS)
        digest = token_digest(identity.token)
        arguments = {"user": user, "hash": password_hash, "token": digest, "now": now,
                     "idle": now - WEB_SESSION_IDLE_MS, "expires": identity.expires_ms}  # fmt: skip
        with connection(self._pool) as one:
            if one.execute(_SQL["session_started"], arguments).fetchone() is None:
                return None
        self._try_remember(digest, identity, now)
        return identity

    def end(self, identity: Identity) -> None:
        """Ends this session. Raises Problem."""
        digest = token_digest(identity.token)
        with connection(self._pool) as one:
            one.execute(_SQL["session_ended"], {"token": digest})
        self._forget([digest])

    def end_others(self, user: str, but: Identity | None = None) -> None:
        """Ends all sessions of the user, or all but one. Raises Problem."""
        kept = token_digest(but.token) if but else b""
        with connection(self._pool) as one:
            rows = one.execute(_SQL["sessions_ended"], {"user": user, "but": kept}).fetchall()
        self._forget([bytes(row[0]) for row in rows])

    def _renewed(self, digest: bytes, now: int) -> bool:
        """Whether the copy still knows the session; while Postgres is away it is taken to."""
        try:
            with connection(self._pool) as one:
                return one.execute(_SQL["session_seen"], {"token": digest, "now": now}).fetchone() is not None
        except Problem:
            return True

    def _from_copy(self, token: str, digest: bytes, renew: bool) -> Identity | None:
        now = self._clock.now_ms()
        arguments = {"token": digest, "now": now, "idle": now - WEB_SESSION_IDLE_MS}
        with connection(self._pool) as one:
            row = one.execute(_SQL["session_find"], arguments).fetchone()
            if row is None:
                return None
            user, role, expires, seen = row
            if renew and now - seen >= WEB_SESSION_SEEN_MS:
                one.execute(_SQL["session_seen"], {"token": digest, "now": now})
        return Identity(user, role, token, expires)

    def _try_remember(self, digest: bytes, identity: Identity, now: int) -> None:
        """The copy is enough: whoever does not find the session in Valkey looks there."""
        key = _key(digest)
        fields = ("user", identity.user, "role", identity.role, "end", identity.expires_ms, "copied", now)
        with contextlib.suppress(Unavailable):
            self._valkey.calls(
                ("MULTI",), ("HSET", key, *fields), ("PEXPIRE", key, WEB_SESSION_IDLE_MS), ("EXEC",)
            )

    def _forget(self, digests: list[bytes]) -> None:
        """What Valkey does not hear now, it is told when the session is renewed."""
        if digests:
            with contextlib.suppress(Unavailable):
                self._valkey.call("DEL", *map(_key, digests))


def csrf_token(secret: bytes, identity: Identity) -> str:
    """What an unsafe request of this session has to show: only a page of ours can know it."""
    return hmac.new(secret, b"csrf:" + identity.token.encode(), hashlib.sha256).hexdigest()


def token_digest(token: str) -> bytes:
    """What both places know of a session's id."""
    return hashlib.sha256(token.encode()).digest()


def _key(digest: bytes) -> str:
    return _PREFIX + digest.hex()
