"""Plants a bug and runs tests over it: in a process of its own, which a warm one forks, and never in a file.

    python -m tests.mutation.forge      # one JSON of an Order a line in, one JSON of a Verdict a line out

The warm process has imported pytest, hypothesis and the libraries, but nothing of the project: that is imported in the
fork, where the source of one module is changed on its way in. So a trial costs a few tenths of a second and the imports
are paid once.
"""

import importlib
import importlib.util
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any, Final

import msgspec
import pytest
from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
DEADLINE_S: Final = 60.0
_WARM: Final = ("_hypothesis_pytestplugin", "hypothesis.stateful", "pydantic_settings", "pytest")
_OPTIONS: Final = ("-x", "--noconftest", "-p", "_hypothesis_pytestplugin", "-p", "tests.mutation.quick")
_NO_OTHER_PLUGIN: Final = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Each fork would import them all: half of what a trial costs."""


class Bug(Struct, frozen=True):
    """One line of a module that an engineer got wrong; lines are compared without their indentation."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]
    """Files of tests that cover the line, from the root of the project."""


class Order(Struct, frozen=True):
    """Run these tests, with the bug if there is one."""

    bug: Bug | None
    tests: tuple[str, ...]


class Verdict(Struct, frozen=True):
    """What the tests said: `failed` is the first that failed, empty when none did."""

    exit_code: int
    """pytest's; only 1 means that tests ran and one failed (2 would be a module that cannot even be imported)."""
    failed: str
    planted: bool
    """The changed module was really imported."""
    words: str

    @property
    def found(self) -> bool:
        """Whether a test that ran failed because of the bug."""
        return self.planted and self.exit_code == pytest.ExitCode.TESTS_FAILED and bool(self.failed)


def path_of(module: str) -> Path:
    """The source file of a module of the project."""
    return ROOT.joinpath(*module.split(".")).with_suffix(".py")


def planted(bug: Bug) -> str:
    """The module's source with the bug in it. Raises LookupError unless the old line stands there exactly once."""
    lines = path_of(bug.module).read_text("utf-8").splitlines(keepends=True)
    places = [index for index, line in enumerate(lines) if line.strip() == bug.old]
    if len(places) != 1:
        raise LookupError(f"{bug.module} has {len(places)} lines {bug.old!r}, not one")
    line = lines[places[0]]
    lines[places[0]] = line[: len(line) - len(line.lstrip())] + bug.new + "\n"
    return "".join(lines)


class Forge:
    """The warm process, from outside."""

    def __init__(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.mutation.forge"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment | _NO_OTHER_PLUGIN,
        )

    def run(self, bug: Bug | None, tests: Sequence[str]) -> Verdict:
        """Runs the tests over the code with the bug, or over the code as it is. Raises what `planted` raises."""
        if bug is not None:
            planted(bug)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(Order(bug, tuple(tests))) + b"\n")
        self._process.stdin.flush()
        return msgspec.json.decode(self._process.stdout.readline(), type=Verdict)

    def close(self) -> None:
        """Ends the warm process."""
        self._process.communicate()


class _Planter(SourceFileLoader):
    """Finds and loads the one module that has the bug."""

    def __init__(self, bug: Bug) -> None:
        super().__init__(bug.module, str(path_of(bug.module)))
        self._source = planted(bug)
        self.used = False

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Part of sys.meta_path's protocol."""
        return (
            importlib.util.spec_from_file_location(name, self.path, loader=self)
            if name == self.name
            else None
        )

    def get_code(self, fullname: str) -> CodeType:
        """The changed module; no cached bytecode is read or written."""
        self.used = True
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Listener:
    """A pytest plugin that remembers the first failure."""

    def __init__(self) -> None:
        self.failed = self.words = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed, self.words = report.nodeid, report.longreprtext

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.words = report.longreprtext


def _trial(order: Order) -> Verdict:
    """In the fork: imports the project with the bug and runs the tests."""
    listener, planter = _Listener(), None
    if order.bug is not None:
        planter = _Planter(order.bug)
        sys.meta_path.insert(0, planter)
    code = int(pytest.main([*_OPTIONS, *order.tests], plugins=[listener]))
    return Verdict(code, listener.failed, planter is None or planter.used, listener.words[-2_000:])


def _fork(order: Order) -> Verdict:
    """A trial in a process of its own, killed at the deadline."""
    theirs, ours = os.pipe()[::-1]
    child = os.fork()
    if child == 0:
        silence = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(silence, descriptor)
        os.write(theirs, msgspec.json.encode(_trial(order)))
        os._exit(0)
    os.close(theirs)
    deadline, answer = time.monotonic() + DEADLINE_S, b""
    while select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(ours, 65_536)
        if not piece:
            break
        answer += piece
    else:
        os.kill(child, signal.SIGKILL)
    os.close(ours)
    status = os.waitpid(child, 0)[1]
    if answer and status == 0:
        return msgspec.json.decode(answer, type=Verdict)
    return Verdict(-1, "", False, f"the trial ended with wait status {status}")


def _serve() -> None:
    for name in _WARM:
        importlib.import_module(name)
    strangers = [name for name in sys.modules if name in {"core", "transaction", "loadbalancer", "workload"}]
    assert not strangers, f"imported before a bug could be planted: {strangers}"
    order: Any
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=Order)
        sys.stdout.buffer.write(msgspec.json.encode(_fork(order)) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
