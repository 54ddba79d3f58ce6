"""The supervisor's story: who is there, how busy the market is, what somebody did, the log as a file, and somebody locked out."""

import csv
import re
from pathlib import Path

from playwright.sync_api import Download, expect

from tests.web.conftest import Visit
from tests.web.market import PASSWORD, Market
from tests.web.person import Person
from tests.web.victims import all_back, held_down


def taken(person: Person, press: str, folder: Path) -> str:
    """The text of the file that a link of that name gives."""
    with person.page.expect_download() as waiting:
        person.press(person.page.get_by_role("link", name=press))
    download: Download = waiting.value
    file = folder / download.suggested_filename
    download.save_as(file)
    return file.read_text("utf-8")


def test_a_day_of_a_supervisor(visit: Visit, market: Market, tmp_path: Path) -> None:
    trader = visit()
    trader.register("watched")
    trader.deposit("500.00")
    market.lines("ADD,by.the.side.door,1.00", "BUY,watched,ABC,9999")
    boss = visit()
    boss.log_in(market.supervisor("chief"), lands_on="Overview")
    page = boss.page
    expect(page.get_by_text(re.compile(r"All \d+ parts are up"))).to_be_visible()
    for part in ("loadbalancer", "webserver-0", "transaction-1", "trigger-0", "webclient"):
        expect(page.get_by_role("row").filter(has_text=part)).to_contain_text("up")
    boss.until("commands are counted", lambda: commands_per_second(boss, market) > 0)

    boss.go("Users")
    boss.field("Find a user").fill("WATCH")
    row = page.get_by_role("row").filter(has_text="watched")
    expect(row).to_contain_text("$500.00")
    expect(page.get_by_role("row").filter(has_text="by.the.side.door")).to_have_count(0)
    boss.press(row.get_by_role("link", name="watched"))
    boss.heading("Audit log")
    log = page.get_by_role("region", name="Entries")
    expect(log.get_by_role("row").filter(has_text="INSUFFICIENT_FUNDS")).to_contain_text("BUY ABC")
    expect(log).not_to_contain_text("by.the.side.door")
    boss.field("Command").select_option("ADD")
    boss.press(boss.button("Show"))
    expect(log.get_by_role("row")).to_have_count(2)  # the head, and the deposit
    rows = list(csv.DictReader(taken(boss, "Download as CSV", tmp_path).splitlines()))
    assert [(row["user"], row["command"], row["amount"]) for row in rows] == [("watched", "ADD", "500.00")]

    boss.go("Dumps")
    boss.field("File name").fill("no/path")
    boss.press(boss.button("Write the dump"))
    expect(page.get_by_text("Use letters, digits")).to_be_visible()
    boss.field("File name").fill("chief.xml")
    boss.field("User").fill("watched")
    boss.press(boss.button("Write the dump"))
    boss.toast("chief.xml is written")
    xml = taken(boss, "Download chief.xml", tmp_path)
    assert "<username>watched</username>" in xml
    assert "<errorMessage>INSUFFICIENT_FUNDS" in xml
    assert "by.the.side.door" not in xml


def commands_per_second(boss: Person, market: Market) -> float:
    """What the tile says while somebody asks for prices."""
    market.lines(*["QUOTE,someone,ABC"] * 20)
    tile = boss.page.locator("dl > div").filter(has_text="Commands a second").locator("dd")
    text = tile.inner_text() if tile.count() else "–"
    return 0 if text == "–" else float(text.replace(",", ""))


def test_the_log_page_by_page_and_by_time(visit: Visit, market: Market) -> None:
    market.lines(*(f"ADD,busy,{number}.00" for number in range(1, 121)))
    boss = visit()
    boss.log_in(market.supervisor("chief"), lands_on="Overview")
    page = boss.page
    page.goto("/supervisor/log?user=busy")
    log, pages = (
        page.get_by_role("region", name="Entries"),
        page.get_by_role("navigation", name="Pages of the log"),
    )
    amounts = log.locator("td.amount")
    seen = []
    for number in (1, 2, 3):
        expect(pages).to_contain_text(f"Page {number}")
        seen += amounts.all_inner_texts()
        if number < 3:
            boss.press(pages.get_by_role("button", name="Older"))
    assert seen == [f"${number}.00" for number in range(120, 0, -1)]
    expect(pages.get_by_role("button", name="Older")).to_be_disabled()
    boss.press(pages.get_by_role("button", name="Newer"))
    expect(pages).to_contain_text("Page 2")
    assert amounts.all_inner_texts() == seen[50:100]
    boss.field("To").fill("2020-01-01T00:00")
    boss.press(boss.button("Show"))
    expect(page.get_by_text("Nothing in the log matches")).to_be_visible()
    boss.field("To").fill("2100-01-01T00:00")
    boss.field("From").fill("2020-01-01T00:00")
    boss.press(boss.button("Show"))
    expect(pages).to_contain_text("Page 1")


def test_who_is_locked_out_is_out_until_let_in_again(visit: Visit, market: Market) -> None:
    rascal, boss = visit(), visit()
    rascal.register("rascal")
    rascal.refusals = {401}
    boss.log_in(market.supervisor("chief"), lands_on="Overview")
    boss.go("Users")
    row = boss.page.get_by_role("row").filter(has_text="rascal")
    boss.press(row.get_by_role("button", name="Lock out"))
    boss.press(row.get_by_role("button", name="No", exact=True))
    boss.press(row.get_by_role("button", name="Lock out"))
    boss.press(row.get_by_role("button", name="Yes, lock out rascal"))
    expect(row).to_contain_text("locked out")
    rascal.heading("Log in")  # without a click: the stream of events ended
    rascal.field("User name").fill("rascal")
    rascal.field("Password").fill(PASSWORD)
    rascal.press(rascal.page.get_by_role("main").get_by_role("button", name="Log in"))
    expect(rascal.page.get_by_role("alert")).to_be_visible()
    boss.press(row.get_by_role("button", name="Let in again"))
    boss.toast("rascal may log in again")
    rascal.log_in("rascal")


def test_a_part_that_is_down_is_shown(visit: Visit, market: Market) -> None:
    boss = visit()
    boss.log_in(market.supervisor("chief"), lands_on="Overview")
    expect(boss.page.get_by_text("parts are up")).to_be_visible()
    with held_down(market, "shard", "anybody"):
        expect(boss.page.get_by_text(re.compile(r"One part is down: transaction-\d"))).to_be_visible()
        expect(boss.page.get_by_role("row").filter(has_text="down")).to_have_count(1)
    all_back(market)
    expect(boss.page.get_by_text("parts are up")).to_be_visible()


def test_a_trader_sees_nothing_of_it(visit: Visit) -> None:
    trader = visit()
    trader.register("curious")
    trader.page.goto("/supervisor/log")
    trader.heading("Portfolio")
    trader.refusals = {403}
    assert trader.page.request.get("/api/supervisor/users").status == 403
