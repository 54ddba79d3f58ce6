"""Somebody at a browser: what they do, in the page's own words, and everything that went wrong under their eyes."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

from tests.web.market import PASSWORD

Theme = Literal["dark", "light"]
SOON_MS: Final = 15_000
"""What comes at once on an idle machine; the tests share two cores with others."""
expect.set_options(timeout=SOON_MS)  # Playwright's own five seconds are for quiet machines
_REFUSED: Final = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_CUT: Final = re.compile(r"Failed to load resource: net::ERR_|net::ERR_INCOMPLETE_CHUNKED_ENCODING")


@dataclass(frozen=True)
class Device:
    """What somebody looks at the page with."""

    name: str
    width: int
    height: int
    touch: bool = False


DESK: Final = Device("desktop", 1280, 800)
PHONE: Final = Device("phone", 360, 740, touch=True)


class Person:
    """One browser profile, with one page open."""

    def __init__(self, browser: Browser, url: str, device: Device = DESK, theme: Theme = "light") -> None:
        self.device, self.theme = device, theme
        self.context = browser.new_context(
            base_url=url,
            viewport={"width": device.width, "height": device.height},
            has_touch=device.touch,
            is_mobile=device.touch,
            color_scheme=theme,
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(SOON_MS)
        self.refusals: set[int] = set()
        """Statuses that this person provokes on purpose: the browser writes each into its console."""
        self.cuts = False
        """Whether connections may be cut: somebody kills servers."""
        self.errors: list[str] = []
        self.page: Page = self.context.new_page()
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.errors.append(f"exception: {error}"))
        self.page.on("crash", lambda _: self.errors.append("the page crashed"))

    def _told(self, message: ConsoleMessage) -> None:
        if message.type not in {"error", "warning"}:
            return
        refused = _REFUSED.match(message.text)
        if refused and (int(refused[1]) in self.refusals or (self.cuts and refused[1] in {"502", "503"})):
            return
        if self.cuts and _CUT.search(message.text):
            return
        self.errors.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def close(self) -> None:
        """Leaves. Raises AssertionError when the browser's console held an error or a warning."""
        self.context.close()
        assert not self.errors, "\n".join(self.errors)

    def press(self, target: Locator) -> None:
        """With a finger on a phone, with the mouse at a desk."""
        (target.tap if self.device.touch else target.click)()

    def button(self, name: str | re.Pattern[str]) -> Locator:
        """By what stands on it, or its label."""
        return self.page.get_by_role("button", name=name, exact=isinstance(name, str))

    def field(self, label: str) -> Locator:
        """A field of the page itself (not of its header) by its label."""
        found = self.page.get_by_role("main").get_by_label(label, exact=True)
        return found.and_(self.page.locator("input, select"))

    def go(self, label: str) -> None:
        """To a page by the navigation: at the bottom of a phone, at the top elsewhere."""
        navigation = self.page.get_by_role("navigation", name="Pages" if self.device.touch else "Main")
        self.press(navigation.get_by_role("link", name=label))

    def heading(self, name: str | re.Pattern[str]) -> None:
        """Waits for the page of that title."""
        expect(self.page.get_by_role("heading", level=1, name=name)).to_be_visible(timeout=SOON_MS)

    def register(self, user: str) -> None:
        """From the first page to one's portfolio."""
        self.page.goto("/")
        self.press(self.page.get_by_role("main").get_by_role("link", name="Register"))
        self.field("User name").fill(user)
        self.field("Password").fill(PASSWORD)
        self.press(self.button("Register"))
        self.heading("Portfolio")

    def log_in(self, user: str, lands_on: str = "Portfolio") -> None:
        """With the password that everybody has here."""
        self.page.goto("/login")
        self.field("User name").fill(user)
        self.field("Password").fill(PASSWORD)
        self.press(self.page.get_by_role("main").get_by_role("button", name="Log in"))
        self.heading(lands_on)

    def deposit(self, dollars: str) -> None:
        """On the portfolio's page."""
        self.field("Deposit").fill(dollars)
        self.press(self.button("Deposit"))
        self.toast("deposited")

    def open_stock(self, typed: str, symbol: str) -> None:
        """By the search: types the beginning and takes the stock from the list."""
        self.page.get_by_role("combobox").fill(typed)
        self.press(self.page.get_by_role("option", name=symbol))
        self.heading(symbol)

    def order(self, side: Literal["Buy", "Sell"], symbol: str, dollars: str) -> Locator:
        """On the stock's page: asks for the price; the card that waits for a confirmation."""
        self.press(self.page.get_by_role("radio", name=side, exact=True).locator(".."))
        self.field("Amount").fill(dollars)
        self.press(self.button(f"{side} {symbol}"))
        card = self.page.get_by_test_id("pending")
        expect(card.first).to_be_visible()
        return card

    def confirm(self, side: Literal["buy", "sell"]) -> None:
        """The newest order; waits until the page says that it is done."""
        self.press(self.button(f"Confirm {side}"))
        self.toast("Bought" if side == "buy" else "Sold")

    def toast(self, text: str | re.Pattern[str], timeout_ms: int = SOON_MS) -> Locator:
        """Waits for a message."""
        found = self.page.get_by_test_id("toast").filter(has_text=text)
        expect(found.first).to_be_visible(timeout=timeout_ms)
        return found

    def until(self, what: str, holds: Callable[[], bool], timeout_ms: int = SOON_MS) -> None:
        """Waits for something that no locator tells. Raises AssertionError."""
        deadline = time.monotonic() + timeout_ms / 1000
        while not holds():
            assert time.monotonic() < deadline, f"it did not come true within {timeout_ms} ms: {what}"
            self.page.wait_for_timeout(50)
