"""How much comes over the wire before a page can be used, with an empty cache."""

from typing import Any, Final

import pytest
from playwright.sync_api import expect

from tests.web.browser import artefacts
from tests.web.conftest import Visit
from tests.web.person import Person

MOST_BYTES: Final = 200_000
_WORTH_IT: Final = 500
"""Bytes of a file below which compression gains next to nothing."""


class Scales:
    """Weighs all that a page receives, headers included, as the browser counts it."""

    def __init__(self, person: Person) -> None:
        self.bytes: dict[str, int] = {}
        """By request."""
        self.plain: list[str] = []
        """Scripts and styles that came uncompressed, though they are large enough to gain by it."""
        self._addresses: dict[str, str] = {}
        devtools = person.context.new_cdp_session(person.page)
        devtools.send("Network.enable")
        devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})
        devtools.on("Network.responseReceived", self._answered)
        devtools.on("Network.loadingFinished", self._finished)

    def _answered(self, event: dict[str, Any]) -> None:
        response = event["response"]
        self._addresses[event["requestId"]] = response["url"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        is_text = any(kind in response["mimeType"] for kind in ("javascript", "css"))
        is_large = int(headers.get("content-length", _WORTH_IT)) >= _WORTH_IT
        if is_text and is_large and headers.get("content-encoding") != "gzip":
            self.plain.append(response["url"])

    def _finished(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self._addresses:  # else it is what the page before was still reading
            self.bytes[event["requestId"]] = int(event["encodedDataLength"])

    def report(self, path: str) -> str:
        """The sum, and each request, the heaviest first."""
        heaviest = sorted(self.bytes.items(), key=lambda item: -item[1])
        lines = [f"{size:>8,} {self._addresses[request]}" for request, size in heaviest]
        total = f"{path}: {sum(self.bytes.values()):,} bytes in {len(self.bytes)} requests (at most {MOST_BYTES:,})"
        return "\n".join([total, *lines, ""])


def weigh(person: Person, path: str) -> Scales:
    """Opens the page, and waits until nothing more comes for half a second (but for the stream of events)."""
    person.page.goto("about:blank")
    scales = Scales(person)
    person.page.goto(path)
    seen = -1
    while seen != len(scales.bytes):
        seen = len(scales.bytes)
        person.page.wait_for_timeout(500)
    return scales


@pytest.mark.parametrize("path", ["/", "/portfolio", "/stocks/ABC"])
def test_the_first_load_is_light(visit: Visit, path: str) -> None:
    person = visit()
    if path != "/":
        person.register(f"light{path.replace('/', '.')}")
    scales = weigh(person, path)
    expect(person.page.get_by_role("heading", level=1)).to_be_visible()
    report = scales.report(path)
    print(report)
    (artefacts() / f"load{path.replace('/', '-')}.txt").write_text(report)
    assert len(scales.bytes) > 3  # the page, its script, its style, the session
    assert scales.plain == []
    assert sum(scales.bytes.values()) <= MOST_BYTES
