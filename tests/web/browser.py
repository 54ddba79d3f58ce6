"""Debian's chromium under Playwright: where it is, how it is started, where its screenshots go."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright

from stack.state import ROOT

_NAMES: Final = ("chromium", "chromium-browser")
_ARGUMENTS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MISSING: Final = (
    "NO BROWSER TESTS: there is no chromium on this machine (on Debian: apt-get install chromium)"
)


def executable() -> str | None:
    """The browser of this machine."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def running() -> Iterator[Browser]:
    """A chromium without windows. Playwright's loop lives in this thread until the end: no asyncio.run meanwhile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=_ARGUMENTS)
        yield browser
        browser.close()


def artefacts() -> Path:
    """Where screenshots and reports are kept: the folder that DAYTRADE_ARTEFACTS names, else `.daytrade/artefacts`."""
    named = os.environ.get("DAYTRADE_ARTEFACTS")
    folder = (Path(named).absolute() if named else ROOT / ".daytrade" / "artefacts") / "web"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
