"""Every planted bug is found by the tests of its module; and the finding itself can fail."""

from collections.abc import Iterator

import pytest

from tests.mutation.bugs import BUGS
from tests.mutation.forge import Bug, Forge, planted

pytestmark = pytest.mark.slow
_RULES = ("tests/unit/transaction/test_rules.py",)


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    warm = Forge()
    yield warm
    warm.close()


def test_there_are_enough_of_them_and_each_is_its_own() -> None:
    assert len(BUGS) >= 20
    assert len({bug.name for bug in BUGS}) == len({(bug.module, bug.new) for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found(forge: Forge, bug: Bug) -> None:
    verdict = forge.run(bug, bug.tests)
    assert verdict.found, f"{bug.module}: {bug.new!r} survives {bug.tests}: {verdict}"


def test_without_a_bug_nothing_is_found(forge: Forge) -> None:
    """So what was found above was found because of the bug."""
    verdict = forge.run(None, sorted({file for bug in BUGS for file in bug.tests}))
    assert verdict.exit_code == pytest.ExitCode.OK, verdict
    assert not verdict.found


def test_a_change_that_changes_nothing_survives(forge: Forge) -> None:
    verdict = forge.run(Bug("", "transaction.rules", "if shares > free:", "if free < shares:", ()), _RULES)
    assert (verdict.exit_code, verdict.planted, verdict.found) == (pytest.ExitCode.OK, True, False)


def test_a_module_that_cannot_be_imported_is_no_find(forge: Forge) -> None:
    verdict = forge.run(Bug("", "transaction.rules", 'return Effect("")', "return Effect(1, 2)[", ()), _RULES)
    assert not verdict.found
    assert "SyntaxError" in verdict.words


def test_a_bug_that_no_test_imports_is_no_find(forge: Forge) -> None:
    verdict = forge.run(Bug("", "trigger.rules", "self._reaches.pop(symbol, None)", "pass", ()), _RULES)
    assert (verdict.planted, verdict.found) == (False, False)


@pytest.mark.parametrize("old", ["return _NO_ROOM", "there is no such line"])
def test_a_line_that_does_not_stand_there_exactly_once_is_told(old: str) -> None:
    with pytest.raises(LookupError, match="not one"):
        planted(Bug("", "transaction.rules", old, "pass", ()))
