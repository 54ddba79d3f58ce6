"""What the browser tests share: a market for each process of pytest, a browser for each module, people who visit.

A module has a browser of its own, so that Playwright's loop has ended when another module of this process wants asyncio.
"""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.web import browser as chromium
from tests.web.market import Market, open_market
from tests.web.person import DESK, Device, Person, Theme

Visit = Callable[..., Person]
"""visit(device=DESK, theme="light") -> Person"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="also what takes minutes (docs/testing.md)")


@pytest.fixture(scope="session")
def long(request: pytest.FixtureRequest) -> bool:
    """Whether the long form was asked for: `pytest tests/web --long`."""
    return bool(request.config.getoption("--long", default=False))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; without one the test is skipped and says so."""
    if chromium.executable() is None:
        pytest.skip(chromium.MISSING)
    with chromium.running() as running:
        yield running


@pytest.fixture(scope="session")
def running_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market with the usual lives of orders, where nobody has an account yet."""
    if chromium.executable() is None:
        pytest.skip(chromium.MISSING)
    with open_market(tmp_path_factory.mktemp("market")) as opened:
        yield opened


@pytest.fixture
def market(running_market: Market) -> Market:
    """That market, with the prices of the beginning. Each test has users of its own."""
    running_market.reset()
    return running_market


@pytest.fixture
def visit(browser: Browser, market: Market) -> Iterator[Visit]:
    """Lets somebody look at the market. At the end nobody's console may hold an error."""
    people: list[Person] = []

    def come(device: Device = DESK, theme: Theme = "light") -> Person:
        people.append(Person(browser, market.url, device, theme))
        return people[-1]

    yield come
    for person in people:
        person.close()
