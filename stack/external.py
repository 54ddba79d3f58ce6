"""Services that run already, named by DATABASE_URL and REDIS_URL: not ours to start or stop; passwords move to files."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg
import redis

from stack import secretfiles
from stack.errors import StackError

_LOGICAL_DATABASES: Final = 16


class ExternalPostgres:
    """The server and database that a libpq URL names. Its user must be a superuser, or own the database and have CREATEROLE."""

    died = False

    def __init__(self, directory: Path, url: str) -> None:
        self._passfile = directory / "external.pgpass"
        self._bare, self._password = secretfiles.split_password(url)
        parts = urlsplit(url)
        self._user = unquote(parts.username or "postgres")
        self.database = unquote(parts.path.lstrip("/")) or "postgres"

    @property
    def superuser_url(self) -> str:
        """libpq URL of that user, without the password."""
        return secretfiles.with_role(self._bare, self._user, self._passfile) if self._password else self._bare

    @property
    def nearest_url(self) -> str:
        """The same: whoever gave the URL has chosen the way."""
        return self.superuser_url

    def start(self) -> None:
        """Looks whether it answers. Raises StackError."""
        if self._password:
            secretfiles.write_passfile(self._passfile, self._user, self._password)
        try:
            psycopg.connect(self.superuser_url, connect_timeout=10).close()
        except psycopg.OperationalError as error:
            raise StackError(f"DATABASE_URL cannot be used, mend or unset it: {error}") from error

    def answers(self) -> bool:
        """Whether it takes connections now."""
        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """It is not ours to stop."""


class ExternalRedis:
    """The server that a `redis://` URL names. With `fresh`, the first of its logical databases that holds nothing."""

    died = False

    def __init__(self, directory: Path, url: str, fresh: bool) -> None:
        self.url, self._password = secretfiles.split_password(url)
        self._file = directory / "external-redis.password"
        self._fresh = fresh

    @property
    def password_file(self) -> Path | None:
        """The file that holds the URL's password; None when it has none."""
        return self._file if self._password else None

    def start(self) -> None:
        """Looks whether it answers. Raises StackError."""
        if self._password:
            secretfiles.write(self._file, self._password + "\n")
        try:
            if self._fresh:
                self.url = self._empty_database()
            self._client(self.url).ping()
        except redis.RedisError as error:
            raise StackError(f"REDIS_URL cannot be used, mend or unset it: {error}") from error

    def stop(self) -> None:
        """It is not ours to stop; what a fresh stack left there goes."""
        if self._fresh:
            self._client(self.url).flushdb()

    def _client(self, url: str) -> "redis.Redis":
        return redis.Redis.from_url(url, password=self._password, socket_timeout=10)

    def _empty_database(self) -> str:
        for number in range(_LOGICAL_DATABASES):
            url = secretfiles.with_database(self.url, str(number))
            if self._client(url).dbsize() == 0:
                return url
        raise StackError(
            "REDIS_URL names a server without an empty logical database: flush one, or unset REDIS_URL."
        )
