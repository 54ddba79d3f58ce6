"""The mutation score's own parts, its list of equivalent mutants, and one small run."""

import ast
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.mutation import score
from tests.mutation.forge import path_of
from tests.mutation.score import Laboratory, Mutant, Tally, equivalents, judge, pure_modules


def test_every_pure_module_with_code_has_tests_of_its_name() -> None:
    modules = pure_modules()
    assert len(modules) > 25
    without = [
        module
        for module in modules
        if not score.test_files(module)
        and any(
            isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path_of(module).read_text()))
        )
    ]
    assert without == []


@pytest.mark.parametrize("mutant", equivalents(), ids=lambda mutant: f"{mutant.module} {mutant.new}"[:80])
def test_an_equivalent_mutant_is_of_this_code_and_has_a_reason(mutant: Mutant) -> None:
    assert mutant.module in pure_modules()
    lines = "\n".join(line.strip() for line in path_of(mutant.module).read_text().splitlines())
    assert f"\n{mutant.old}\n" in f"\n{lines}\n", "the code has changed: is there still something to list?"
    assert mutant.new != mutant.old
    assert len(equivalents()[mutant].split()) >= 3


class Told(Laboratory):
    """Knows what it would have found."""

    def __init__(self, mutants: dict[str, Mutant]) -> None:
        self.mutants = mutants

    def changes(self, names: Sequence[str]) -> dict[str, Mutant]:
        return {name: self.mutants[name] for name in names}


def test_the_score_is_of_those_that_could_be_killed() -> None:
    kept, known = Mutant("core.ids", "a", "b"), Mutant("core.ids", "c", "d")
    gone, elsewhere = Mutant("core.ids", "e", "f"), Mutant("core.money", "g", "h")
    names = [f"core.ids.x_is_user__mutmut_{number}" for number in range(1, 6)]
    statuses = dict(zip(names, ["killed", "timeout", "survived", "no tests", "killed"], strict=True))
    listed = dict.fromkeys((known, gone, elsewhere), "it does not matter")
    found = judge(Told({names[2]: kept, names[3]: known}), statuses, listed)
    assert found.modules == {"core.ids": Tally(killed=3, survived=1, equivalent=1)}
    assert found.modules["core.ids"].percent == 75.0
    assert (found.survivors, found.listed_in_vain) == ([kept], [gone])
    assert Tally(equivalent=3).percent == 100.0


def test_the_module_of_a_mutant() -> None:
    assert score.module_of("core.ids.x_is_user__mutmut_1") == "core.ids"
    assert score.module_of("quotecache.legacy.faults.xǁFaultsǁcut__mutmut_12") == "quotecache.legacy.faults"


@pytest.mark.slow
def test_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """mutmut makes mutants, the tests of core kill nearly all of them, and what is found is written down."""
    result = tmp_path / "score.json"
    arguments = ["score", "--modules", "core.ids", "--share", "0.3", "--json", str(result), "--goal", "50"]
    monkeypatch.setattr("sys.argv", arguments)
    monkeypatch.setattr("os.nice", lambda more: 0)
    assert score.main() == 0
    found = msgspec.json.decode(result.read_bytes(), type=score.Found)
    tally = found.modules["core.ids"]
    assert 4 < tally.killed + tally.survived + tally.equivalent < 20
    assert tally.killed >= 4
