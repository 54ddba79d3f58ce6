"""What the security tests share: the application around real Postgres and Valkey, and a whole stack to send raw bytes to.

Each test is named for the requirement of OWASP ASVS 5.0.0 that it shows, and says the requirement in our own words.
"""

from collections.abc import Iterator

import pytest
from apiflask import APIFlask

from core.clock import SystemClock
from core.settings import Settings
from stack.launcher import Stack, throw_away
from stack.topology import Shape
from tests.unit.webclient.conftest import web_settings
from tests.unit.webclient.visitors import generous
from webclient.app import create_app
from webclient.compose import make_parts

__all__ = ["web_settings"]


class SteppedClock(SystemClock):
    """The machine's clock, and what the test adds to it."""

    step_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.step_ms


@pytest.fixture
def clock() -> SteppedClock:
    """The application's clock."""
    return SteppedClock()


@pytest.fixture
def app(web_settings: Settings, clock: SteppedClock) -> Iterator[APIFlask]:
    """The application. Its way to the load balancer is closed: whoever is let through that far is told BUSY at once."""
    parts = make_parts(generous(web_settings), clock)
    parts.lines.stop()
    yield create_app(parts)
    parts.pool.close()
    parts.valkey.close()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """A whole throw-away stack with a web client."""
    with throw_away(
        Shape(shards=1, web_servers=1, delay="none", price="fixed:1000", web_client=True)
    ) as running:
        yield running
