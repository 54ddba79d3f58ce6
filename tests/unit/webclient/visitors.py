"""People who are logged in to the web client, for tests of what is behind the log-in."""

from typing import Any

from apiflask import APIFlask
from werkzeug.test import TestResponse

from core.settings import Settings
from webclient.access import SUPERVISOR_ROLE, TRADER, Identity
from webclient.guard import COOKIE, CSRF_HEADER
from webclient.parts import NAME, Parts
from webclient.sessions import csrf_token

_HASH = "no password has this hash"


class Visitor:
    """Somebody with a session; `ask` is a request of theirs, `token` what the cookie holds."""

    def __init__(self, app: APIFlask, user: str, role: str = TRADER) -> None:
        self.parts: Parts = app.extensions[NAME]
        self.user = user
        self._client = app.test_client(use_cookies=False)
        self.identity = self._log_in(role)
        self.headers = {
            "Cookie": f"{COOKIE}={self.identity.token}",
            CSRF_HEADER: csrf_token(self.parts.secret, self.identity),
        }

    def _log_in(self, role: str) -> Identity:
        now_ms = self.parts.clock.now_ms()
        with self.parts.pool.connection() as one:
            one.execute(
                "INSERT INTO login (username, password_hash, role, created_ms, password_changed_ms)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (self.user, _HASH, role, now_ms, now_ms),
            )
        identity = self.parts.sessions.start(self.user, role, _HASH)
        assert identity is not None
        return identity

    def ask(self, method: str, path: str, **options: Any) -> TestResponse:
        """A request, with this session's cookie and CSRF token."""
        return self._client.open(path, method=method, headers=self.headers, **options)

    def get(self, path: str, **query: Any) -> Any:
        """The JSON that a GET gives, which must succeed."""
        response = self.ask("GET", path, query_string=query)
        assert response.status_code == 200, response.text
        return response.json


def problem(response: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert response.mimetype == "application/problem+json", response.text
    assert response.json is not None
    return response.status_code, response.json["code"]


def trader(app: APIFlask, user: str) -> Visitor:
    """A trader."""
    return Visitor(app, user)


def supervisor(app: APIFlask, user: str = "boss") -> Visitor:
    """A supervisor."""
    return Visitor(app, user, SUPERVISOR_ROLE)


def generous(settings: Settings) -> Settings:
    """The same settings, with rate limits that no test meets."""
    return settings.model_copy(update={"web_user_rate": 100_000, "web_address_rate": 100_000})
