"""Somebody who listens to the events of an account over plain HTTP, and comes back as a browser does."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from tests.e2e.visitor import Visitor

_PATIENCE_S: Final = 20.0
_COME_BACK_S: Final = 0.1

Event = tuple[str, dict[str, Any]]


class Listener:
    """Reads in a thread of its own. `comes_back`: again with Last-Event-ID whenever the stream breaks, until it is closed."""

    def __init__(self, who: Visitor, since: str | None = None, comes_back: bool = False) -> None:
        self._who = who
        self._comes_back = comes_back
        self.last_id = since
        self.events: list[Event] = []
        """Name and data of each event but quotes; its id, if it has one, is in the data."""
        self.quotes: list[dict[str, Any]] = []
        self.heartbeats = 0
        self.connections = 0
        self.status: int | None = None
        """Of an answer that was no stream."""
        self._closed = False
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, condition: Callable[[], bool], seconds: float = _PATIENCE_S) -> None:
        """Until that holds. Raises AssertionError when it takes too long."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.events, self.status)
            time.sleep(0.02)

    def hear(self, name: str, count: int = 1, seconds: float = _PATIENCE_S) -> list[dict[str, Any]]:
        """The data of all events of that name, once there are so many."""
        self.wait(lambda: len(self.named(name)) >= count, seconds)
        return self.named(name)

    def named(self, name: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == name]

    def ended(self, seconds: float = _PATIENCE_S) -> None:
        """Waits until the server has ended the stream. Raises AssertionError when it does not."""
        self._thread.join(seconds)
        assert not self._thread.is_alive()

    def close(self) -> None:
        """As a browser that leaves the page."""
        self._closed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while not self._closed:
            with contextlib.suppress(OSError, http.client.HTTPException):
                self._listen()
            if not self._comes_back:
                return
            time.sleep(_COME_BACK_S)

    def _listen(self) -> None:
        at = urlsplit(self._who.address)
        connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=_PATIENCE_S)
        headers = dict(self._who.headers)
        if self.last_id is not None:
            headers["Last-Event-ID"] = self.last_id
        try:
            connection.request("GET", f"/api/users/{self._who.user}/events", headers=headers)
            self._socket = connection.sock
            response = connection.getresponse()
            if response.status != http.client.OK:
                self.status = response.status
                return
            self.connections += 1
            self._read(response)
        finally:
            connection.close()

    def _read(self, response: http.client.HTTPResponse) -> None:
        fields: dict[str, str] = {}
        while line := response.readline().decode():
            name, _, value = line.rstrip("\n").partition(": ")
            if name == ":":
                self.heartbeats += 1
            elif name:
                fields[name] = value
            elif fields:
                self._dispatch(fields)
                fields = {}

    def _dispatch(self, fields: dict[str, str]) -> None:
        if "event" not in fields:
            return
        data = json.loads(fields["data"])
        if "id" in fields:
            self.last_id = fields["id"]
            data["id"] = int(fields["id"])
        if fields["event"] == "quote":
            self.quotes.append(data)
        else:
            self.events.append((fields["event"], data))
