"""The web application around real Postgres and Valkey, asked by Flask's test client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask

from core.clock import SystemClock
from core.settings import Address, Settings
from tests.conftest import Cache, Database
from webclient.app import create_app
from webclient.compose import make_parts
from webclient.parts import NAME, Parts


@pytest.fixture
def web_settings(database: Database, redis_db: Cache, tmp_path: Path) -> Settings:
    """What a worker of the web client is told."""
    secret = tmp_path / "secret"
    secret.write_text("a secret that only this test knows")
    return Settings(
        name="webclient",
        database_url=database.url("daytrade_web"),
        redis_url=redis_db.url,
        redis_password_file=redis_db.password_file,
        web_secret_file=secret,
        balancer=Address.parse("127.0.0.1:9"),  # nobody listens there
    )


@pytest.fixture
def web_parts(web_settings: Settings) -> Iterator[Parts]:
    """A worker's parts."""
    parts = make_parts(web_settings, SystemClock())
    yield parts
    parts.lines.stop()
    parts.pool.close()
    parts.valkey.close()


@pytest.fixture
def app(web_parts: Parts) -> APIFlask:
    """The application; `app.extensions[NAME]` are its parts."""
    made = create_app(web_parts)
    assert made.extensions[NAME] is web_parts
    return made
