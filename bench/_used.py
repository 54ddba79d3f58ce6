"""What a run needed prices for, out of its audit log: by the commands and by the triggers, and what was paid for."""

from typing import Final

import psycopg
from msgspec import Struct

from bench._floor import Need
from core import commands as c
from core.commands import CODES

_COMMAND, _FIRE = 1, 4
_PRICED: Final = frozenset({CODES[c.QUOTE], CODES[c.BUY], CODES[c.SELL]})
_ARMS: Final = {CODES[c.SET_BUY_TRIGGER]: 1, CODES[c.SET_SELL_TRIGGER]: 2}
_DISARMS: Final = {CODES[c.CANCEL_SET_BUY]: 1, CODES[c.CANCEL_SET_SELL]: 2, CODES[c.SET_SELL_AMOUNT]: 2}
"""Side of the trigger. A new amount leaves a buy armed, a sell not (commands.md)."""

_USES: Final = """
SELECT number, symbol, timestamp_ms FROM audit
WHERE kind = 1 AND command = ANY (%s) AND (
    error IS NULL OR price_cents IS NOT NULL OR error LIKE 'TOO_SMALL:%%' OR error LIKE 'INSUFFICIENT_SHARES:%% needed'
)
"""
"""Whatever was decided by a price: also a refusal that names one, or that nobody could have given without."""
_TRIGGERS: Final = """
SELECT kind, command, username, symbol, timestamp_ms FROM audit
WHERE (kind = 1 AND error IS NULL AND command = ANY (%s)) OR kind = 4
ORDER BY username, seq
"""
_STAMPS: Final = "SELECT symbol, quote_time_ms FROM audit WHERE kind = 2 AND quote_time_ms <= %s"


class Used(Struct, frozen=True):
    """One run."""

    by_number: dict[int, str]
    """Symbol whose price each command used, by its number."""
    needs: list[Need]
    stamps: list[tuple[str, int]]
    """Symbol and quoteServerTime of each hit."""


def read(audit_url: str, end_ms: int) -> Used:
    """Everything in the log, which holds one session, until then."""
    with psycopg.connect(audit_url) as connection:
        uses = connection.execute(_USES, (sorted(_PRICED),)).fetchall()
        rows = connection.execute(_TRIGGERS, (sorted(_ARMS | _DISARMS),)).fetchall()
        stamps = connection.execute(_STAMPS, (end_ms,)).fetchall()
    needs = [Need(symbol, time_ms, time_ms) for _, symbol, time_ms in uses]
    needs += armed([tuple(row) for row in rows], end_ms)
    return Used({number: symbol for number, symbol, _ in uses}, needs, [(row[0], row[1]) for row in stamps])


def armed(rows: list[tuple[int, int, str, str, int]], end_ms: int) -> list[Need]:
    """While which triggers were armed; rows of (kind, command, user, symbol, time), each user's in order. Pure."""
    since: dict[tuple[str, str, int], int] = {}
    found = []
    for kind, command, user, symbol, time_ms in rows:
        if kind == _COMMAND and command in _ARMS:
            since.setdefault((user, symbol, _ARMS[command]), time_ms)
            continue
        side = _ARMS[command] if kind == _FIRE else _DISARMS[command]
        start_ms = since.pop((user, symbol, side), None)
        if start_ms is not None:
            found.append(Need(symbol, start_ms, time_ms))
    return found + [Need(symbol, start_ms, end_ms) for (_, symbol, _), start_ms in since.items()]
