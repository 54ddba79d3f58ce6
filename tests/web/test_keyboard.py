"""One whole order without a mouse: log-in, search, amount, confirmation, each by keys, and one always sees where one is."""

import re

from playwright.sync_api import Locator, expect

from tests.web.conftest import Visit
from tests.web.market import PASSWORD, Market
from tests.web.person import Person

_MOST_TABS = 60
_FOCUSED = "element => element.matches(':focus-visible') && getComputedStyle(element).outlineStyle !== 'none'"


def tab_to(person: Person, target: Locator) -> None:
    """Presses Tab until the focus is there. Raises AssertionError when it never is, or cannot be seen there."""
    expect(target).to_be_visible()
    for _ in range(_MOST_TABS):
        if target.evaluate("element => element === document.activeElement"):
            assert target.evaluate(_FOCUSED), "the focus cannot be seen"
            return
        person.page.keyboard.press("Tab")
    raise AssertionError(f"{_MOST_TABS} tabs do not lead to {target}")


def test_an_order_by_keys_alone(visit: Visit, market: Market) -> None:
    person = visit()
    page, keys = person.page, person.page.keyboard
    page.goto("/")
    tab_to(person, page.get_by_role("link", name="Skip to the content"))
    tab_to(person, page.get_by_role("main").get_by_role("link", name="Register"))
    keys.press("Enter")
    person.heading("Register")
    tab_to(person, person.field("User name"))
    keys.type("pianist")
    tab_to(person, person.field("Password"))
    keys.type(PASSWORD)
    keys.press("Enter")
    person.heading("Portfolio")
    tab_to(person, person.field("Deposit"))
    keys.type("400")
    keys.press("Enter")
    person.toast("deposited")

    page.evaluate("() => document.activeElement.blur()")
    keys.press("/")
    expect(page.get_by_role("combobox")).to_be_focused()
    keys.type("ac")
    expect(page.get_by_role("option", name="ACE")).to_be_visible()
    keys.press("ArrowDown")
    expect(page.get_by_role("combobox")).to_have_attribute("aria-activedescendant", re.compile("."))
    while page.locator("[role=option][aria-selected=true]", has_text="ACE").count() == 0:
        keys.press("ArrowDown")
    keys.press("Enter")
    person.heading("ACE")
    page.evaluate("() => document.activeElement.blur()")
    keys.press("b")
    expect(person.field("Amount")).to_be_focused()
    keys.type("100")
    keys.press("Enter")
    card = page.get_by_test_id("pending")
    expect(card).to_contain_text("12 ACE")
    tab_to(person, person.button("Confirm buy"))
    keys.press("Enter")
    person.toast("Bought 12 ACE for $99.00")
    assert market.rows("SELECT shares FROM holding WHERE username = 'pianist'") == [{"shares": 12}]


def test_the_search_by_escape_and_the_help(visit: Visit) -> None:
    person = visit()
    person.register("reader")
    page, keys = person.page, person.page.keyboard
    page.get_by_role("combobox").fill("a")
    expect(page.get_by_role("option", name="ABC")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("option", name="ABC")).to_be_hidden()
    page.evaluate("() => document.activeElement.blur()")
    keys.press("?")
    dialog = page.get_by_role("dialog", name="Help")
    expect(dialog).to_be_visible()
    keys.press("Escape")
    expect(dialog).to_be_hidden()
