"""The web application around real Postgres and Valkey, asked by Flask's test client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from apiflask import APIFlask

from core.clock import SystemClock
from core.settings import Address, Settings
from tests.conftest import Cache, Database
from tests.unit.webclient.visitors import Visitor, trader
from tests.unit.webclient.watching import Looking
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


@pytest.fixture
def alice(app: APIFlask) -> Visitor:
    """A trader who is logged in."""
    return trader(app, "alice")


@pytest.fixture
def hub(web_parts: Parts) -> Iterator[Looking]:
    """Streams of this test, beside those of the application."""
    made = Looking(web_parts.pool, SystemClock())
    yield made
    made.close()
