"""The two services the tiers need, Postgres and a Redis cache: those named by DATABASE_URL and REDIS_URL, else embedded ones.

A lasting stack uses the database that the URL names. A throw-away one (`fresh`) makes a database of its own there and
drops it at the end, and takes a logical cache database that is empty.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from stack import secretfiles, state
from stack.errors import StackError
from stack.external import ExternalPostgres, ExternalRedis
from stack.postgres import EmbeddedPostgres
from stack.valkey import EmbeddedValkey

DATABASE: Final = "daytrade"


class Services:
    """Postgres and the cache, with a migrated database. What they make lies in `directory`."""

    def __init__(self, directory: Path, environ: Mapping[str, str], fresh: bool = False) -> None:
        self.directory = directory
        self._secrets = directory
        database_url, redis_url = environ.get("DATABASE_URL"), environ.get("REDIS_URL")
        external = ExternalPostgres(directory, database_url) if database_url else None
        if external:
            # Roles belong to the whole server, so all stacks that share it have to give them the same passwords.
            self._secrets = state.default_directory() / "roles"
        self.postgres: EmbeddedPostgres | ExternalPostgres = external or EmbeddedPostgres(directory)
        self.valkey: EmbeddedValkey | ExternalRedis = (
            ExternalRedis(directory, redis_url, fresh) if redis_url else EmbeddedValkey(directory)
        )
        self.database = external.database if external else DATABASE
        if external and fresh:
            self.database = f"{DATABASE}_{secrets.token_hex(6)}"
        self._drop_at_end = external is not None and fresh

    @property
    def admin_url(self) -> str:
        """libpq URL of the administrator, in the migrated database."""
        return self.admin_url_of(self.database)

    def admin_url_of(self, database: str) -> str:
        """The administrator in some database of the same server."""
        return secretfiles.with_database(self.postgres.superuser_url, database)

    def url(self, role: str, database: str | None = None) -> str:
        """libpq URL of one of db.migrate.ROLES, with the file that holds its password."""
        url = secretfiles.with_database(self.postgres.nearest_url, database or self.database)
        return secretfiles.with_role(url, role, self._secret(role, "pgpass"))

    @property
    def redis_url(self) -> str:
        """`redis://` URL without the password."""
        return self.valkey.url

    @property
    def redis_password_file(self) -> Path | None:
        """The file that holds the cache's password; None for an external one without."""
        return self.valkey.password_file

    def start(self) -> None:
        """Starts both and brings the database to the newest schema. Raises StackError."""
        for folder in (self.directory, self._secrets):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.valkey.start()
            self.postgres.start()
            self._migrate()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stops what was started, cleanly."""
        if self._drop_at_end and self.postgres.answers():
            self.drop_database(self.database)
        self.postgres.stop()
        self.valkey.stop()

    def _migrate(self) -> None:
        from db.migrate import (
            ROLES,
            migrate,
        )  # takes half a second, which `status` and the like need not wait for

        for role in ROLES:
            secretfiles.write_passfile(self._secret(role, "pgpass"), role, self._password(role))
        self.create_database(self.database)
        try:
            migrate(self.admin_url, {role: self._password(role) for role in ROLES})
        except psycopg.Error as error:
            raise StackError(f"The database cannot be prepared, look at what it says: {error}") from error

    def create_database(self, name: str, template: str | None = None) -> None:
        """Makes the database unless it is there. Raises StackError."""
        with self._server() as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return
            copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)

    def drop_database(self, name: str) -> None:
        """Drops the database, whoever is still connected to it."""
        with self._server() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )

    def _server(self) -> "psycopg.Connection[psycopg.rows.TupleRow]":
        try:
            return psycopg.connect(self.admin_url_of("postgres"), autocommit=True)
        except psycopg.OperationalError as error:
            raise StackError(f"The database server does not answer, look whether it runs: {error}") from error

    def _password(self, role: str) -> str:
        """The role's random password, made on first use."""
        return secretfiles.password(self._secret(role, "password"))

    def _secret(self, role: str, kind: str) -> Path:
        return self._secrets / f"{role}.{kind}"
