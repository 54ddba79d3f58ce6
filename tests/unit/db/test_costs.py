"""Migration 0006 finds out of the log and the stored replies what would stand there, had its columns always been there."""

import asyncio
from typing import Any

import psycopg
import pytest

from db.migrations import FOLDER
from tests.conftest import Database
from tests.unit.db.history import random_past, run_scenario

pytestmark = pytest.mark.services

MIGRATION = (FOLDER / "versions" / "0006_costs.sql").read_bytes()
BEFORE = "ALTER TABLE holding DROP COLUMN cost_cents; ALTER TABLE audit DROP COLUMN shares"
COSTS = "SELECT username, symbol, shares + reserved_shares, cost_cents FROM holding ORDER BY 1, 2"
MOVED = "SELECT username, seq, kind, command, shares FROM audit WHERE kind <> 2 ORDER BY 1, 2"

Rows = list[tuple[Any, ...]]


def contents(connection: psycopg.Connection[Any]) -> tuple[Rows, Rows]:
    return connection.execute(COSTS).fetchall(), connection.execute(MOVED).fetchall()


def migrated(database: Database, change: bytes = b"SELECT") -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """Costs and shares as the tiers kept them, and as the migration finds them after the change."""
    with psycopg.connect(database.admin_url) as connection:
        kept = contents(connection)
        connection.execute(BEFORE)
        connection.execute(change)
        connection.execute(MIGRATION)
        return kept, contents(connection)


def test_known_costs(database: Database) -> None:
    """Alice buys 30 ABC at 10.00, sells 5; then her buy trigger spends 152.00 for 19 at 8.00, and her sell trigger sells 9."""
    run_scenario(database)
    kept, found = migrated(database)
    assert found == kept
    paid = 30_000 - 5_000 + 15_200
    assert found[0] == [
        ("alice", "ABC", 35, paid - paid * 9 // 44),
        ("alice", "XYZ", 23, 23_000),
    ]
    assert {(kind, command, shares) for _, _, kind, command, shares in found[1] if kind != 1} >= {
        (4, 11, 19),
        (4, 13, 9),
        (3, 5, 3),
        (3, 8, 2),
    }
    assert all(shares is None for _, _, kind, _, shares in found[1] if kind == 1)


@pytest.mark.parametrize("seed", [4, 5])
def test_any_past(database: Database, seed: int) -> None:
    print(f"seed {seed}")
    asyncio.run(random_past(database, seed, 150))
    kept, found = migrated(database)
    assert found == kept
    assert {(3, 5), (3, 8), (4, 11), (4, 13)} <= {row[2:4] for row in found[1]}
    assert sum(cost > 0 for *_, cost in found[0]) > 5
    assert all((shares > 0) == (cost > 0) for *_, shares, cost in found[0])


def test_what_the_log_does_not_explain_costs_nothing(database: Database) -> None:
    run_scenario(database)
    change = (
        b"UPDATE holding SET shares = shares + 1 WHERE symbol = 'ABC'; DELETE FROM audit WHERE command = 9"
    )
    kept, found = migrated(database, change)
    assert found[0] == [("alice", "ABC", 36, 0), kept[0][1]]
    assert {shares for *_, kind, command, shares in found[1] if (kind, command) == (4, 11)} == {None}
