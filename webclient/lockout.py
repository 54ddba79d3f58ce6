"""Guessing of passwords made slow, without locking out who knows theirs (OWASP, "Slow down online guessing with device cookies").

Who has logged in from a browser before carries a device cookie, good for that user only. Failures are counted

- with a valid device cookie: for that user on that device, and nowhere else;
- without: for that user from that address, and for that address over all users.

So whoever guesses locks out themselves: their address, and on that address only those who have never logged in from there. The
first failures are free, each further one doubles the wait. An attempt counts as a failure until it has succeeded.
When Valkey, which counts, does not answer, nobody gets in: a guess that is not counted is not let through.
"""

import hashlib
import hmac
import ipaddress
import secrets
from functools import lru_cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from core.errors import Unavailable
from core.limits import LOCKOUT_MEMORY_MS, MAX_LOCKOUT_MS
from webclient.metrics import LIMITED, LOGINS
from webclient.problems import LOCKED_OUT, RATE_LIMITED, UNAVAILABLE, Problem
from webclient.sessions import Rate
from webclient.valkey import Argument, Script, Valkey

_SCRIPT: Final = Path(__file__).with_name("lockout.lua")
_NONCE_BYTES: Final = 16
_SEPARATOR: Final = "."


class Bound(Struct, frozen=True):
    """So many failures are free; the next one costs so long a wait, each after it twice the one before."""

    free: int
    first_wait_ms: int


OF_USER: Final = Bound(5, 30_000)
"""Of one user, on one device or from one address."""
OF_ADDRESS: Final = Bound(50, 60_000)
"""Of one address over all users that have no device cookie: several people may sit behind it."""


class Attempt(Struct, frozen=True):
    """One that was counted."""

    own: str
    """Count of this user here; forgotten when the attempt succeeds."""
    shared: str | None
    """Count of the address; goes back by one."""


class Lockout:
    """Counts attempts to log in."""

    def __init__(self, valkey: Valkey, secret: bytes, per_minute: int) -> None:
        """`per_minute`: attempts of one address, all users together, failed or not."""
        self._valkey = valkey
        self._secret = secret
        self._rate = Rate(60_000_000 // per_minute, per_minute)
        self._script = Script(valkey, _SCRIPT)

    def attempt(self, user: str, address: str, cookie: str | None) -> Attempt:
        """To be called before a password is looked at. Raises Problem LOCKED_OUT, RATE_LIMITED, UNAVAILABLE."""
        network = network_of(address)
        device = self._device(user, cookie)
        if device:
            attempt = Attempt(f"web:failures:{user}:device:{device}", None)
        else:
            attempt = Attempt(f"web:failures:{user}:address:{network}", f"web:failures:address:{network}")
        self._count(network, attempt)
        return attempt

    def attempt_inside(self, user: str, address: str) -> Attempt:
        """The same for somebody who is logged in and proves again who they are. Raises as `attempt`."""
        attempt = Attempt(f"web:failures:{user}:inside", None)
        self._count(network_of(address), attempt)
        return attempt

    def register(self, address: str) -> None:
        """Counts a registration among the address's log-ins. Raises Problem RATE_LIMITED, UNAVAILABLE."""
        self._count(network_of(address), None)

    def succeeded(self, attempt: Attempt) -> None:
        """Takes back what `attempt` counted. Raises Problem UNAVAILABLE."""
        try:
            undo: list[tuple[Argument, ...]] = [("MULTI",), ("DEL", attempt.own)]
            if attempt.shared:
                undo += [("HINCRBY", attempt.shared, "count", -1), ("HDEL", attempt.shared, "until")]
            self._valkey.calls(*undo, ("EXEC",))
        except Unavailable as error:
            raise _away() from error

    def new_device(self, user: str) -> str:
        """A device cookie for somebody who has just logged in."""
        nonce = secrets.token_urlsafe(_NONCE_BYTES)
        return f"{nonce}{_SEPARATOR}{self._proof(user, nonce)}"

    def is_device(self, user: str, cookie: str | None) -> bool:
        """Whether that is a device cookie of that user."""
        return self._device(user, cookie) is not None

    def _device(self, user: str, cookie: str | None) -> str | None:
        nonce, _, proof = (cookie or "").partition(_SEPARATOR)
        known = hmac.compare_digest(proof.encode(), self._proof(user, nonce).encode())
        return nonce if known else None

    def _proof(self, user: str, nonce: str) -> str:
        return hmac.new(self._secret, f"device:{user}:{nonce}".encode(), hashlib.sha256).hexdigest()

    def _count(self, network: str, attempt: Attempt | None) -> None:
        counts = [(attempt.own, OF_USER)] if attempt else []
        if attempt and attempt.shared:
            counts.append((attempt.shared, OF_ADDRESS))
        keys = [f"web:logins:{network}", *[key for key, _ in counts]]
        bounds = [number for _, bound in counts for number in (bound.free, bound.first_wait_ms)]
        arguments: list[Argument] = [
            self._rate.each_us,
            self._rate.burst,
            LOCKOUT_MEMORY_MS,
            MAX_LOCKOUT_MS,
            *bounds,
        ]
        try:
            wait_us, locked_ms = self._script(keys, arguments)
        except Unavailable as error:
            raise _away() from error
        if locked_ms:
            LOGINS.labels("locked_out").inc()
            raise Problem(LOCKED_OUT, retry_after_s=-(-locked_ms // 1000))
        if wait_us:
            LIMITED.labels("login").inc()
            raise Problem(RATE_LIMITED, retry_after_s=-(-wait_us // 1_000_000))


@lru_cache(10_000)
def network_of(address: str) -> str:
    """What counts as one sender: an IPv4 address; of IPv6 the /64, which is what one customer is given."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        mapped = parsed.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _away() -> Problem:
    return Problem(UNAVAILABLE, "Nobody can log in at the moment.")
