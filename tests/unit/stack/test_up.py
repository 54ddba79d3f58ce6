"""`up` where the pages cannot be built: it says so in one sentence and goes on."""

import pytest

from stack import webbuild
from stack.cli import running
from stack.errors import StackError


def test_without_pages_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build() -> None:
        raise StackError("Node.js could not be fetched: check the network.")

    monkeypatch.setattr(webbuild, "build", build)
    running._build_pages()
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        said.err == "daytrade: going on without the pages. Node.js could not be fetched: check the network.\n"
    )


def test_what_is_built_needs_no_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    built: list[bool] = []
    monkeypatch.setattr(webbuild, "build", lambda: built.append(True))
    running._build_pages()
    assert built == [True]
    assert capsys.readouterr() == ("", "")
