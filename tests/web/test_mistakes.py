"""Wrong input: the page says what is wrong and what to do, and nothing has happened."""

import itertools

import pytest
from playwright.sync_api import expect

from tests.web.conftest import Visit
from tests.web.market import PASSWORD, Market
from tests.web.person import PHONE, Person

_numbers = itertools.count(1)


@pytest.fixture
def trader(visit: Visit) -> Person:
    """Somebody with $100 on the page of ABC, which costs $20."""
    person = visit()
    person.register(f"clumsy.{next(_numbers)}")
    person.deposit("100")
    person.open_stock("abc", "ABC")
    return person


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "Enter the amount in dollars"),
        ("ten", "digits with a point"),
        ("1.234", "at most two digits"),
        ("0", "more than zero"),
        ("-5", "digits with a point"),
        ("99999999999999", "at most $100,000,000,000.00"),
    ],
)
def test_an_amount_that_is_none_is_explained_before_it_is_sent(trader: Person, typed: str, told: str) -> None:
    trader.field("Amount").fill(typed)
    trader.press(trader.button("Buy ABC"))
    expect(trader.page.get_by_text(told)).to_be_visible()
    expect(trader.field("Amount")).to_be_focused()
    expect(trader.field("Amount")).to_have_attribute("aria-invalid", "true")
    expect(trader.page.get_by_test_id("pending")).to_have_count(0)


def test_too_little_cash_is_explained_and_what_to_do(trader: Person) -> None:
    trader.refusals = {409}
    trader.field("Amount").fill("5,000")
    trader.press(trader.button("Buy ABC"))
    alert = trader.page.get_by_role("alert")
    expect(alert).to_contain_text("Not enough cash")
    expect(alert).to_contain_text("Deposit")


def test_less_than_a_share_is_explained(trader: Person) -> None:
    trader.refusals = {409}
    trader.field("Amount").fill("3")
    expect(trader.page.get_by_text("One share costs $20.00")).to_be_visible()
    trader.press(trader.button("Buy ABC"))
    expect(trader.page.get_by_role("alert")).to_be_visible()


def test_what_one_does_not_hold_cannot_be_sold(trader: Person) -> None:
    trader.refusals = {409}
    trader.press(trader.page.get_by_role("radio", name="Sell", exact=True).locator(".."))
    expect(trader.page.get_by_text("You have no free ABC shares to sell")).to_be_visible()
    trader.field("Amount").fill("50")
    trader.press(trader.button("Sell ABC"))
    expect(trader.page.get_by_role("alert")).to_contain_text("shares")


def test_registering_says_what_is_wrong_with_name_and_password(visit: Visit) -> None:
    visit().register("first.come")
    person = visit(PHONE)
    person.refusals = {409, 422}
    page = person.page
    page.goto("/register")
    person.press(person.button("Register"))
    expect(page.get_by_text("Choose a user name.")).to_be_visible()
    expect(page.get_by_text("Choose a password.")).to_be_visible()
    person.field("User name").fill("no blanks please")
    expect(page.get_by_text("Letters, digits and _ . - only")).to_be_visible()
    person.field("User name").fill("first.come")
    person.field("Password").fill("password")
    person.press(person.button("Register"))
    expect(page.get_by_role("alert")).to_be_visible()
    person.field("Password").fill("marble canyon 77 drum")
    page.wait_for_timeout(600)
    person.press(person.button("Register"))
    expect(page.get_by_role("alert")).to_contain_text("taken")


def test_a_session_that_ended_elsewhere_leads_to_the_log_in_and_back(visit: Visit, market: Market) -> None:
    person = visit()
    person.register("returning")
    person.page.goto("/triggers")
    person.heading("Triggers")
    person.refusals = {401}
    person.context.clear_cookies(name="__Host-daytrade")
    person.page.goto("/triggers")
    person.heading("Log in")
    person.field("User name").fill("returning")
    person.field("Password").fill(PASSWORD)
    person.press(person.page.get_by_role("main").get_by_role("button", name="Log in"))
    person.heading("Triggers")
