"""Valkey for the requests of one worker: one connection that all of them share, what they ask at the same moment in one send.

A pooled client costs each request a connection's locks, a send and a receive of its own: with it, looking a session up took
more processor time than everything else that a request needs. Nothing is asked twice: when the connection is lost, whoever waited
gets Unavailable and decides. Threads are used as they are; under gevent's monkey patching they are greenlets.
"""

import contextlib
import hashlib
import socket
import threading
from collections import deque
from pathlib import Path
from typing import Any, Final, cast

import hiredis
from redis import ConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from core.clock import Clock
from core.errors import Unavailable
from core.limits import MAX_WEB_VALKEY_WAITING, WEB_VALKEY_PAUSE_MS, WEB_VALKEY_TIMEOUT_MS
from webclient.bell import Bell

Argument = str | bytes | int

_PASSING: Final = ("LOADING", "OOM", "MISCONF", "READONLY", "MASTERDOWN", "BUSY ")
"""Errors of a server that cannot at the moment; any other is a mistake of ours."""
_RECEIVE_BYTES: Final = 64 * 1024


class _Call:
    """A command that waits for its reply."""

    __slots__ = ("latch", "reply")

    def __init__(self) -> None:
        self.reply: Any = None
        self.latch = threading.Lock()
        """Held until the reply is there, or there will be none."""
        self.latch.acquire()


class Valkey:
    """A server that is asked by many at once. When it does not answer, one of them tries again each second."""

    def __init__(self, url: str, password: str | None, clock: Clock) -> None:
        """Does not connect yet. Raises ValueError for a URL that is none."""
        patience = WEB_VALKEY_TIMEOUT_MS / 1000
        self._pool = ConnectionPool.from_url(
            url, password=password, socket_connect_timeout=patience, socket_timeout=patience,
            retry=Retry(NoBackoff(), 0), protocol=2,
        )  # fmt: skip
        self._clock = clock
        self._is_away = False
        self._again_ms = 0
        """While it is away: when somebody may ask it again."""
        self._lock = threading.Lock()
        """Over `_wire` while it is opened."""
        self._wire: _Wire | None = None

    def call(self, *command: Argument) -> Any:
        """The reply. Raises Unavailable when there is none in time; it may have been done then."""
        return self.calls(command)[0]

    def calls(self, *commands: tuple[Argument, ...]) -> list[Any]:
        """The replies of commands that are sent together. Raises Unavailable."""
        if self._is_away:
            self._try_alone()
        try:
            wire = self._wire
            if wire is None or wire.is_dead:
                wire = self._open()
            replies = wire.ask(commands)
        except (OSError, RedisError, Unavailable) as error:
            self._is_away = True
            self._again_ms = self._clock.monotonic_ms() + WEB_VALKEY_PAUSE_MS
            raise Unavailable(f"the cache does not answer: {error}") from error
        self._is_away = False
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError):
                raise Unavailable(f"the cache says {reply}") if str(reply).startswith(_PASSING) else reply
        return replies

    def close(self) -> None:
        """Ends the connection."""
        if self._wire is not None:
            self._wire.cut()

    def _try_alone(self) -> None:
        """Lets one caller a second find out whether it is back, and nobody else wait for that. Raises Unavailable."""
        now = self._clock.monotonic_ms()
        if now < self._again_ms:
            raise Unavailable("the cache did not answer a moment ago")
        self._again_ms = now + WEB_VALKEY_PAUSE_MS + WEB_VALKEY_TIMEOUT_MS

    def _open(self) -> "_Wire":
        with self._lock:
            if self._wire is None or self._wire.is_dead:
                self._wire = _Wire(self._pool)
            return self._wire


class _Wire:
    """One connection, from its first byte to its last."""

    def __init__(self, pool: ConnectionPool) -> None:
        """Connects and logs in. Raises RedisError, OSError."""
        self._connection = cast(Any, pool.make_connection())
        self._connection.connect()
        # Logged in; the library's own way to use it is what costs.
        self._socket: socket.socket = self._connection._sock
        self._socket.settimeout(None)
        self.is_dead = False
        self._output: list[bytes] = []
        self._waiting: deque[_Call] = deque()
        self._lock = threading.Lock()
        """Over these two, so that calls wait in the order in which they are sent, and over the bell."""
        self._bell = Bell()
        """Has the writer look again."""
        for work, name in ((self._write, "valkey out"), (self._read, "valkey in")):
            threading.Thread(target=work, name=name, daemon=True).start()

    def ask(self, commands: tuple[tuple[Argument, ...], ...]) -> list[Any]:
        """Raises Unavailable."""
        calls = [_Call() for _ in commands]
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
        with self._lock:
            if self.is_dead or len(self._waiting) >= MAX_WEB_VALKEY_WAITING:
                raise Unavailable("the connection is lost" if self.is_dead else "too many wait")
            self._output += packed
            self._waiting += calls
            self._bell.ring()
        for call in calls:
            if not call.latch.acquire(timeout=WEB_VALKEY_TIMEOUT_MS / 1000):
                self.cut()
                raise Unavailable("no answer in time")
            if call.reply is None and self.is_dead:
                raise Unavailable("the connection was lost")
        return [call.reply for call in calls]

    def cut(self) -> None:
        """Ends the connection; its threads see it, and whoever waits is let go."""
        self.is_dead = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def _write(self) -> None:
        while not self.is_dead:
            self._bell.wait()
            with self._lock:
                output, self._output = self._output, []
            try:
                self._socket.sendall(b"".join(output))
            except OSError:
                self.cut()

    def _read(self) -> None:
        reader = hiredis.Reader()
        try:
            while data := self._socket.recv(_RECEIVE_BYTES):
                reader.feed(data)
                while (reply := reader.gets()) is not False and self._waiting:
                    call = self._waiting.popleft()
                    call.reply = reply
                    call.latch.release()
        except (OSError, hiredis.ProtocolError):
            pass
        self.cut()
        with self._lock:
            self._bell.ring()
            while self._waiting:
                self._waiting.popleft().latch.release()
        self._connection.disconnect()


class Script:
    """A Lua script on the server, sent whole only when the server does not know it (any more)."""

    def __init__(self, valkey: Valkey, path: Path) -> None:
        self._valkey = valkey
        self._text = path.read_bytes()
        self._sha = hashlib.sha1(self._text, usedforsecurity=False).hexdigest()

    def __call__(self, keys: list[str], arguments: list[Argument]) -> Any:
        """The script's answer. Raises Unavailable."""
        rest = (len(keys), *keys, *arguments)
        try:
            return self._valkey.call("EVALSHA", self._sha, *rest)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            return self._valkey.call("EVAL", self._text, *rest)
