"""Real Postgres and Valkey for the tests that need them: started by the first such test of a process, gone with the process.

Each pytest-xdist worker has servers of its own (0.7 s to start): a test may kill them, and no other worker notices.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
import structlog

from stack.embedded import Services

_numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs real services or a whole stack is slow: `./daytrade test --fast` leaves it out."""
    for item in items:
        fixtures: Sequence[str] = getattr(item, "fixturenames", ())
        if {"services", "browser"} & set(fixtures) or "e2e" in item.path.parts:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says aloud when a whole kind of test was left out (tests/web without a browser)."""
    skipped = (report.longrepr for report in terminalreporter.stats.get("skipped", []))
    reasons = {str(told[2]) for told in skipped if isinstance(told, tuple)}
    for reason in sorted(reason for reason in reasons if "BROWSER" in reason):
        terminalreporter.write_line(reason, yellow=True, bold=True)


@dataclass(frozen=True)
class Database:
    """A migrated database that only this test uses."""

    services: Services
    name: str

    @property
    def admin_url(self) -> str:
        """libpq URL of the superuser."""
        return self.services.admin_url_of(self.name)

    def url(self, role: str) -> str:
        """libpq URL of one of db.migrate.ROLES."""
        return self.services.url(role, self.name)


@dataclass(frozen=True)
class Cache:
    """An empty Valkey that only this test uses."""

    url: str
    password_file: Path | None

    @property
    def password(self) -> str | None:
        """What `redis.Redis.from_url(url, password=...)` wants."""
        return self.password_file.read_text("utf-8").strip() if self.password_file else None


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Running Postgres and Valkey. A test that kills one of them starts it again."""
    running = Services(tmp_path_factory.mktemp("services"), os.environ, fresh=True)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def database(services: Services) -> Iterator[Database]:
    """A fresh copy of the migrated database (20 ms)."""
    name = f"{services.database}_test_{next(_numbers)}"
    services.create_database(name, template=services.database)
    yield Database(services, name)
    services.drop_database(name)


@pytest.fixture
def redis_db(services: Services) -> Cache:
    """The cache, emptied."""
    cache = Cache(services.redis_url, services.redis_password_file)
    client = redis.Redis.from_url(cache.url, password=cache.password)
    client.flushall()
    client.close()
    return cache


@pytest.fixture
def log_on_standard_output() -> Iterator[None]:
    """The log as the tiers write it, where a test can read it (capsys)."""
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield
    structlog.reset_defaults()
