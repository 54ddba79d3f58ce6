"""Brings a database to the newest schema: roles, tables, grants. Safe to run again, and by several at once."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString, cast

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from psycopg import sql

from db.migrations import FOLDER

OWNER: Final = "daytrade_owner"
"""Owns every table; migrations act as this role."""
ROLES: Final = (OWNER, "daytrade_transaction", "daytrade_trigger", "daytrade_audit", "daytrade_web")

_LOCK: Final = 0x4441595452414445
"""Key of the advisory lock that lets one migration at a time through."""

_alembic = threading.Lock()
"""Alembic keeps the migration it is in, in the globals of a module."""


def migrate(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Creates or updates the roles, then the schema and who may use it.

    `admin_url` is a libpq URL of a superuser (or of the database's owner with CREATEROLE). `passwords` are by role;
    a role without one keeps what it has, at first no log-in. Raises ValueError for a role that does not exist.
    """
    if unknown := set(passwords) - set(ROLES):
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
    create_roles(admin_url, passwords)
    with _alembic, _connection(admin_url) as connection:
        _upgrade(connection, "head")
        _driver(connection).execute(_file("grants.sql"))


def migrate_to(admin_url: str, revision: str) -> None:
    """Brings the tables alone to a revision; the roles are there already."""
    with _alembic, _connection(admin_url) as connection:
        _upgrade(connection, revision)


@contextmanager
def _connection(admin_url: str) -> Iterator[sqlalchemy.Connection]:
    """A connection in a transaction that only one migration of this database is in at a time."""
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(admin_url), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        _driver(connection).execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        yield connection


def _upgrade(connection: sqlalchemy.Connection, revision: str) -> None:
    driver = _driver(connection)
    driver.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
    driver.execute(f"SET LOCAL ROLE {OWNER}")
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    driver.execute("RESET ROLE")


def create_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Creates the roles that are not there, and gives them their settings and passwords.

    Roles belong to the whole server, so the lock is taken in the one database that every server has.
    """
    with psycopg.connect(admin_url, dbname="postgres") as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(_file("roles.sql"))
        for role, password in passwords.items():
            # Encrypted on this side: the password itself is in no statement and so in no log.
            secret = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(secret.decode())
                )
            )


def _driver(connection: sqlalchemy.Connection) -> "psycopg.Connection[object]":
    return cast("psycopg.Connection[object]", connection.connection.driver_connection)


def _file(name: str) -> LiteralString:
    return (Path(__file__).parent / name).read_text("utf-8")
