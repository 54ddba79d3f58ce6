"""The invariant check: a database with an honest past is clean, and every kind of lie planted in it is found."""

import asyncio
import secrets
from collections.abc import Iterator

import psycopg
import pytest

from core.errors import Unavailable
from db import queries
from db.check import CHECKS, LATE_FIRES, Violation, check
from stack.embedded import Services
from tests.conftest import Database
from tests.unit.db.history import random_past, run_scenario

pytestmark = pytest.mark.services

PLANTS = [
    ("i1_cash", "UPDATE account SET cash_cents = cash_cents + 1 WHERE username = 'bob'"),
    ("i1_cash", "UPDATE audit SET removed_cents = removed_cents - 1 WHERE username = 'alice' AND command = 3 AND number = 5"),
    ("i1_cash", "UPDATE audit SET username = 'nobody-else' WHERE username = 'bob' AND command = 1"),
    ("i1_shares", "UPDATE holding SET shares = shares + 1 WHERE username = 'alice' AND symbol = 'XYZ'"),
    ("i1_shares", "UPDATE holding SET username = 'bob' WHERE username = 'alice' AND symbol = 'XYZ'"),
    ("i1_shares", "DELETE FROM audit WHERE username = 'alice' AND command = 4 AND number = 7"),
    ("i1_cost", "UPDATE holding SET cost_cents = cost_cents + 1 WHERE username = 'alice' AND symbol = 'ABC'"),
    ("i1_cost", "UPDATE holding SET cost_cents = 0 WHERE username = 'alice' AND symbol = 'XYZ'"),
    ("i1_cost", "INSERT INTO holding VALUES ('bob', 'XYZ', 0, 0, 1)"),
    ("i2_negative", "ALTER TABLE account DROP CONSTRAINT account_cash_cents_check; UPDATE account SET cash_cents = -1"),
    ("i2_negative", "ALTER TABLE holding DROP CONSTRAINT holding_shares_check; UPDATE holding SET shares = -1"),
    ("i2_reserved_cash", "UPDATE account SET reserved_cents = reserved_cents + 1 WHERE username = 'alice'"),
    ("i2_reserved_cash", "UPDATE trigger_order SET amount_cents = amount_cents + 1 WHERE username = 'bob' AND side = 1"),
    ("i2_reserved_shares", "UPDATE holding SET shares = shares + 1, reserved_shares = reserved_shares - 1 WHERE symbol = 'XYZ'"),
    ("i2_reserved_shares", "UPDATE account SET sells = '[]' WHERE username = 'alice'"),
    ("i2_pendings", "UPDATE account SET buys = '[]' WHERE username = 'alice'"),
    ("i2_pendings", "UPDATE account SET buys = jsonb_set(buys::jsonb, '{0,2}', '2400') WHERE username = 'alice'"),
    ("i2_pendings", "UPDATE account SET sells = json_build_array(sells::json -> 1, sells::json -> 0) WHERE username = 'alice'"),
    ("i2_pendings", "UPDATE account SET sells = sells::jsonb || sells::jsonb WHERE username = 'alice'"),
    ("i2_pendings", "UPDATE account SET sells = jsonb_set(sells::jsonb, '{0,3}', '1') WHERE username = 'alice'"),
    ("i2_trigger_orders", "DELETE FROM trigger_order WHERE username = 'alice' AND symbol = 'XYZ' AND side = 2"),
    ("i2_trigger_orders", "UPDATE trigger_order SET price_cents = 749 WHERE username = 'bob' AND side = 1"),
    ("i2_trigger_orders", "UPDATE trigger_order SET number = number + 1 WHERE username = 'bob' AND side = 1"),
    (
        "i2_trigger_orders",
        "INSERT INTO trigger_order (username, symbol, side, amount_cents, shares, session_id, number)"
        " VALUES ('bob', 'NEW', 2, 1, 0, 1, 1)",
    ),
    ("i3_requests", "DELETE FROM command WHERE number = 7"),
    ("i3_requests", "INSERT INTO command VALUES (1, 999, 'QUOTE,alice,ABC', 'OK {}')"),
    ("i3_requests", "INSERT INTO audit SELECT * FROM audit WHERE kind = 1 AND number = 1"),
    ("i3_requests", "DELETE FROM session"),
    ("i3_replies", "UPDATE command SET reply = 'OK {}' WHERE number = 2"),
    ("i3_replies", "UPDATE command SET reply = 'ERR {\"code\":\"TOO_SMALL\",\"message\":\"\"}' WHERE number = 2"),
    ("i3_replies", "UPDATE command SET reply = NULL WHERE number = 5"),
    ("i3_replies", "UPDATE command SET reply = 'OK {}' WHERE body = 'DISPLAY_SUMMARY,bob'"),
    ("i4_refusals", "UPDATE audit SET price_cents = 1000 WHERE error IS NOT NULL AND command = 7"),
    ("i4_refusals", "UPDATE audit SET added_cents = 1 WHERE error IS NOT NULL AND command = 7"),
    ("i4_moves", "UPDATE audit SET added_cents = added_cents + 1 WHERE command = 1 AND number = 3"),
    ("i4_moves", "UPDATE audit SET added_cents = 1 WHERE command = 2 AND number = 1"),
    ("i4_moves", "UPDATE audit SET added_cents = NULL WHERE kind = 3 AND command = 5"),
    ("i4_moves", "UPDATE audit SET removed_cents = 1 WHERE kind = 4"),
    ("i4_moves", "UPDATE audit SET shares = 1 WHERE kind = 1 AND command = 4 AND number = 7"),
    ("i4_moves", "UPDATE audit SET shares = NULL WHERE kind = 3 AND command = 5"),
    ("i4_sequence", "DELETE FROM audit WHERE kind = 1 AND command = 2 AND username = 'bob'"),
    ("i4_sequence", "UPDATE audit SET seq = seq - 1 WHERE username = 'alice' AND number = 7"),
    ("i4_sequence", "UPDATE audit SET timestamp_ms = timestamp_ms + 200 WHERE username = 'alice' AND number = 7"),
    ("i4_accounts", "UPDATE account SET seq = seq + 1"),
    ("i4_accounts", "UPDATE account SET timestamp_ms = timestamp_ms - 1 WHERE username = 'bob'"),
    ("i4_accounts", "INSERT INTO account VALUES ('ghost', 1, 0, 0, 0, 0, '[]', '[]', 0, '')"),
    ("i4_accounts", "DELETE FROM account WHERE username = 'bob'"),
    ("i5_once", "INSERT INTO audit SELECT * FROM audit WHERE kind = 4 AND command = 11"),
    ("i5_once", "INSERT INTO audit SELECT * FROM audit WHERE kind = 3 AND command = 5"),
    ("i5_triggers", "UPDATE audit SET price_cents = 901 WHERE kind = 4 AND command = 11"),
    ("i5_triggers", "UPDATE audit SET price_cents = 1099 WHERE kind = 4 AND command = 13"),
    ("i5_triggers", "UPDATE audit SET added_cents = added_cents + 1 WHERE kind = 4 AND command = 11"),
    ("i5_triggers", "UPDATE audit SET added_cents = added_cents * 2 WHERE kind = 4 AND command = 13"),
    ("i5_triggers", "UPDATE audit SET shares = shares + 1 WHERE kind = 4 AND command = 11"),
    ("i5_triggers", "UPDATE audit SET shares = shares - 1 WHERE kind = 4 AND command = 13"),
    ("i5_triggers", "UPDATE audit SET number = number - 1 WHERE kind = 4 AND command = 11"),
    ("i5_triggers", "UPDATE audit SET added_cents = added_cents - 1 WHERE command = 10"),
    ("i5_triggers", "UPDATE audit SET added_cents = NULL WHERE command = 9 AND added_cents IS NOT NULL"),
    ("i5_triggers", "DELETE FROM audit WHERE command = 9 AND number = 27"),
    (LATE_FIRES, "DELETE FROM audit WHERE kind = 4 AND command = 11"),
    (LATE_FIRES, "DELETE FROM audit WHERE kind = 4 AND command = 13"),
    ("i6_pendings", "UPDATE audit SET timestamp_ms = timestamp_ms - 61000 WHERE kind = 1 AND command = 3 AND number = 6"),
    ("i6_pendings", "UPDATE audit SET timestamp_ms = timestamp_ms - 61000 WHERE kind = 3"),
    ("i6_pendings", "UPDATE audit SET added_cents = added_cents - 1 WHERE kind = 1 AND command = 5 AND error IS NULL"),
    ("i6_pendings", "UPDATE audit SET added_cents = added_cents - 1 WHERE kind = 1 AND command = 7 AND error IS NULL"),
    ("i6_pendings", "UPDATE audit SET number = number - 1 WHERE kind = 3"),
    ("i6_pendings", "UPDATE audit SET shares = shares + 1 WHERE kind = 3 AND command = 8"),
    ("i6_pendings", "DELETE FROM audit WHERE kind = 1 AND command = 3 AND number = 6"),
    ("i6_pendings", "UPDATE audit SET funds_cents = funds_cents + 2000 WHERE kind = 1 AND command = 3 AND number = 6"),
    ("i6_prices", "UPDATE audit SET price_cents = 999 WHERE kind = 2 AND symbol = 'ABC' AND number = 1"),
    ("i6_prices", "UPDATE audit SET quote_time_ms = quote_time_ms - 60000 WHERE kind = 2 AND number = 1"),
    ("i6_prices", "UPDATE audit SET timestamp_ms = timestamp_ms + 60000 WHERE kind = 2 AND number = 1"),
    ("i6_prices", "UPDATE audit SET price_cents = 1001 WHERE kind = 1 AND command = 3 AND price_cents IS NOT NULL"),
    ("i6_prices", "DELETE FROM audit WHERE kind = 2 AND symbol = 'XYZ' AND number = 6"),
    ("i7_hits", "UPDATE audit SET cryptokey = 'the same' WHERE kind = 2"),
    ("i7_hits", "UPDATE audit SET cryptokey = NULL WHERE kind = 2 AND number = 1"),
    ("i7_newest_quotes", "UPDATE quote SET price_cents = price_cents + 1"),
    ("i7_newest_quotes", "UPDATE quote SET username = 'somebody' WHERE symbol = 'ABC'"),
    ("i7_newest_quotes", "DELETE FROM quote WHERE symbol = 'XYZ'"),
]  # fmt: skip
"""(check that has to find it, statement that plants it in the scenario's database)."""


@pytest.fixture(scope="module")
def lived(services: Services) -> Iterator[Database]:
    """A database in which a little of everything has happened; to be copied, not changed."""
    database = Database(services, f"lived_{secrets.token_hex(4)}")
    services.create_database(database.name, template=services.database)
    run_scenario(database)
    yield database
    services.drop_database(database.name)


@pytest.fixture
def copy(lived: Database) -> Iterator[Database]:
    database = Database(lived.services, f"{lived.name}_copy")
    lived.services.create_database(database.name, template=lived.name)
    yield database
    lived.services.drop_database(database.name)


def found(database: Database) -> list[Violation]:
    return check(database.url("daytrade_audit"), fire_within_ms=2000)


def plant(database: Database, statement: str) -> None:
    with psycopg.connect(database.admin_url) as connection:
        cursor = connection.execute(statement.encode())
        assert cursor.rowcount != 0, "the plant changed nothing"


def test_an_empty_database_is_clean(database: Database) -> None:
    assert found(database) == []


def test_the_scenario_is_clean(lived: Database) -> None:
    assert found(lived) == []


def test_the_scenario_has_everything_that_is_checked(lived: Database) -> None:
    with psycopg.connect(lived.admin_url) as connection:
        kinds = connection.execute("SELECT DISTINCT kind, command FROM audit").fetchall()
        account = connection.execute(
            "SELECT jsonb_array_length(buys::jsonb), jsonb_array_length(sells::jsonb) FROM account WHERE username = 'alice'"
        ).fetchone()
        orders = connection.execute("SELECT DISTINCT side, price_cents IS NULL FROM trigger_order").fetchall()
    assert set(kinds) >= {(3, 5), (3, 8), (4, 11), (4, 13), (2, 0), *((1, code) for code in range(1, 17))}
    assert account == (1, 2)
    assert len(orders) >= 3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_past_is_clean(database: Database, seed: int) -> None:
    print(f"seed {seed}")
    assert asyncio.run(random_past(database, seed, 60)) > 50
    assert check(database.url("daytrade_audit")) == []


@pytest.mark.parametrize(("name", "statement"), PLANTS)
def test_a_lie_is_found(copy: Database, name: str, statement: str) -> None:
    plant(copy, statement)
    violations = found(copy)
    assert name in {violation.check for violation in violations}, violations
    assert all(violation.invariant == int(violation.check[1]) for violation in violations)
    assert all(len(violation.sentence) > 20 for violation in violations)


def test_every_check_has_been_seen_to_find_something() -> None:
    assert {name for name, _ in PLANTS} == set(CHECKS)


def test_late_fires_are_looked_for_only_on_request(copy: Database) -> None:
    plant(copy, "DELETE FROM audit WHERE kind = 4 AND command = 11")
    assert LATE_FIRES not in {violation.check for violation in check(copy.url("daytrade_audit"))}


def test_shorter_lives_are_held_against_the_log(lived: Database) -> None:
    checks = {v.check for v in check(lived.url("daytrade_audit"), quote_life_ms=500, pending_life_ms=50)}
    assert checks == {"i6_prices", "i6_pendings"}


def test_a_stepped_clock_is_allowed_for_on_request(copy: Database) -> None:
    plant(copy, "UPDATE audit SET timestamp_ms = timestamp_ms + 5000 WHERE kind = 2")
    assert {v.check for v in check(copy.url("daytrade_audit"))} == {"i6_prices"}
    assert check(copy.url("daytrade_audit"), clock_step_ms=5000) == []


def test_nothing_is_left_behind_in_the_database(copy: Database) -> None:
    found(copy)
    with psycopg.connect(copy.admin_url) as connection:
        left = connection.execute("SELECT relname FROM pg_class WHERE relpersistence = 't'").fetchall()
    assert left == []


def test_unavailable_when_there_is_no_database(services: Services) -> None:
    with pytest.raises(Unavailable):
        check(services.url("daytrade_audit", "no_such_database"))


def test_names_of_commands_are_those_of_the_kernel() -> None:
    from core.commands import CODES

    text = " ".join(queries.load("check_views")["prepare_event"].split())
    assert ", ".join(f"'{name}'" for name in CODES) in text
