"""An order that is not confirmed in time: it goes by itself, the page says so and what became of the money."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.web.conftest import Visit
from tests.web.market import Market, open_market

PENDING_LIFE_MS = 4_000


@pytest.fixture(scope="module")
def running_market(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    """A market in which an order can be confirmed for four seconds only."""
    with open_market(tmp_path_factory.mktemp("hasty"), PENDING_LIFE_MS) as opened:
        yield opened


def test_an_order_that_was_not_confirmed_expires_and_is_explained(visit: Visit) -> None:
    trader = visit()
    trader.register("hesitant")
    trader.deposit("100")
    trader.open_stock("abc", "ABC")
    card = trader.order("Buy", "ABC", "60")
    expect(card.get_by_role("timer")).to_contain_text("left")
    toast = trader.toast("Order expired", PENDING_LIFE_MS + 6_000)
    expect(toast).to_contain_text("was not confirmed in time")
    expect(toast).to_contain_text("back in your cash")
    expect(card).to_have_count(0)
    trader.go("Portfolio")
    expect(trader.page.get_by_test_id("cash")).to_have_text("$100.00")
