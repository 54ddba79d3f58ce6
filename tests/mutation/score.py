"""The mutation score of the pure modules: `python -m tests.mutation.score [--modules a,b] [--share 0.1 --seed S] [--json F]`.

mutmut changes one thing at a time (a comparison, a number, an argument, a keyword, ...) in a copy of the project and runs
the tests that reach the changed function, each in a fork of a process that has imported everything. The modules are those
of import-linter's purity contract, the tests those named after the pure modules of the same package: no process, no socket.

Score = killed / (all - equivalent). Equivalent are the mutants of `equivalent.toml`, by hand and with a reason each; one
that a test kills nevertheless, or that does not exist any more, is told. A mutant that runs for too long counts as killed.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
MEMORY_BYTES: Final = 2 * 1024**3
"""Of a process that runs mutants: some loop for ever and collect."""
_CONTRACT: Final = "Pure modules"
_LEFT_OUT: Final = ("grader.", "faults.")
"""They judge the system and are no part of it; the grader has plants of its own (tests/unit/grader)."""
_SPINNER: Final = re.compile("[\u2800-\u28ff]")
_BESIDES: Final = ("db", "grader", "tests", "pyproject.toml")
"""What tests need beside the packages of the pure modules."""
_SETTLED: Final = {"killed", "timeout", "segfault", "suspicious", "caught by type check"}
_CONFIG: Final = """[mutmut]
source_paths={sources}
only_mutate={only}
also_copy={others}
pytest_add_cli_args_test_selection={tests}
pytest_add_cli_args=
 -p
 tests.mutation.quick
do_not_mutate_patterns=^ *raise (ProtocolError|ValueError)[(]
process_isolation=forkserver
timeout_constant=5.0
timeout_multiplier=4.0
"""
"""Forked from a server that has run no test: what a cache holds (functools) would hide a mutant from the tests.
The words of an exception that no program reads are not changed (do_not_mutate_patterns); those of replies are."""


class Mutant(Struct, frozen=True):
    """A change: the module, and the lines that went and came, without indentation."""

    module: str
    old: str
    new: str


class Tally(Struct):
    """What became of the mutants of one module."""

    killed: int = 0
    survived: int = 0
    equivalent: int = 0

    @property
    def percent(self) -> float:
        """The score; 100 where there is nothing to kill."""
        tried = self.killed + self.survived
        return 100 * self.killed / tried if tried else 100.0


class Found(Struct):
    """What a run found."""

    modules: dict[str, Tally]
    survivors: list[Mutant]
    listed_in_vain: list[Mutant]
    """Of equivalent.toml: killed after all, or not there any more (or, with a share, not tried)."""

    def __add__(self, other: "Found") -> "Found":
        return Found(
            self.modules | other.modules,
            self.survivors + other.survivors,
            self.listed_in_vain + other.listed_in_vain,
        )


def pure_modules() -> list[str]:
    """The modules of the purity contract (pyproject.toml) that hold code of the system."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [contract] = [contract for contract in settings if contract["name"].startswith(_CONTRACT)]
    return [name for name in contract["source_modules"] if not name.startswith(_LEFT_OUT)]


def test_files(module: str) -> list[str]:
    """The files of tests named after a module: test_decide.py, test_decide_oracle.py."""
    *folders, stem = module.split(".")
    found = ROOT.joinpath("tests/unit", *folders).glob(f"test_{stem}*.py")
    return sorted(
        str(path.relative_to(ROOT))
        for path in found
        if path.stem in {f"test_{stem}"} or path.stem.startswith(f"test_{stem}_")
    )


def packages_of(modules: Sequence[str]) -> dict[str, list[str]]:
    """The modules by package: those of one are tried with the tests of its pure modules, and with no others."""
    packages: dict[str, list[str]] = {}
    for module in modules:
        packages.setdefault(module.partition(".")[0], []).append(module)
    return packages


def equivalents() -> dict[Mutant, str]:
    """The mutants that no test can kill, and why."""
    listed = tomllib.loads((Path(__file__).with_name("equivalent.toml")).read_text("utf-8"))
    return {
        Mutant(module, entry["old"], new): entry["reason"]
        for module, entries in listed.items()
        for entry in entries
        for new in entry["new"]
    }


class Laboratory:
    """A copy of the project in which mutmut works. In a folder that was used before, only what is new is tried again:
    functions that changed, and mutants that survived (there may be a test for them now)."""

    def __init__(self, folder: Path, modules: Sequence[str]) -> None:
        """`modules` are of one package."""
        self._folder = folder
        self._modules = modules
        made = packages_of(pure_modules())
        package = modules[0].partition(".")[0]
        self._used = (folder / "mutants").exists()
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / "mutants" / "tests", ignore_errors=True)
        (folder / "mutants" / "mutmut-stats.json").unlink(
            missing_ok=True
        )  # which test reaches which function
        for name in (*made, *_BESIDES):
            _copy(ROOT / name, folder / name)
        config = _CONFIG.format(
            sources=_lines(made),
            only=_lines(name.replace(".", "/") + ".py" for name in modules),
            others=_lines(_BESIDES),
            tests=_lines(sorted({file for module in made[package] for file in test_files(module)})),
        )
        (folder / "setup.cfg").write_text(config, "utf-8")

    def _run(self, *arguments: str) -> str:
        log = self._folder / "mutmut.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=self._folder, stdout=output, stderr=subprocess.STDOUT
            )
            resource.prlimit(process.pid, resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            code = process.wait()
        said = log.read_text("utf-8", "replace")
        if code:
            words = [line for line in said.splitlines() if not _SPINNER.match(line)]
            sys.exit(f"{' '.join(arguments[:3])} ended with {code}:\n" + "\n".join(words[-60:]))
        return said

    def names(self) -> list[str]:
        """All mutants that there are, by mutmut's names."""
        files = [name.replace(".", "/") + ".py" for name in self._modules]
        found: list[str] = json.loads(self._run("-c", _NAMES, *files))
        return found

    def run(self, names: Sequence[str]) -> dict[str, str]:
        """Tries these mutants (none: all) and gives what became of each that was tried, by mutmut's words."""
        trying = ("-m", "mutmut", "run", "--max-children", "1")
        self._run(*trying, *names)
        found = self._results()
        if self._used and not names and (again := [name for name in found if found[name] not in _SETTLED]):
            self._run(*trying, *again)
            found = self._results()
        return {name: status for name, status in found.items() if not names or name in set(names)}

    def _results(self) -> dict[str, str]:
        lines = re.findall(
            r"(\S+__mutmut_[0-9]+): (.+)", self._run("-m", "mutmut", "results", "--all", "true")
        )
        return {name: status.strip() for name, status in lines if status.strip() != "not checked"}

    def changes(self, names: Sequence[str]) -> dict[str, Mutant]:
        """What these mutants change."""
        diffs = json.loads(self._run("-c", _SHOW, *names))
        return {name: _mutant(module_of(name), diff.splitlines()) for name, diff in diffs.items()}


_NAMES: Final = """
import json, pathlib, sys
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.utils.format_utils import get_mutant_name
print(json.dumps([
    get_mutant_name(pathlib.Path(file), name)
    for file in sys.argv[1:]
    for name in mutate_file_contents(file, pathlib.Path(file).read_text()).mutant_names
]))
"""
"""There is no command that names mutants before they are tried."""
_SHOW: Final = """
import json, sys
from mutmut.mutation.diff_apply import get_diff_for_mutant
print(json.dumps({name: get_diff_for_mutant(name) for name in sys.argv[1:]}))
"""
"""As `mutmut show` for many mutants in one process."""


def _mutant(module: str, diff: Sequence[str]) -> Mutant:
    old, new = (
        "\n".join(line[1:].strip() for line in diff if line[:1] == sign and line[:3] != sign * 3)
        for sign in "-+"
    )
    return Mutant(module, old, new)


def _copy(source: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, copy)


def module_of(name: str) -> str:
    """The module of a mutant: mutmut's names are `package.module.x_function__mutmut_7`."""
    return re.split(r"\.x[_ǁ]", name)[0]


def _lines(values: Iterable[str]) -> str:
    return "".join(f"\n {value}" for value in values)


def judge(laboratory: Laboratory, statuses: dict[str, str], listed: dict[Mutant, str]) -> Found:
    """Counts by module; the survivors; and what is listed as equivalent and did not survive."""
    left = laboratory.changes(sorted(name for name, status in statuses.items() if status not in _SETTLED))
    tallies = {module: Tally() for module in sorted({module_of(name) for name in statuses})}
    for name in statuses:
        tally = tallies[module_of(name)]
        if name not in left:
            tally.killed += 1
        elif left[name] in listed:
            tally.equivalent += 1
        else:
            tally.survived += 1
    survivors = [mutant for mutant in left.values() if mutant not in listed]
    idle = [mutant for mutant in listed if mutant.module in tallies and mutant not in left.values()]
    return Found(tallies, survivors, idle)


def _say(found: Found) -> float:
    total = Tally()
    print(f"{'module':28} {'killed':>7} {'survived':>9} {'equivalent':>11} {'score':>7}")
    for name, tally in found.modules.items():
        print(f"{name:28} {tally.killed:7} {tally.survived:9} {tally.equivalent:11} {tally.percent:6.1f} %")
        total.killed += tally.killed
        total.survived += tally.survived
        total.equivalent += tally.equivalent
    print(f"{'all':28} {total.killed:7} {total.survived:9} {total.equivalent:11} {total.percent:6.1f} %")
    for title, mutants in (("survived", found.survivors), ("listed in vain", found.listed_in_vain)):
        for mutant in mutants:
            print(f"\n{title}: {mutant.module}\n- {mutant.old}\n+ {mutant.new}")
    return total.percent


def main() -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", help="of the pure ones, with commas between; all by default")
    parser.add_argument("--share", type=float, default=1.0, help="try only this share of the mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones a share takes")
    parser.add_argument("--goal", type=float, default=90.0, help="percent below which the exit code is 1")
    parser.add_argument(
        "--folder", type=Path, help="an existing one to work in; used again, it saves what was done"
    )
    parser.add_argument("--json", type=Path, help="write what was found there")
    options = parser.parse_args()
    modules = options.modules.split(",") if options.modules else pure_modules()
    os.nice(19)
    start = time.monotonic()
    listed, chance = equivalents(), random.Random(options.seed)
    found = Found({}, [], [])
    with tempfile.TemporaryDirectory(prefix="daytrade-mutation-") as scratch:
        for name, package in packages_of(modules).items():
            laboratory = Laboratory((options.folder or Path(scratch)) / name, package)
            names = [each for each in laboratory.names() if chance.random() < options.share]
            if names:
                statuses = laboratory.run(names if options.share < 1 else [])
                found += judge(laboratory, statuses, listed)
            print(f"{name}: {len(names)} mutants tried", flush=True)
    percent = _say(found)
    print(f"\n{time.monotonic() - start:.0f} s; goal {options.goal} %")
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    return int(percent < options.goal)


if __name__ == "__main__":
    sys.exit(main())
