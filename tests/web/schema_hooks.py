"""What schemathesis cannot know: how to log in, and that a key is to be a new one each time."""

import atexit
import itertools
import json
import os
import re
import secrets
import time
import zlib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import requests
import schemathesis

from webclient.guard import COOKIE, CSRF_HEADER
from webclient.intake import KEY_HEADER
from webclient.keys import KEY_PATTERN

_keys = map("{}-{:08d}".format, itertools.repeat(secrets.token_hex(6)), itertools.count())
_LOG_OUT: Final = ("DELETE", "/api/session")
_PASSWORD: Final = ("PUT", "/api/password")
_RENEW_S: Final = 600.0
"""An idle session ends after half an hour."""
_answers: defaultdict[str, Counter[int]] = defaultdict(Counter)
"""By operation: how often each status."""


@schemathesis.auth(refresh_interval=None)
class LogIn:
    """A session for each operation, a new one after a while; log-out, which ends it, gets one each time."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], tuple[float, dict[str, str]]] = {}

    def get(self, case: Any, context: Any) -> dict[str, str]:
        """The headers of a logged-in request."""
        operation = (case.operation.method.upper(), case.operation.path)
        since, headers = self._sessions.get(operation, (-_RENEW_S, {}))
        if operation == _LOG_OUT or time.monotonic() - since >= _RENEW_S:
            headers = session_of_somebody_new() if operation == _PASSWORD else session()
            self._sessions[operation] = (time.monotonic(), headers)
        return headers

    def set(self, case: Any, data: dict[str, str], context: Any) -> None:
        """Adds them."""
        case.headers = {**(case.headers or {}), **data}


def session() -> dict[str, str]:
    """A session of this run's user."""
    return _opened("session", os.environ["SCHEMA_USER"])


def session_of_somebody_new() -> dict[str, str]:
    """One of a new trader: who names a wrong password again and again is locked out, which is to be nobody else's trouble."""
    return _opened("registration", f"locked-{secrets.token_hex(8)}")


def _opened(resource: str, user: str) -> dict[str, str]:
    who = {"user": user, "password": os.environ["SCHEMA_PASSWORD"]}
    answer = requests.post(f"{os.environ['SCHEMA_URL']}api/{resource}", json=who, timeout=30)
    answer.raise_for_status()
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith(COOKIE)
    return {"Cookie": cookie, CSRF_HEADER: answer.json()["csrf_token"]}


@schemathesis.hook
def before_call(context: Any, case: Any, **options: Any) -> None:
    """A well-formed key becomes a new one, three times of four: one that was used with another body is answered REUSED_NUMBER."""
    key = (case.headers or {}).get(KEY_HEADER)
    if (
        isinstance(key, str)
        and re.search(KEY_PATTERN, key)
        and zlib.crc32(key.encode() + case.id.encode()) % 4
    ):
        case.headers[KEY_HEADER] = next(_keys)


@schemathesis.hook
def after_call(context: Any, case: Any, response: Any) -> None:
    """Counts what was answered."""
    _answers[f"{response.request.method} {case.operation.path}"][response.status_code] += 1


@atexit.register
def tell() -> None:
    """Leaves the counts for tests.web.schema."""
    if path := os.environ.get("SCHEMA_ANSWERS"):
        Path(path).write_text(json.dumps(_answers), "utf-8")
