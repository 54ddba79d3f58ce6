"""Somebody at the web API of a running stack, by plain HTTP with a connection for each thread that speaks for him."""

import http.client
import itertools
import json
import secrets
import threading
import time
from collections import Counter
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

PASSWORD: Final = "correct horse battery staple"
_TIMEOUT_S: Final = 40.0
_PATIENCE_S: Final = 60.0


class Answer(NamedTuple):
    """One response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def problem(self) -> tuple[int, str]:
        """Status and code of a refusal."""
        assert self.headers.get_content_type() == "application/problem+json", self.body
        return self.status, self.json["code"]


class Visitor:
    """Registers as a new trader (or logs in, where `password` says so) and sends requests."""

    def __init__(self, address: str, user: str, log_in: str | None = None) -> None:
        """`address`: what the stack's state says of its web client, http://HOST:PORT/."""
        self.address = address
        self._at = urlsplit(address)
        self._local = threading.local()
        self._keys = map("{:08d}-{}".format, itertools.count(), itertools.repeat(secrets.token_hex(4)))
        self.user = user
        self.headers: dict[str, str] = {}
        made = self.send(
            "POST",
            "/api/session" if log_in else "/api/registration",
            {"user": user, "password": log_in or PASSWORD},
        )
        assert made.status in {200, 201}, made
        self.headers = {
            "Cookie": made.headers["Set-Cookie"].partition(";")[0],
            "X-CSRF-Token": made.json["csrf_token"],
        }

    def own(self, method: str, path: str, body: object = None, key: str | None = None) -> Answer:
        """A request to a resource of this user; commands get a new key unless told one."""
        if method != "GET":
            key = key or next(self._keys)
        return self.send(method, f"/api/users/{self.user}/{path}", body, key)

    def deposit(self, amount: str, key: str | None = None) -> Answer:
        return self.own("POST", "deposits", {"amount": amount}, key)

    def order(self, side: str, symbol: str, amount: str, key: str | None = None) -> Answer:
        """`side` is buys or sells."""
        return self.own("POST", side, {"symbol": symbol, "amount": amount}, key)

    def account(self) -> Any:
        found = self.insist("GET", "account", None, "")
        assert found.status == 200, found
        return found.json

    def send(self, method: str, path: str, body: object = None, key: str | None = None) -> Answer:
        """One request. Raises OSError or HTTPException when the connection fails: then nobody knows what became of it."""
        headers = dict(self.headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = self._connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            raise

    def insist(
        self, method: str, path: str, body: object, key: str, failures: "Counter[str] | None" = None
    ) -> Answer:
        """Sends it again, with the same key, until there is a final answer. Raises AssertionError when that takes too long.

        `failures` counts answers that were `lost`, and those that were `busy` (5xx).
        """
        failures = Counter() if failures is None else failures
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            try:
                answer = self.own(method, path, body, key)
            except (OSError, http.client.HTTPException):
                failures["lost"] += 1
            else:
                if answer.status < 500:
                    return answer
                failures["busy"] += 1
            time.sleep(0.02)
        raise AssertionError(f"{self.user} got no final answer to {method} {path} with {key}: {failures}")

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            assert self._at.hostname is not None
            connection = http.client.HTTPConnection(
                self._at.hostname, self._at.port or 80, timeout=_TIMEOUT_S
            )
            self._local.connection = connection
        return connection
