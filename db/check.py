"""`daytrade check`: what must always hold, decided by SQL on one snapshot of the database (db/queries/check.sql)."""

from typing import Final

import psycopg
from msgspec import Struct
from psycopg.rows import scalar_row

from core.errors import Unavailable
from core.limits import MAX_COST_CENTS, MAX_VIOLATIONS_PER_CHECK, PENDING_LIFE_MS, QUOTE_LIFE_MS
from db import queries

_VIEWS: Final = queries.load("check_views")
_QUERIES: Final = queries.load("check")
_SETTINGS: Final = "prepare_settings"
LATE_FIRES: Final = "i5_late_fires"
"""The check that is made only on request."""
CHECKS: Final = tuple(_QUERIES)
"""The names of all checks: `i`, the number of the invariant, and what it is about."""


class Violation(Struct, frozen=True):
    """Something that breaks an invariant."""

    invariant: int
    check: str
    """One of CHECKS."""
    sentence: str
    """What is wrong, with the user, the session and the number that it concerns."""


def check(
    url: str,
    quote_life_ms: int = QUOTE_LIFE_MS,
    pending_life_ms: int = PENDING_LIFE_MS,
    fire_within_ms: int | None = None,
    clock_step_ms: int = 0,
) -> list[Violation]:
    """All that is wrong in a database, at most MAX_VIOLATIONS_PER_CHECK for each check; empty when everything holds.

    `url` is a libpq URL of a role that may read everything (daytrade_audit). Lives are those the system ran with. With
    `fire_within_ms`, triggers reached by a cached quote for longer than that are reported too (it counts times in which
    no trigger server ran). `clock_step_ms` is how far a test stepped the clock back. The system may be running: it is
    not disturbed. Raises Unavailable when the database is away.
    """
    settings = {
        "quote_life_ms": quote_life_ms,
        "pending_life_ms": pending_life_ms,
        "fire_within_ms": fire_within_ms or 0,
        "clock_step_ms": clock_step_ms,
        "max_cost_cents": MAX_COST_CENTS,
    }
    checks = [name for name in CHECKS if fire_within_ms is not None or name != LATE_FIRES]
    try:
        with psycopg.connect(url) as connection:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE")
            connection.execute(_VIEWS[_SETTINGS], settings)
            for name in _VIEWS:
                if name != _SETTINGS:
                    connection.execute(_VIEWS[name])
            violations = [violation for name in checks for violation in _run(connection, name)]
            connection.rollback()
    except psycopg.OperationalError as error:
        raise Unavailable(f"database: {error}") from error
    return violations


def _run(connection: psycopg.Connection[tuple[object, ...]], name: str) -> list[Violation]:
    with connection.cursor(name, row_factory=scalar_row) as cursor:
        cursor.execute(_QUERIES[name])
        sentences = cursor.fetchmany(MAX_VIOLATIONS_PER_CHECK)
    return [Violation(int(name[1]), name, sentence) for sentence in sentences]
