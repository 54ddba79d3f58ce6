"""Who is told what: one thread (greenlet) of a worker looks for everybody who watches, four times a second.

It alone knows users and quotes; other threads only open and close streams. Each look first reads all that it needs, then works on
it without waiting for anything: one that fails half-way has told nobody anything, and the next finds the same.
"""

import threading
import time
from collections.abc import Mapping
from typing import Final

from psycopg import Connection
from psycopg.rows import TupleRow

from core.clock import Clock
from core.limits import (
    MAX_STREAMS,
    MAX_STREAMS_PER_USER,
    STREAM_CHECK_MS,
    STREAM_POLL_MS,
    WEB_SESSION_IDLE_MS,
    WEB_SESSION_SEEN_MS,
)
from db import queries
from webclient import stopping
from webclient.audience import Audience, Found, Watched
from webclient.metrics import STREAMS
from webclient.problems import RATE_LIMITED, UNAVAILABLE, Problem
from webclient.store import Pool, connection
from webclient.stream import Line, Stream

_SQL: Final = queries.load("web_stream")
_SHARE: Final = 4
"""The pause after a look is at least so many times as long as the look: it never takes more than a fifth of the time."""
_AWAY_S: Final = 1.0
"""Pause while the database does not answer."""


class Hub:
    """All streams of a worker."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._lock = threading.Lock()
        """Over the users and their sets of streams."""
        self._users: dict[str, Watched] = {}
        self._count = 0
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._audience = Audience()
        self._checked_ms = 0

    def open(self, user: str, token: bytes, since: int | None, line: Line) -> Stream:
        """A new stream (see Stream). Raises Problem when there are too many, or this worker is being stopped."""
        if stopping.is_stopping():
            raise Problem(UNAVAILABLE)
        self._forget_gone(user)
        stream = Stream(user, token, since, line, self._forget)
        with self._lock:
            watched = self._users.get(user)
            if watched is not None and len(watched.streams) >= MAX_STREAMS_PER_USER:
                raise Problem(RATE_LIMITED, "Too many windows are open: close one.")
            if self._count >= MAX_STREAMS:
                raise Problem(UNAVAILABLE, "Too many people are watching at the moment.")
            if watched is None:
                watched = self._users[user] = Watched(user)
            watched.streams.add(stream)
            self._count += 1
            self._start()
        STREAMS.inc()
        self._wake.set()
        return stream

    def _start(self) -> None:
        """With the first stream: a worker is forked before it serves anybody, and no thread survives that."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="streams", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends all streams."""
        for stream in self._streams():
            stream.close()

    def _forget(self, stream: Stream) -> None:
        with self._lock:
            self._users[stream.user].streams.remove(stream)
            self._count -= 1
        STREAMS.dec()

    def _forget_gone(self, user: str) -> None:
        """A browser that loads its page again has closed the stream before; that is not known until something is sent to it."""
        with self._lock:
            watched = self._users.get(user)
            streams = list(watched.streams) if watched else []
        for stream in streams:
            if stream.is_gone():
                stream.close()

    def _streams(self) -> list[Stream]:
        with self._lock:
            return [stream for user in self._users.values() for stream in user.streams]

    def _run(self) -> None:
        while not stopping.is_stopping():
            begun = time.monotonic()
            try:
                somebody = self.look()
            except Problem:
                time.sleep(_AWAY_S)
                continue
            if somebody:
                took = time.monotonic() - begun
                time.sleep(max(STREAM_POLL_MS / 1000 - took, _SHARE * took))
            else:
                self._wake.wait()
                self._wake.clear()
        self.close()

    def look(self) -> bool:
        """Looks once and tells everybody; False when nobody watches. Raises Problem UNAVAILABLE."""
        streams = self._present()
        if not streams:
            return False
        now_ms = self._clock.monotonic_ms()
        thorough = now_ms - self._checked_ms >= STREAM_CHECK_MS
        users = [self._users[name] for name in streams]
        for user in users:
            user.catch_up(streams[user.name])
        with connection(self._pool) as one:
            ended = self._ended(one, streams) if thorough else []
            found = self._find(one, users, thorough)
        if thorough:
            self._checked_ms = now_ms
        for stream in ended:
            stream.close()
        self._audience.apply(users, streams, found)
        return True

    def _present(self) -> dict[str, list[Stream]]:
        """The streams by user. Who has none any more is forgotten."""
        with self._lock:
            gone = [user for user in self._users.values() if not user.streams]
            for user in gone:
                del self._users[user.name]
            present = {name: list(user.streams) for name, user in self._users.items()}
        for user in gone:
            self._audience.leave(user)
        return present

    def _find(self, one: Connection[TupleRow], users: list[Watched], thorough: bool) -> Found:
        """What is new of those users. Watch lists are looked at now and then only, those of newcomers at once."""
        audience = self._audience
        lists = users if thorough else [user for user in users if not user.met]
        return Found(
            accounts=one.execute(_SQL["accounts"], audience.account_question(users)).fetchall(),
            watched=one.execute(_SQL["watched"], audience.list_question(lists)).fetchall() if lists else [],
            quotes=one.execute(_SQL["quotes"], audience.quote_question()).fetchall(),
        )

    def _ended(self, one: Connection[TupleRow], streams: Mapping[str, list[Stream]]) -> list[Stream]:
        """Streams whose reader has gone, or whose session has ended.

        A session counts as idle two minutes later than it is: its copy may be a minute old. Else a browser would come back
        just in time to renew it, again and again.
        """
        every = [stream for some in streams.values() for stream in some]
        now = self._clock.now_ms()
        idle = now - WEB_SESSION_IDLE_MS - 2 * WEB_SESSION_SEEN_MS
        tokens = list({stream.token for stream in every})
        rows = one.execute(_SQL["sessions"], {"tokens": tokens, "now": now, "idle": idle}).fetchall()
        alive = {bytes(row[0]) for row in rows}
        return [stream for stream in every if stream.token not in alive or stream.is_gone()]
