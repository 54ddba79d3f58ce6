"""What the web tier is made of, put together in webclient.server (or by a test) and found again from every request."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app

from core.clock import Clock
from core.settings import Settings

if TYPE_CHECKING:
    from webclient.accounts import Accounts
    from webclient.hashing import Hashing
    from webclient.hub import Hub
    from webclient.lines import Lines
    from webclient.lockout import Lockout
    from webclient.sessions import Sessions
    from webclient.store import Pool
    from webclient.tiers import Tiers
    from webclient.valkey import Valkey

NAME = "daytrade"
"""Where the app keeps its parts, in `app.extensions`."""


@dataclass(frozen=True)
class Parts:
    """Everything that a request may need."""

    settings: Settings
    clock: Clock
    pool: "Pool"
    """Postgres, as the role daytrade_web; use webclient.store.connection."""
    valkey: "Valkey"
    secret: bytes
    """Key of the HMACs (CSRF tokens, device cookies)."""
    sessions: "Sessions"
    accounts: "Accounts"
    hashing: "Hashing"
    lockout: "Lockout"
    lines: "Lines"
    """The way to the load balancer; resources take webclient.trade."""
    hub: "Hub"
    """Everybody to whom events are streamed."""
    tiers: "Tiers"
    """All tiers' metrics."""


def parts() -> Parts:
    """The parts of the app that serves this request."""
    return cast(Parts, current_app.extensions[NAME])
