"""Clients' sessions: the numbers of lines that came without one.

The balancer is the one place that sees all connections of a session, so it numbers: the session's highest number + 1.
What went through it, it has seen; what was before (an earlier balancer) a web server is asked for, once. A session that
nobody named is new, so there is nothing to ask. Values only: no socket, no clock.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from core.limits import DOWN_DEADLINE_MS, MAX_CLOSED_SESSIONS_REMEMBERED

if TYPE_CHECKING:
    from loadbalancer.client import Client

_SESSION_LINE = re.compile(rb"SESSION\b")
_SESSION_NAME = re.compile(rb"SESSION[ \t]+([A-Za-z0-9_.-]{1,64})\Z")


def is_session_line(line: bytes) -> bool:
    """Whether a line (without trailing blanks) means to name the session."""
    return _SESSION_LINE.match(line) is not None


def named_session(line: bytes) -> bytes | None:
    """The id in `SESSION <id>` (commands.md, Wire format); None when it is not well-formed."""
    match = _SESSION_NAME.match(line)
    return match[1] if match else None


class Session:
    """One session as the balancer sees it."""

    __slots__ = ("asked", "connections", "highest", "known", "name", "named", "since_ms", "stalled")

    def __init__(self, name: bytes, named: bool) -> None:
        self.name = name
        self.named = named
        self.highest = 0
        """The highest number seen, or heard of from a web server."""
        self.known = not named
        """Whether nothing higher can have been before: the session is new, or a web server was asked."""
        self.connections = 0
        self.stalled: list[Client] = []
        """Connections whose next line waits for `known`."""
        self.asked: int | None = None
        """The web server that was asked and has not answered."""
        self.since_ms = 0
        """When the first of `stalled` began to wait."""


class Sessions:
    """All sessions with an open connection, and the named ones that lost theirs not long ago."""

    def __init__(
        self,
        new_name: Callable[[], bytes],
        ask: Callable[[bytes], int | None],
        remembered: int = MAX_CLOSED_SESSIONS_REMEMBERED,
    ) -> None:
        """`ask` sends the question for a session's highest number and says to which server; None while none is up."""
        self._new_name = new_name
        self._ask = ask
        self._remembered = remembered
        self._open: dict[bytes, Session] = {}
        self._closed: dict[bytes, Session] = {}
        self.stalled: set[Session] = set()
        """Sessions whose highest number somebody waits for."""

    def open(self, name: bytes | None) -> Session:
        """The session of a new connection; one of its own if the client named none."""
        named = name is not None
        name = self._new_name() if name is None else name
        session = self._open.get(name) or self._closed.pop(name, None) or Session(name, named)
        self._open[name] = session
        session.connections += 1
        return session

    def close(self, session: Session, client: "Client") -> None:
        """Notes that a connection of the session is gone."""
        if client in session.stalled:
            session.stalled.remove(client)
            if not session.stalled:
                self.stalled.discard(session)
                session.asked = None
        session.connections -= 1
        if session.connections == 0:
            del self._open[session.name]
            if session.named:
                self._closed[session.name] = session
                if len(self._closed) > self._remembered:
                    del self._closed[next(iter(self._closed))]

    def stall(self, session: Session, client: "Client", now_ms: int) -> None:
        """A connection needs the session's highest number before it can go on."""
        session.stalled.append(client)
        if session not in self.stalled:
            self.stalled.add(session)
            session.since_ms = now_ms
            session.asked = self._ask(session.name)

    def ask_again(self, lost: int | None) -> None:
        """The server asked is lost (None: there was none, and now there is): asks another."""
        for session in self.stalled:
            if session.asked == lost:
                session.asked = self._ask(session.name)

    def learned(self, server: int, name: bytes, highest: int | None) -> "list[Client]":
        """A server's answer; None when it cannot say. Returns the connections that may go on."""
        session = self._open.get(name)
        if session is None or session.asked != server:
            return []
        if highest is not None:
            session.known = True
            session.highest = max(session.highest, highest)
        return self._give_up(session)

    def expire(self, now_ms: int) -> "list[Client]":
        """The connections that have waited too long for a server that could be asked."""
        late = [s for s in self.stalled if s.asked is None and now_ms - s.since_ms >= DOWN_DEADLINE_MS]
        return [client for session in late for client in self._give_up(session)]

    def _give_up(self, session: Session) -> "list[Client]":
        self.stalled.discard(session)
        session.asked = None
        stalled, session.stalled = session.stalled, []
        return stalled
