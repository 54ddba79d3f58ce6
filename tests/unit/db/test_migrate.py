"""Migrations: from nothing and from every older version to the newest, again and at once, and what each role may do then."""

import json
import multiprocessing
import secrets
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from psycopg import sql

from db.migrate import ROLES, migrate, migrate_to
from db.migrations import FOLDER
from stack.embedded import Services
from tests.conftest import Database

pytestmark = pytest.mark.services

SAMPLES = Path(__file__).parent / "samples"
"""For each revision a database of that version: statements that fill every table."""
REVISIONS = sorted(script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions())

ALLOWED = {
    "daytrade_transaction": {
        "session": "SELECT INSERT", "command": "SELECT INSERT", "audit": "SELECT INSERT",
        "account": "SELECT INSERT UPDATE", "holding": "SELECT INSERT UPDATE", "quote": "SELECT INSERT UPDATE",
        "trigger_order": "SELECT INSERT UPDATE DELETE",
    },
    "daytrade_trigger": {
        "audit": "INSERT", "account": "SELECT UPDATE", "holding": "SELECT INSERT UPDATE", "quote": "SELECT INSERT UPDATE",
        "session": "SELECT", "trigger_order": "SELECT DELETE", "lock_accounts": "EXECUTE", "fire_triggers": "EXECUTE",
    },
    "daytrade_audit": dict.fromkeys(
        ("session", "command", "audit", "account", "holding", "trigger_order", "quote"), "SELECT"
    ),
    "daytrade_web": {
        **dict.fromkeys(("session", "command", "audit", "account", "holding", "trigger_order", "quote"), "SELECT"),
        "login": "SELECT INSERT UPDATE", "web_session": "SELECT INSERT UPDATE DELETE", "watch": "SELECT INSERT UPDATE DELETE",
    },
}  # fmt: skip
"""What each role may do with which table or function; everything else it may not."""

PRIVILEGES = """
    SELECT relname, privilege
    FROM pg_class, unnest('{SELECT, INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES}'::text[]) AS privilege
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm', 'p') AND (
        has_table_privilege(%(role)s, oid, privilege)
        OR privilege NOT IN ('DELETE', 'TRUNCATE', 'TRIGGER') AND has_any_column_privilege(%(role)s, oid, privilege)
    )
    UNION ALL
    SELECT relname, 'USAGE' FROM pg_class
    WHERE CASE WHEN relnamespace = 'public'::regnamespace AND relkind = 'S'
          THEN has_sequence_privilege(%(role)s, oid, 'USAGE, SELECT, UPDATE') END
    UNION ALL
    SELECT proname, 'EXECUTE' FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND has_function_privilege(%(role)s, oid, 'EXECUTE')
"""

FORBIDDEN = [
    ("daytrade_transaction", "UPDATE audit SET server = ''"),
    ("daytrade_transaction", "DELETE FROM command"),
    ("daytrade_transaction", "DELETE FROM account"),
    ("daytrade_transaction", "SELECT lock_accounts('{}', true)"),
    ("daytrade_transaction", "CREATE TABLE mine ()"),
    ("daytrade_transaction", "CREATE TEMPORARY TABLE mine ()"),
    ("daytrade_transaction", "SELECT * FROM alembic_version"),
    ("daytrade_trigger", "SELECT * FROM audit"),
    ("daytrade_trigger", "SELECT * FROM command"),
    ("daytrade_trigger", "INSERT INTO account SELECT * FROM account"),
    ("daytrade_audit", "SELECT * FROM login"),
    ("daytrade_transaction", "SELECT * FROM login"),
    ("daytrade_web", "UPDATE account SET cash_cents = 0"),
    ("daytrade_web", "SELECT body FROM command"),
    ("daytrade_web", "DELETE FROM login"),
    ("daytrade_audit", "UPDATE account SET cash_cents = 0"),
    ("daytrade_audit", "BEGIN READ WRITE; INSERT INTO session (name) VALUES ('x')"),
]


@pytest.fixture
def empty(services: Services) -> Iterator[Database]:
    """A database with nothing in it."""
    database = Database(services, f"empty_{secrets.token_hex(4)}")
    services.create_database(database.name)
    yield database
    services.drop_database(database.name)


def rows(database: Database, query: Any, parameters: Any = None) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.admin_url) as connection:
        return connection.execute(query, parameters).fetchall()


def version(database: Database) -> str:
    return str(rows(database, "SELECT version_num FROM alembic_version")[0][0])


def test_everything_belongs_to_the_owner_and_again_changes_nothing(empty: Database) -> None:
    migrate(empty.admin_url, {})
    before = contents(empty)
    migrate(empty.admin_url, {})
    assert version(empty) == REVISIONS[-1]
    assert contents(empty) == before
    owners = (
        "SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    )
    assert rows(empty, owners) == [("daytrade_owner",)]


def test_several_at_once(empty: Database, services: Services) -> None:
    other = Database(services, f"{empty.name}_other")
    services.create_database(other.name)
    try:
        with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as pool:
            urls = [empty.admin_url, other.admin_url] * 2
            for done in [pool.submit(migrate, url, {}) for url in urls]:
                done.result(timeout=30)
        assert version(empty) == version(other) == REVISIONS[-1]
    finally:
        services.drop_database(other.name)


def test_a_migration_that_fails_leaves_nothing(empty: Database) -> None:
    with psycopg.connect(empty.admin_url) as connection:
        connection.execute("CREATE TABLE trigger_order ()")
    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate(empty.admin_url, {})
    assert rows(empty, "SELECT relname FROM pg_class WHERE relname IN ('account', 'alembic_version')") == []


def test_a_role_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="daytrade_nobody"):
        migrate("", {"daytrade_nobody": "secret"})


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_older_database_keeps_its_data(empty: Database, revision: str) -> None:
    migrate_to(empty.admin_url, revision)
    with psycopg.connect(empty.admin_url) as connection:
        connection.execute((SAMPLES / f"{revision}.sql").read_bytes())
    before = contents(empty)
    migrate(empty.admin_url, {})
    after = contents(empty)
    assert version(empty) == REVISIONS[-1]
    for table, old_rows in before.items():
        assert old_rows, f"the sample {revision} leaves {table} empty"
        assert len(after[table]) == len(old_rows)
        for old, new in zip(old_rows, after[table], strict=True):
            assert old.items() <= new.items()


def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, by columns; a JSON array reads the same whether its column is text or jsonb."""
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    found = {}
    for (table,) in rows(database, tables):
        query = sql.SQL("SELECT to_jsonb(t) FROM {} AS t ORDER BY 1").format(sql.Identifier(table))
        found[table] = [
            {
                name: json.loads(value) if isinstance(value, str) and value[:1] == "[" else value
                for name, value in row.items()
            }
            for (row,) in rows(database, query)
        ]
    return found


@pytest.mark.parametrize("role", ALLOWED)
def test_what_a_role_may_do(empty: Database, role: str) -> None:
    migrate(empty.admin_url, {})
    may: dict[str, set[str]] = {}
    for name, privilege in rows(empty, PRIVILEGES, {"role": role}):
        may.setdefault(name, set()).add(privilege)
    assert may == {name: set(privileges.split()) for name, privileges in ALLOWED[role].items()}


@pytest.mark.parametrize(("role", "statement"), FORBIDDEN)
def test_what_a_role_may_not_do(empty: Database, role: str, statement: str) -> None:
    migrate(empty.admin_url, {})
    with psycopg.connect(empty.url(role), autocommit=True) as connection:
        refused = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
        with pytest.raises(refused):
            connection.execute(statement.encode())


def test_roles_are_nothing_more_than_that(database: Database) -> None:
    query = """
        SELECT count(*) FROM pg_roles
        WHERE rolname = ANY (%s)
          AND NOT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)
          AND NOT EXISTS (SELECT FROM pg_auth_members WHERE member = pg_roles.oid)
    """
    assert rows(database, query, (list(ROLES),)) == [(len(ROLES),)]


def test_a_password_is_not_stored_as_it_is(database: Database) -> None:
    query = "SELECT rolpassword FROM pg_authid WHERE rolname = 'daytrade_transaction'"
    assert rows(database, query)[0][0].startswith("SCRAM-SHA-256$")
