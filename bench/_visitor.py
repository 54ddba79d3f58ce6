"""A user of the web client for Locust: registered once, with the event stream that a page holds open, and every answer checked.

Imported under Locust only, which patches the standard library for gevent before.
"""

import random
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import gevent
import msgspec
from gevent.socket import create_connection
from locust.contrib.fasthttp import FastHttpUser
from locust.exception import RescheduleTask, StopUser

from bench._books import Books, Reply
from bench._course import arrived
from bench._traders import PASSWORD, symbol
from core.money import format_cents
from core.settings import Address

DEPOSIT_CENTS: Final = 10**11
_SILENCE_S: Final = 25.0
"""A stream has a heartbeat every 10 s."""
_LIMITED: Final = 429
_REPEATED: Final = 0.02
"""So many commands are sent once more with the same key."""
_TRIES: Final = 100
Check = Callable[[Reply], str]
"""A complaint about an answer; empty when it is right."""


class Visitor(FastHttpUser):
    """A trader with a page open."""

    abstract = True
    network_timeout = 60.0

    def __init__(self, environment: Any) -> None:
        self.host = str(self.host or environment.host or "").rstrip("/")
        super().__init__(environment)

    def on_start(self) -> None:
        """Registers, puts money in, opens the page's event stream."""
        self.user_name = f"load-{secrets.token_hex(6)}"
        self.books = Books()
        self._headers: dict[str, str] = {}
        self._listener: gevent.Greenlet[..., None] | None = None
        self.page("/", "/")
        self._register()
        self.command(
            "POST", "/deposits", {"amount": format_cents(DEPOSIT_CENTS)},
            lambda reply: self.books.deposited(DEPOSIT_CENTS, reply), status=201,
        )  # fmt: skip
        self._listener = gevent.spawn(self._listen)
        arrived.add(self.user_name)

    def on_stop(self) -> None:
        """Closes the stream."""
        arrived.discard(self.user_name)
        if self._listener is not None:
            self._listener.kill()

    def any_symbol(self) -> str:
        """One that others ask for, too."""
        return symbol(random.randrange(50))

    def read(self, path: str, check: Check, name: str = "", own: bool = True) -> Reply | None:
        """GET under the user's own path (or /api). None when the answer was not right."""
        base = f"/api/users/{self.user_name}" if own else "/api"
        shown = ("/api/users/…" if own else "/api") + (name or path)
        return self._ask("GET", base + path, shown, None, {}, 200, frozenset(), check)

    def command(
        self,
        method: str,
        path: str,
        body: dict[str, str] | None,
        check: Check,
        name: str = "",
        status: int = 200,
        refusals: frozenset[str] = frozenset(),
    ) -> Reply | None:
        """A command with a new key. None when it was refused with one of those codes, or the answer was not right."""
        headers = {"Idempotency-Key": secrets.token_hex(12)}
        url, shown = f"/api/users/{self.user_name}{path}", "/api/users/…" + (name or path)
        reply = self._ask(method, url, shown, body, headers, status, refusals, check)
        if reply is not None and random.random() < _REPEATED:
            same = lambda again: "" if again == reply else f"{reply}, then {again}"  # noqa: E731
            self._ask(method, url, f"{shown} (again)", body, headers, status, frozenset(), same)
        return reply

    def page(self, path: str, name: str) -> None:
        """A file of the page itself."""
        with self.client.request("GET", path, name=name, catch_response=True) as response:
            if response.status_code != 200 or not response.content:
                response.failure(f"status {response.status_code}")

    def _ask(
        self, method: str, url: str, name: str, body: dict[str, str] | None, headers: dict[str, str],
        status: int, refusals: frozenset[str], check: Check,
    ) -> Reply | None:  # fmt: skip
        given = self._headers | headers
        if body is not None:
            given["Content-Type"] = "application/json"
        data = msgspec.json.encode(body).decode() if body is not None else None
        with self.client.request(
            method, url, name=name, data=data, headers=given, catch_response=True
        ) as response:
            reply = _object(response.content)
            if response.status_code != status:
                if reply.get("code") not in refusals or response.status_code != 409:
                    response.failure(f"status {response.status_code} {reply.get('code', '')}")
                    self._start_over()
                return None
            if complaint := check(reply):
                response.failure(complaint)
                return None
            return reply

    def _start_over(self) -> None:
        """After a request that failed nobody knows what the account is: on with a new one."""
        if self._listener is None:
            raise StopUser
        self.on_stop()
        self.on_start()
        raise RescheduleTask

    def _register(self) -> None:
        body = msgspec.json.encode({"user": self.user_name, "password": PASSWORD}).decode()
        headers = {"Content-Type": "application/json"}
        for _ in range(_TRIES):
            with self.client.request(
                "POST", "/api/registration", data=body, headers=headers, catch_response=True
            ) as response:
                if response.status_code == 201:
                    self._headers = {
                        "Cookie": _cookie(response.headers),
                        "X-CSRF-Token": _object(response.content)["csrf_token"],
                    }
                    return
                if response.status_code != _LIMITED:
                    response.failure(f"status {response.status_code}")
                    raise StopUser
                response.success()  # so many log-ins a minute of one address: the limit does its work
                wait_s = float(response.headers.get("Retry-After", "1"))
            gevent.sleep(wait_s + random.random())
        raise StopUser

    def _listen(self) -> None:
        """Reads the event stream. One request of the statistics: the time until `hello`, and its end if it comes too early."""
        began = time.perf_counter()
        failure: Exception | None = None
        length = 0
        try:
            for event in self._events():
                length += len(event)
                if b"event: hello" in event:
                    self._told((time.perf_counter() - began) * 1000, length, None)
            failure = ConnectionError("the stream ended")
        except (OSError, ValueError) as error:
            failure = error
        self._told((time.perf_counter() - began) * 1000, length, failure)

    def _told(self, ms: float, length: int, failure: Exception | None) -> None:
        self.environment.events.request.fire(
            request_type="SSE", name="/api/users/…/events", response_time=ms, response_length=length,
            exception=failure, context={},
        )  # fmt: skip

    def _events(self) -> Any:
        """The blocks of the stream, with chunked encoding around them. Raises OSError, ValueError for what is no stream."""
        host, port = Address.parse(str(self.host).partition("://")[2].rstrip("/"))
        path, cookie = f"/api/users/{self.user_name}/events", self._headers["Cookie"]
        head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookie}\r\n\r\n"
        with create_connection((host, port), timeout=_SILENCE_S) as connection:
            connection.sendall(head.encode())
            with connection.makefile("rb") as file:
                if b" 200 " not in file.readline():
                    raise ValueError("the stream was refused")
                while file.readline() not in {b"\r\n", b""}:
                    continue
                while chunk := file.readline():
                    yield file.read(int(chunk, 16))
                    file.readline()


def _object(content: bytes | None) -> Reply:
    """The JSON object; an empty one for anything else."""
    try:
        found = msgspec.json.decode(content or b"{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _cookie(headers: Any) -> str:
    """The session's. (It is `Secure`, so that no library would send it here, where there is no TLS.)"""
    for name, value in headers.items():
        if name.lower() == "set-cookie" and value.startswith("__Host-daytrade="):
            return str(value).partition(";")[0]
    raise StopUser
