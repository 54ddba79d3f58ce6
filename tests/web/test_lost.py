"""The answer to a command is lost after it has taken effect: the page sends it again by itself, and it has happened once."""

import re
from collections import Counter

import pytest
from playwright.sync_api import Route, expect

from tests.web.conftest import Visit
from tests.web.market import Market
from tests.web.person import Person

_TRADING = re.compile(r"/api/users/[^/]+/(deposits|buys|sells)")


class Thief:
    """Takes the first answer to each trading command: the server has done it, the browser sees a broken connection."""

    def __init__(self, person: Person) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        """How often each (address, key) was sent."""
        person.page.route(_TRADING, self._meet)

    def _meet(self, route: Route) -> None:
        request = (route.request.url, route.request.headers.get("idempotency-key", ""))
        self.asked[request] += 1
        answer = route.fetch()
        assert answer.ok, answer.text()
        if self.asked[request] == 1:
            route.abort("connectionreset")
        else:
            route.fulfill(response=answer)


@pytest.mark.parametrize("reloads", [False, True], ids=["tried again", "page loaded again"])
def test_a_lost_answer_is_asked_for_again(visit: Visit, market: Market, reloads: bool) -> None:
    person = visit()
    person.cuts = True
    user = f"robbed.{reloads}"
    person.register(user)
    thief = Thief(person)
    person.field("Deposit").fill("1000")
    person.press(person.button("Deposit"))
    if reloads:
        person.until("the first answer is lost", lambda: thief.asked.total() == 1)
        person.page.reload()
    person.toast(re.compile("Deposit.*done|deposited"))
    person.open_stock("abc", "ABC")
    person.field("Amount").fill("100")
    person.press(person.button("Buy ABC"))
    expect(person.page.get_by_test_id("pending")).to_contain_text("5 ABC")
    person.confirm("buy")
    expect(person.page.get_by_test_id("pending")).to_have_count(0)
    assert len(thief.asked) == 3, thief.asked
    assert set(thief.asked.values()) == {2}
    rows = market.rows(
        "SELECT split_part(body, ',', 1) AS command, count(*) AS times FROM command"
        " WHERE body ~ %s GROUP BY 1 ORDER BY 1",
        f"^(ADD|BUY|COMMIT_BUY),{re.escape(user)}(,|$)",
    )
    assert [(row["command"], row["times"]) for row in rows] == [("ADD", 1), ("BUY", 1), ("COMMIT_BUY", 1)]
    assert market.rows("SELECT cash_cents FROM account WHERE username = %s", user) == [{"cash_cents": 90_000}]
    assert market.violations() == []
