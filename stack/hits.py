"""How often the quote server was hit: its simulator's own count, else what the database says."""

import json
import socket
from typing import Final

import psycopg

from core.settings import Address
from quotecache.protocol import HIT_COST_CENTS
from stack.errors import StackError
from stack.state import State

_SECONDS: Final = 10.0
_QUOTE_HIT: Final = 2


def count(now: State) -> int:
    """Hits so far of the quote server that this stack uses. Raises StackError when it cannot be asked."""
    return _told(now.quote_control, "hits") if now.quote_control else _recorded(now.audit_url)


def open_requests(now: State) -> int:
    """Connections to the simulated quote server at this moment. Raises StackError when it cannot be asked."""
    return _told(now.quote_control, "open") if now.quote_control else 0


def _told(control: str, what: str) -> int:
    try:
        with (
            socket.create_connection(Address.parse(control), _SECONDS) as connection,
            connection.makefile("rb") as file,
        ):
            return int(json.loads(file.read())[what])
    except OSError as error:
        raise StackError(
            f"The quote server does not tell its hits at {control}, look whether it runs: {error}"
        ) from error


def _recorded(audit_url: str) -> int:
    try:
        with psycopg.connect(audit_url) as connection:
            row = connection.execute("SELECT count(*) FROM audit WHERE kind = %s", (_QUOTE_HIT,)).fetchone()
    except psycopg.OperationalError as error:
        raise StackError(f"The database does not tell the hits, look whether it runs: {error}") from error
    assert row is not None
    return int(row[0])


def cost_usd(hits: int) -> float:
    """What that many hits cost, in dollars."""
    return hits * HIT_COST_CENTS / 100
