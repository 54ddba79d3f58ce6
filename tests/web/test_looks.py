"""Every page, at a desk and on a phone, light and dark: a screenshot, and nothing grave for axe."""

import json
from collections.abc import Iterator
from typing import Final

import pytest

from tests.web import looks
from tests.web.browser import artefacts
from tests.web.conftest import Visit
from tests.web.market import Market
from tests.web.person import DESK, PHONE, Device, Person, Theme

ANYBODY: Final = {
    "welcome": "/",
    "register": "/register",
    "login": "/login",
    "missing": "/nowhere",
}
TRADER: Final = {
    "portfolio": "/portfolio",
    "stock": "/stocks/ABC",
    "watchlist": "/watchlist",
    "triggers": "/triggers",
    "history": "/history",
    "account": "/account",
}
SUPERVISOR: Final = {
    "overview": "/supervisor",
    "users": "/supervisor/users",
    "log": "/supervisor/log",
    "dumps": "/supervisor/dumps",
}
ENOUGH: Final = {(DESK, "light"), (PHONE, "dark")}
"""With these axe meets each colour and each layout; the long form asks it everywhere."""
_moderate: set[str] = set()


@pytest.fixture(scope="module", autouse=True)
def moderate() -> Iterator[None]:
    """What axe calls moderate is listed among the artefacts."""
    yield
    (artefacts() / "axe-moderate.json").write_text(json.dumps(sorted(_moderate), indent=1))
    print("\n".join(["", *sorted(_moderate)]) if _moderate else "\naxe: nothing, not even moderate")


def trades(market: Market, user: str) -> None:
    """By the side door: cash, holdings in profit and at a loss, both kinds of triggers, refusals, orders that wait."""
    for line in (
        "ADD,{},25000.00",
        "BUY,{},ABC,4000",
        "COMMIT_BUY,{}",
        "BUY,{},XYZ,3000",
        "COMMIT_BUY,{}",
        "BUY,{},ACE,99999",
        "SET_SELL_AMOUNT,{},ABC,500",
        "SET_SELL_TRIGGER,{},ABC,26.00",
        "SET_BUY_AMOUNT,{},ABD,750",
        "SET_BUY_TRIGGER,{},ABD,29.50",
        "SET_BUY_AMOUNT,{},ACE,300",
        "BUY,{},ABD,400",
        "CANCEL_BUY,{}",
        "COMMIT_SELL,{}",
    ):
        market.lines(line.format(user))
    market.price("ABC", "21.35")
    market.price("XYZ", "107.02")


def waiting(market: Market, user: str) -> None:
    """An order of each side that waits to be confirmed, and prices that are young."""
    market.lines(*(f"QUOTE,{user},{symbol}" for symbol in ("ABC", "ABD", "ACE", "XYZ")))
    market.lines(f"SELL,{user},ABC,200", f"BUY,{user},ACE,150")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("device", [DESK, PHONE], ids=lambda device: device.name)
def test_every_page(visit: Visit, market: Market, device: Device, theme: Theme, long: bool) -> None:
    with_axe = long or (device, theme) in ENOUGH
    stranger = visit(device, theme)
    walk(stranger, ANYBODY, with_axe)
    trader, user = visit(device, theme), f"veteran.{device.name}.{theme}"
    trader.register(user)
    _moderate.update(looks.inspect(trader, "portfolio-new", with_axe))
    trades(market, user)
    waiting(market, user)
    for symbol in ("ABC", "XYZ", "QQQ"):
        trader.page.request.put(f"/api/users/{user}/watchlist/{symbol}", headers=token(trader))
    walk(trader, TRADER, with_axe)
    boss = visit(device, theme)
    boss.log_in(market.supervisor(f"boss.{device.name}.{theme}"), lands_on="Overview")
    boss.page.request.post("/api/supervisor/dumps", data={"filename": "all.xml"}, headers=token(boss))
    walk(boss, SUPERVISOR, with_axe)


def token(person: Person) -> dict[str, str]:
    """The headers that a changing request of this person needs."""
    session = person.page.request.get("/api/session").json()
    return {
        "X-CSRF-Token": session["csrf_token"],
        "Idempotency-Key": "screenshot-0001",
        "Sec-Fetch-Site": "same-origin",
    }


def walk(person: Person, pages: dict[str, str], with_axe: bool) -> None:
    """Opens each page, waits until it has what it shows, and inspects it."""
    for name, path in pages.items():
        person.page.goto(path)
        person.page.get_by_role("heading", level=1).wait_for()
        person.page.wait_for_timeout(400)
        person.until(f"{name} has loaded", lambda: "Loading…" not in person.page.locator("main").inner_text())
        if name == "overview":
            person.page.locator("main canvas").wait_for()
        _moderate.update(looks.inspect(person, name, with_axe))
