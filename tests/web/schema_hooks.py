"""What schemathesis cannot know: how to log in, and that a key is to be a new one each time."""

import itertools
import os
import re
import secrets
import zlib
from typing import Any

import requests
import schemathesis

from webclient.guard import COOKIE, CSRF_HEADER
from webclient.intake import KEY_HEADER
from webclient.keys import KEY_PATTERN

_keys = map("{}-{:08d}".format, itertools.repeat(secrets.token_hex(6)), itertools.count())
_LOG_OUT = ("DELETE", "/api/session")


@schemathesis.auth(refresh_interval=None)
class LogIn:
    """A session for each operation; log-out, which ends it, gets one each time."""

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], dict[str, str]] = {}

    def get(self, case: Any, context: Any) -> dict[str, str]:
        """The headers of a logged-in request."""
        operation = (case.operation.method.upper(), case.operation.path)
        if operation not in self._sessions or operation == _LOG_OUT:
            self._sessions[operation] = log_in()
        return self._sessions[operation]

    def set(self, case: Any, data: dict[str, str], context: Any) -> None:
        """Adds them."""
        case.headers = {**(case.headers or {}), **data}


def log_in() -> dict[str, str]:
    """Logs the user of this run in."""
    at = os.environ["SCHEMA_URL"]
    who = {"user": os.environ["SCHEMA_USER"], "password": os.environ["SCHEMA_PASSWORD"]}
    answer = requests.post(f"{at}api/session", json=who, timeout=30)
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
