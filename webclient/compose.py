"""The composition root of a worker: connections are opened, parts made, and the application put around them."""

import os
import secrets
import sys
import threading
from typing import TYPE_CHECKING, Final

from core import log, serve
from core.clock import Clock, SystemClock
from core.limits import WEB_DATABASE_CONNECTIONS
from core.settings import Settings
from webclient.accounts import Accounts
from webclient.app import create_app
from webclient.hashing import Hashing
from webclient.hub import Hub
from webclient.lines import Lines
from webclient.lockout import Lockout
from webclient.metrics import LINE_SECONDS
from webclient.parts import Parts
from webclient.sessions import Rate, Sessions
from webclient.store import open_pool
from webclient.tiers import Tiers
from webclient.valkey import Valkey

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_MIN_SECRET_BYTES: Final = 16
_SECONDS_AT_ONCE: Final = 5
"""Requests that may come at once, as seconds of the rate."""


def compose(settings: Settings) -> "WSGIApplication":
    """The application of this worker. Raises ValueError when a setting is missing, OSError when a file cannot be read."""
    threading.excepthook = _die
    application = create_app(make_parts(settings, SystemClock()))
    serve.calm_memory()
    return application


def make_parts(settings: Settings, clock: Clock) -> Parts:
    """Everything that a request may need. Neither Postgres nor Valkey has to be there yet."""
    secret, lines = _secret(settings), _lines(settings, clock)
    pool = open_pool(settings.database_url, WEB_DATABASE_CONNECTIONS, settings.name)
    valkey = Valkey(settings.redis_url, settings.redis_password, clock)
    address, user = _rate(settings.web_address_rate), _rate(settings.web_user_rate)
    return Parts(
        settings=settings,
        clock=clock,
        pool=pool,
        valkey=valkey,
        secret=secret,
        sessions=Sessions(valkey, pool, clock, address, user),
        accounts=Accounts(pool, clock),
        hashing=Hashing(),
        lockout=Lockout(valkey, secret, settings.web_login_rate),
        lines=lines,
        hub=Hub(pool, clock),
        tiers=Tiers(settings.metrics_targets, clock),
    )


def _lines(settings: Settings, clock: Clock) -> Lines:
    if settings.balancer is None:
        raise ValueError("DAYTRADE_BALANCER is not set (HOST:PORT)")
    return Lines(settings.balancer, secrets.token_bytes(8), clock, LINE_SECONDS.observe)


def _rate(per_second: int) -> Rate:
    return Rate(1_000_000 // per_second, per_second * _SECONDS_AT_ONCE)


def _secret(settings: Settings) -> bytes:
    if settings.web_secret_file is None:
        raise ValueError("DAYTRADE_WEB_SECRET_FILE is not set")
    secret = settings.web_secret_file.read_bytes().strip()
    if len(secret) < _MIN_SECRET_BYTES:
        raise ValueError(f"the file of DAYTRADE_WEB_SECRET_FILE holds less than {_MIN_SECRET_BYTES} bytes")
    return secret


def _die(failure: threading.ExceptHookArgs) -> None:
    """A thread that raised is a bug: logged once, and the worker ends, to be replaced."""
    thread = failure.thread and failure.thread.name
    log.get_logger().error("thread died", thread=thread, exc_info=failure.exc_value)
    sys.stderr.flush()
    os._exit(70)
