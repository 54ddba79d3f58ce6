"""The client's own checks: its types by vue-tsc, its values by vitest, with the Node and the libraries of the build."""

import subprocess
from pathlib import Path

import pytest

from stack import webbuild
from stack.state import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ui() -> Path:
    """The sources, with their libraries beside them."""
    assert webbuild.build() is not None
    return ROOT / "webclient" / "ui"


@pytest.mark.parametrize(
    "argv",
    [
        ("node_modules/vue-tsc/bin/vue-tsc.js", "--noEmit", "-p", "tsconfig.json"),
        ("node_modules/vitest/vitest.mjs", "run"),
    ],
    ids=["types", "values"],
)
def test_the_sources_are_right(ui: Path, argv: tuple[str, ...]) -> None:
    done = subprocess.run(
        [webbuild.node().program, *argv], cwd=ui, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
