"""A tier is killed while somebody trades in the browser: a banner if it takes long, then it goes on, every order is there once.

Short: each victim dies once while an order is on its way; two of them stay down until the banner shows.
Long (`--long`, docs/testing.md): each stays down while somebody orders, and dies several times more at drawn moments.
"""

import random
import re
from dataclasses import dataclass, field
from typing import Final

import pytest
from playwright.sync_api import expect

from tests.web import looks
from tests.web.conftest import Visit
from tests.web.market import Market
from tests.web.person import Person
from tests.web.victims import VICTIMS, all_back, held_down, strike

PRICE_CENTS: Final = 2_000
DEPOSIT_CENTS: Final = 1_000_000
GOES_ON_MS: Final = 45_000
"""Recovery is a matter of seconds; the browser tries again at most 4 s later; the machine may be busy."""
NOTICED_MS: Final = 15_000
NOTICED: Final = ("web client", "load balancer")
"""Kept down until the banner shows, in the short form too: the browser's own server, and one that only makes answers late."""
UNNOTICED: Final = ("web client's worker", "web server", "Valkey")
"""Somebody else does their work meanwhile: the other worker, the other web server, Postgres. No banner, no wait."""
LONG_KILLS: Final = 6
SEED: Final = 20261121


@dataclass
class Trader:
    """Somebody who buys ever more of one stock, and what they believe they have done."""

    person: Person
    user: str
    shares: list[int] = field(default_factory=list)

    def buy(self) -> int:
        """Asks for the next order; how many shares it is about."""
        shares = 2 + len(self.shares)
        self.person.field("Amount").fill(f"{shares * PRICE_CENTS // 100}.00")
        self.person.press(self.person.button("Buy ABC"))
        return shares

    def placed(self, shares: int) -> None:
        """Waits until the order can be confirmed."""
        card = self.person.page.get_by_test_id("pending")
        expect(card).to_have_count(1, timeout=GOES_ON_MS)
        expect(card).to_contain_text(f"{shares} ABC")

    def confirm(self) -> None:
        self.person.press(self.person.button("Confirm buy"))

    def confirmed(self, shares: int) -> None:
        """Waits until the page says so."""
        self.person.toast(f"Bought {shares} ABC", GOES_ON_MS)
        expect(self.person.page.get_by_test_id("pending")).to_have_count(0, timeout=GOES_ON_MS)
        self.shares.append(shares)

    def whole_order(self) -> None:
        shares = self.buy()
        self.placed(shares)
        self.confirm()
        self.confirmed(shares)


@pytest.mark.parametrize("victim", VICTIMS)
def test_orders_go_on_and_happen_once(visit: Visit, market: Market, victim: str, long: bool) -> None:
    chance = random.Random(f"{SEED} {victim}")
    trader = newcomer(visit, market, victim)
    trader.whole_order()
    if victim in NOTICED or long:
        with held_down(market, victim, trader.user):
            shares = trader.buy()
            if victim in UNNOTICED:
                trader.placed(shares)
            else:
                banner(trader.person, victim)
    else:
        shares = trader.buy()
        trader.person.page.wait_for_timeout(chance.uniform(0, 20))
        strike(market, victim, trader.user)
    trader.placed(shares)
    trader.confirm()
    trader.confirmed(shares)
    for _ in range(LONG_KILLS if long else 0):
        all_back(market)
        killed_in_between(trader, market, victim, chance)
    trader.whole_order()
    expect(trader.person.page.get_by_test_id("connection-banner")).to_be_hidden(timeout=GOES_ON_MS)
    all_back(market)
    everything_once(market, trader)
    nobody_notices_later(visit(), trader)


def nobody_notices_later(other: Person, trader: Trader) -> None:
    """Nothing broken is left lying about for the next one: neither connections nor log-ins."""
    other.log_in(trader.user)
    other.page.reload()
    expect(other.page.get_by_test_id("holdings")).to_contain_text("ABC")


def newcomer(visit: Visit, market: Market, victim: str) -> Trader:
    """Registered, with money, on the page of the stock."""
    person = visit()
    person.cuts = True
    user = f"trader.{victim.replace(' ', '.').replace(chr(39), '')}"
    person.register(user)
    person.deposit(f"{DEPOSIT_CENTS // 100}.00")
    person.open_stock("abc", "ABC")
    return Trader(person, user)


UNCOVERED: Final = """banner => {
    const { x, y, width, height } = banner.getBoundingClientRect();
    return banner.contains(document.elementFromPoint(x + width / 2, y + height / 2));
}"""


def banner(person: Person, victim: str) -> None:
    """It says that something is wrong, in sight also where the page is scrolled down."""
    person.page.mouse.wheel(0, 300)
    shown = person.page.get_by_test_id("connection-banner")
    expect(shown).to_be_visible(timeout=NOTICED_MS)
    expect(shown).to_be_in_viewport(ratio=1)
    assert shown.evaluate(UNCOVERED), "something lies over the banner"
    looks.shot(person, f"killed-{victim.replace(' ', '-').replace(chr(39), '')}", whole=False)


def killed_in_between(trader: Trader, market: Market, victim: str, chance: random.Random) -> None:
    """One more order; the victim dies at a drawn moment of it, and is brought back at once."""
    at_confirmation = chance.random() < 0.5
    shares = trader.buy()
    if at_confirmation:
        trader.placed(shares)
        trader.confirm()
    trader.person.page.wait_for_timeout(chance.uniform(0, 80))
    strike(market, victim, trader.user)
    if not at_confirmation:
        trader.placed(shares)
        trader.confirm()
    trader.confirmed(shares)


def everything_once(market: Market, trader: Trader) -> None:
    """The database: each order and confirmation one row, none refused; the cash and the shares that follow from them."""
    rows = market.rows(
        "SELECT split_part(body, ',', 1) AS command, count(*) AS times, count(*) FILTER (WHERE reply LIKE 'OK%%') AS done"
        " FROM command WHERE body ~ %s GROUP BY 1",
        f"^(ADD|BUY|COMMIT_BUY|CANCEL_BUY),{re.escape(trader.user)}(,|$)",
    )
    orders, bought = len(trader.shares), sum(trader.shares)
    assert {row["command"]: (row["times"], row["done"]) for row in rows} == {
        "ADD": (1, 1),
        "BUY": (orders, orders),
        "COMMIT_BUY": (orders, orders),
    }
    account = market.rows("SELECT cash_cents, reserved_cents FROM account WHERE username = %s", trader.user)
    assert account == [{"cash_cents": DEPOSIT_CENTS - bought * PRICE_CENTS, "reserved_cents": 0}]
    holding = market.rows("SELECT symbol, shares FROM holding WHERE username = %s", trader.user)
    assert holding == [{"symbol": "ABC", "shares": bought}]
    assert market.violations() == []
