"""How much comes over the wire before the first page can be used."""

from typing import Any, Final

from playwright.sync_api import expect

from tests.web.conftest import Visit

MOST_BYTES: Final = 200_000


def test_the_first_load_is_light(visit: Visit) -> None:
    """All bytes, headers included, as the browser counted them; every text file must have come compressed."""
    person = visit()
    received: dict[str, int] = {}
    addresses: dict[str, str] = {}
    plain: list[str] = []
    devtools = person.context.new_cdp_session(person.page)
    devtools.send("Network.enable")
    devtools.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def answered(event: dict[str, Any]) -> None:
        response = event["response"]
        addresses[event["requestId"]] = response["url"]
        headers = {name.lower(): value for name, value in response["headers"].items()}
        is_text = any(kind in response["mimeType"] for kind in ("javascript", "css"))
        if is_text and headers.get("content-encoding") != "gzip":
            plain.append(response["url"])

    def finished(event: dict[str, Any]) -> None:
        received[event["requestId"]] = int(event["encodedDataLength"])

    devtools.on("Network.responseReceived", answered)
    devtools.on("Network.loadingFinished", finished)
    person.page.goto("/", wait_until="networkidle")
    expect(person.page.get_by_role("main").get_by_role("link", name="Register")).to_be_visible()
    total = sum(received.values())
    for request, size in sorted(received.items(), key=lambda item: -item[1]):
        print(f"{size:>8,} {addresses[request]}")
    print(f"first load: {total:,} bytes in {len(received)} requests (at most {MOST_BYTES:,})")
    assert len(received) > 3  # the page, its script, its style, the session
    assert plain == []
    assert total <= MOST_BYTES
