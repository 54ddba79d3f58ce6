"""Streams of events in a test: a hub that looks when it is told to, and what its streams hold."""

import json
from typing import Any

import psycopg

from tests.conftest import Database
from tests.unit.db.history import History
from tests.unit.webclient.visitors import Visitor
from webclient.hub import Hub
from webclient.sessions import token_digest
from webclient.stream import Line, Stream

Event = tuple[str, dict[str, Any]]


class Looking(Hub):
    """A hub that looks when it is told to, and not by itself."""

    def _start(self) -> None:
        """No thread."""


def watch(hub: Hub, who: Visitor, since: int | None = None, line: Line | None = None) -> Stream:
    return hub.open(who.user, token_digest(who.identity.token), since, line or Line(None))


def read(stream: Stream) -> list[Event]:
    """All that waits to be sent, as (name, data); an event's id is in its data."""
    events: list[Event] = []
    while stream._waiting:
        for block in next(stream).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
            if "event" in fields:
                number = {"id": int(fields["id"])} if "id" in fields else {}
                events.append((fields["event"], json.loads(fields["data"]) | number))
    return events


def names(events: list[Event]) -> list[str]:
    return [name for name, _ in events]


def seq_of(database: Database, user: str) -> int:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT seq FROM account WHERE username = %s", [user]).fetchone()
    return row[0] if row else 0


async def armed(past: History, user: str = "alice", symbol: str = "ABC") -> None:
    """A buy trigger at 9.00 that costs 100.00."""
    await past.send(
        f"ADD,{user},1000.00",
        f"SET_BUY_AMOUNT,{user},{symbol},100.00",
        f"SET_BUY_TRIGGER,{user},{symbol},9.00",
    )


async def fire(past: History, cents: int, symbol: str = "ABC") -> None:
    """The price crosses, and what is armed fires."""
    past.now_ms += 61_000
    past.prices[symbol] = cents
    await past.send(f"QUOTE,stranger,{symbol}")
    assert await past.fire() == 1
