"""How a page looks and whether everybody can use it: a screenshot that is kept, axe, and nothing that runs out of the window."""

import json
from typing import Any, Final

from axe_playwright_python.sync_playwright import Axe

from tests.web.browser import artefacts
from tests.web.person import Person

_GRAVE: Final = {"serious", "critical"}
_RULES: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
WIDTHS: Final = (320, 480, 768, 900, 1024, 1920)
"""Other windows in which nothing may run out sideways (WCAG 2.2, 1.4.10: down to 320)."""
_TOO_WIDE: Final = """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? [] :
    [...document.querySelectorAll('body *')].filter(element => {
        const right = element.getBoundingClientRect().right;
        return right > document.documentElement.clientWidth && !element.closest('.unseen, .scroll');
    }).map(element => element.outerHTML.slice(0, 100)).slice(-4)"""
"""What reaches beyond the window's right edge, when something does."""
_SMALL_TARGETS: Final = """() => [...document.querySelectorAll('a, button, select, input, [role=option]')].filter(element => {
    const box = element.getBoundingClientRect();
    const shown = box.width > 1 && box.height > 1 && getComputedStyle(element).visibility !== 'hidden';
    const inline = getComputedStyle(element).display === 'inline';
    return shown && !inline && !element.closest('label, .unseen, .skip') && (box.width < 24 || box.height < 24);
}).map(element => element.outerHTML.slice(0, 120))"""
"""Controls below 24 by 24 CSS pixels (WCAG 2.2, 2.5.8); links in running text are excepted there, too."""


def inspect(person: Person, name: str, with_axe: bool = True) -> list[str]:
    """Keeps a screenshot, fails on what is grave, returns what axe calls moderate or minor."""
    person.page.evaluate("() => document.fonts.ready")
    shot(person, name)
    for width in (person.device.width, *(WIDTHS if with_axe else ())):
        person.page.set_viewport_size({"width": width, "height": person.device.height})
        person.page.wait_for_timeout(60)  # charts follow a frame later
        wide = person.page.evaluate(_TOO_WIDE)
        assert not wide, f"{name}: wider than a window of {width}: {wide}"
    person.page.set_viewport_size({"width": person.device.width, "height": person.device.height})
    small = person.page.evaluate(_SMALL_TARGETS) if person.device.touch else []
    assert not small, f"{name}: too small for a finger: {small}"
    if not with_axe:
        return []
    found: list[dict[str, Any]] = Axe().run(person.page, options=_RULES).response["violations"]
    grave = [_told(one) for one in found if one["impact"] in _GRAVE]
    assert not grave, f"{name}, {person.device.name}, {person.theme}: {grave}"
    return [f"{name}: {_told(one)}" for one in found]


def shot(person: Person, name: str, whole: bool = True) -> None:
    """A screenshot among the artefacts, `NAME-DEVICE-THEME.png`: of the page, as if the window were that high, or the window."""
    file = artefacts() / f"{name}-{person.device.name}-{person.theme}.png"
    page, device = person.page, person.device
    if whole:
        height = page.evaluate("() => document.documentElement.scrollHeight")
        page.set_viewport_size({"width": device.width, "height": max(height, device.height)})
    page.screenshot(path=file, animations="disabled")
    page.set_viewport_size({"width": device.width, "height": device.height})


def _told(violation: dict[str, Any]) -> str:
    places = [" ".join(map(str, node["target"])) for node in violation["nodes"][:4]]
    return f"{violation['impact']} {violation['id']} ({violation['help']}): {json.dumps(places)}"
