"""Brings a database to the newest schema: roles, tables, grants. Safe to run again, and by several at once."""

from collections.abc import Mapping
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
ROLES: Final = (OWNER, "daytrade_transaction", "daytrade_trigger", "daytrade_audit")

_LOCK: Final = 0x4441595452414445
"""Key of the advisory lock that lets one migration at a time through."""


def migrate(admin_url: str, passwords: Mapping[str, str], revision: str = "head") -> None:
    """Creates or updates the roles, then the schema and who may use it.

    `admin_url` is a libpq URL of a superuser (or of the database's owner with CREATEROLE). `passwords` are by role;
    a role without one keeps what it has, at first no log-in. Raises ValueError for a role that does not exist.
    """
    if unknown := set(passwords) - set(ROLES):
        raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
    _create_roles(admin_url, passwords)
    engine = sqlalchemy.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(admin_url), poolclass=sqlalchemy.NullPool
    )
    with engine.begin() as connection:
        driver = cast("psycopg.Connection[object]", connection.connection.driver_connection)
        driver.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        driver.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {OWNER}")
        driver.execute(f"SET LOCAL ROLE {OWNER}")
        command.upgrade(_alembic(connection), revision)
        driver.execute("RESET ROLE")
        driver.execute(_file("grants.sql"))


def _create_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Roles belong to the whole server, so the lock is taken in the one database that every server has."""
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


def _alembic(connection: sqlalchemy.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _file(name: str) -> LiteralString:
    return (Path(__file__).parent / name).read_text("utf-8")
