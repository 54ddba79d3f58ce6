"""The whole story of somebody who has never seen the system, in a real browser: at a desk, and on a phone by touch."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.web import looks
from tests.web.conftest import Visit
from tests.web.market import PASSWORD, QUOTE_LIFE_MS, Market
from tests.web.person import DESK, PHONE, Device, Person

FIRE_MS = 10 * QUOTE_LIFE_MS
"""A new price is met when the old quote's life ends; the rest is for a busy machine."""


@pytest.mark.parametrize("device", [DESK, PHONE], ids=lambda device: device.name)
def test_from_the_first_page_to_the_history(
    visit: Visit, market: Market, device: Device, tmp_path: Path
) -> None:
    user = f"newcomer.{device.name}"
    market.price("ABC", "20.00")
    person = visit(device)
    page = person.page
    person.register(user)
    expect(page.get_by_role("heading", name="First steps")).to_be_visible()
    person.deposit("1,000")
    expect(page.get_by_test_id("cash")).to_have_text("$1,000.00")

    person.open_stock("ab", "ABC")
    card = person.order("Buy", "ABC", "250")
    expect(card).to_contain_text("12 ABC")
    expect(card).to_contain_text("costs $240.00")
    expect(card.get_by_role("timer")).to_have_text(re.compile(r"^(60|5\d)\s"))
    looks.shot(person, "story-1-confirm", whole=False)
    person.confirm("buy")

    market.price("ABC", "25.00")
    person.until("the new price is there", lambda: shows_price(person, "$25.00"))
    person.go("Portfolio")
    row = page.get_by_test_id("holdings").get_by_role("row").filter(has_text="ABC")
    expect(row).to_contain_text("+$60.00")
    expect(row).to_contain_text("+25.00%")
    expect(page.get_by_test_id("cash")).to_have_text("$760.00")
    looks.shot(person, "story-2-holdings", whole=False)

    set_trigger(person, "Sell when it rises", "ABC", "300", "30.00")
    expect(page.get_by_test_id("triggers")).to_contain_text("at least $30.00")
    market.price("ABC", "31.00")
    toast = person.toast("Your sell trigger fired", FIRE_MS)
    expect(toast).to_contain_text("10 ABC sold at $31.00")
    looks.shot(person, "story-3-fired", whole=False)
    expect(page.get_by_test_id("triggers")).to_be_hidden()
    person.go("Portfolio")
    expect(page.get_by_test_id("cash")).to_have_text("$1,070.00")
    expect(row).to_contain_text("2")

    read_history(person, user, tmp_path)
    person.press(
        page.get_by_role("link", name=re.compile(user)).or_(page.locator('header a[href="/account"]')).first
    )
    person.press(person.button("Log out"))
    person.heading(re.compile("Buy and sell stocks"))
    page.goto("/portfolio")
    person.heading("Log in")
    assert market.violations() == []


def shows_price(person: Person, dollars: str) -> bool:
    """Asks for a new price, on the stock's page, until it is that one: a price is used for as long as it lives."""
    if dollars in person.page.get_by_test_id("quote").inner_text():
        return True
    person.press(person.button(re.compile("New price|Asking…")))
    person.page.wait_for_timeout(300)
    return False


def set_trigger(person: Person, kind: str, symbol: str, amount: str, price: str) -> None:
    """On the triggers' page."""
    person.go("Triggers")
    person.heading("Triggers")
    form = person.page.get_by_test_id("trigger-form")
    person.press(form.get_by_text(kind))
    form.get_by_label("Stock").fill(symbol)
    form.get_by_label(re.compile("(Buy|Sell) for")).fill(amount)
    form.get_by_label(re.compile("When the price is")).fill(price)
    expect(form).to_contain_text("Until then")
    person.press(form.get_by_role("button", name="Set the trigger"))
    person.toast(f"Trigger set on {symbol}")


def read_history(person: Person, user: str, folder: Path) -> None:
    """All of the story is in it; the filter shows the fire alone; both files can be taken away."""
    page = person.page
    person.go("History")
    person.heading("History")
    entries = page.get_by_role("region", name="Entries")
    expect(entries.get_by_role("row").or_(entries.get_by_role("listitem")).first).to_be_visible()
    looks.shot(person, "story-4-history")
    for name, expected in (("Table (CSV)", "31.00"), ("Audit log (XML)", f"<username>{user}</username>")):
        with page.expect_download() as taken:
            person.press(person.button(name))
        file = folder / taken.value.suggested_filename
        taken.value.save_as(file)
        assert expected in file.read_text()
    person.press(page.locator("summary", has_text="Filter"))
    person.field("Stock").fill("ABC")
    person.field("What").select_option(label="Buy ordered")
    person.press(person.button("Apply"))
    expect(page).to_have_url(re.compile("command=BUY&"))
    expect(entries.get_by_role("row").filter(has_text="Buy ordered")).to_have_count(1)
    page.reload()
    expect(entries.get_by_role("row").filter(has_text="Buy ordered")).to_have_count(1)
    expect(entries).not_to_contain_text("Deposit")


def test_the_colours_are_chosen_and_stay_chosen(visit: Visit) -> None:
    person = visit(theme="light")
    person.register("painter")
    page = person.page
    body = page.locator("body")
    light, dark = "rgb(243, 245, 248)", "rgb(13, 17, 23)"
    expect(body).to_have_css("background-color", light)
    page.goto("/account")
    person.press(page.get_by_text("Dark", exact=True))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(body).to_have_css("background-color", dark)
    page.goto("/portfolio")
    person.heading("Portfolio")
    expect(body).to_have_css("background-color", dark)


def test_a_password_is_changed_and_the_old_one_is_no_good(visit: Visit) -> None:
    person = visit()
    person.register("changer")
    person.page.goto("/account")
    person.field("Password now").fill(PASSWORD)
    person.field("New password").fill(PASSWORD + " twice")
    person.press(person.button("Change the password"))
    person.toast("Password changed")
    person.press(person.button("Log out"))
    person.refusals = {401}
    person.page.goto("/login")
    person.field("User name").fill("changer")
    person.field("Password").fill(PASSWORD)
    person.press(person.page.get_by_role("main").get_by_role("button", name="Log in"))
    expect(person.page.get_by_role("alert")).to_be_visible()
    person.field("Password").fill(PASSWORD + " twice")
    person.page.wait_for_timeout(600)
    person.press(person.page.get_by_role("main").get_by_role("button", name="Log in"))
    person.heading("Portfolio")
