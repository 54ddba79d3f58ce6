"""The keys of commands (session/N) behind what the tables hold, for logs: the tables name a session by its number."""

from collections.abc import Sequence
from typing import Final

from db import queries
from db.fires import Candidate, Connection

BUY: Final = 1
"""Side of a trigger."""
Armed = dict[tuple[str, str, int], str]
"""By user, symbol and side the key of the command that armed the trigger last."""

_SQL: Final = queries.load("keys")


async def session_names(connection: Connection, session_ids: Sequence[int]) -> dict[int, str]:
    """The names of those of the sessions that exist."""
    cursor = await connection.execute(_SQL["session_names"], {"sessions": list(session_ids)})
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def armed(connection: Connection, group: Sequence[Candidate]) -> Armed:
    """Of these triggers those that are armed."""
    columns = {
        "users": [candidate.user for candidate in group],
        "symbols": [candidate.symbol for candidate in group],
        "sides": [candidate.side for candidate in group],
    }
    cursor = await connection.execute(_SQL["armed_keys"], columns)
    return {(row[0], row[1], row[2]): f"{row[3]}/{row[4]}" for row in await cursor.fetchall()}
