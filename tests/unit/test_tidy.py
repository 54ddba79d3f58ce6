"""The house rules that no linter knows: size, leftovers, dead modules, documentation, the lock file."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import typer.main
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from core.settings import Settings
from stack.cli.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
_SKIPPED = {"node_modules", "dist", "__pycache__", "logs"}
_CODE = {".py", ".ts", ".vue", ".sql", ".sh"}
_TEXT = _CODE | {
    "",
    ".md",
    ".toml",
    ".lock",
    ".yml",
    ".yaml",
    ".json",
    ".js",
    ".html",
    ".css",
    ".xsd",
    ".lua",
    ".mako",
    ".proto",
}
_LEFT_BEHIND = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]) + r")\b")
_REGISTRIES = re.compile(
    "|".join([r"pypi\." + "org", "python" + "hosted", r"npm" + r"js\.", r"--(extra-)?" + "index-url[= ]"])
)
_WORKPLACE = re.compile("|".join([r"(?<![\w.])/wo" + "rk/", "/tm" + "p/plan", "/tm" + "p/lab"]))
_VARIABLE = re.compile(r"DAYTRADE_[A-Z]+(?:_[A-Z]+)*\b(?!_)")


@cache
def files() -> list[Path]:
    """Every file of the project: nothing hidden but .ci, nothing made by tools."""
    found = []
    for top in sorted(ROOT.iterdir()):
        if top.name in _SKIPPED or (
            top.name.startswith(".") and top.name not in {".ci", ".gitignore", ".dockerignore"}
        ):
            continue
        inside = [top] if top.is_file() else [path for path in top.rglob("*") if path.is_file()]
        found += [path for path in inside if not _SKIPPED & set(path.parts)]
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_files() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


def matches(pattern: re.Pattern[str], suffixes: set[str]) -> Iterator[str]:
    for path in files():
        if path.suffix in suffixes:
            for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
                if pattern.search(line):
                    yield f"{name(path)}:{number}: {line.strip()[:100]}"


def test_a_file_is_one_idea() -> None:
    long = {name(path): len(path.read_text().splitlines()) for path in files() if path.suffix in _CODE}
    assert {path: lines for path, lines in long.items() if lines > MAX_FILE_LINES} == {}


def test_a_function_is_what_one_can_take_in() -> None:
    long = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_every_module_says_what_it_is() -> None:
    assert [name(path) for path in python_files() if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_nothing_is_left_behind() -> None:
    assert list(matches(_LEFT_BEHIND, _CODE)) == []


def test_no_package_registry_is_named() -> None:
    assert list(matches(_REGISTRIES, _TEXT)) == []


def test_no_path_of_a_workplace_is_named() -> None:
    assert list(matches(_WORKPLACE, _TEXT)) == []


def imported(path: Path, package: list[str]) -> Iterator[str]:
    """Every module that the file imports, as dotted names; `from a import b` gives both a and a.b."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(
                [*package[: len(package) + 1 - node.level], node.module or ""]
                if node.level
                else [node.module or ""]
            )
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def test_every_module_is_used() -> None:
    """By another module (tests do not count), or as a program."""
    own = [path for path in python_files() if path.is_relative_to(ROOT / "tests") is False]
    used: set[str] = set()
    for path in own:
        used.update(imported(path, list(path.relative_to(ROOT).parent.parts)))
    dead = []
    for path in own:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        is_program = path.stem in {"__init__", "__main__"} or '__name__ == "__main__"' in path.read_text()
        if not is_program and module not in used and "migrations" not in path.parts:
            dead.append(module)
    assert dead == []


def documentation() -> str:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return "\n".join(page.read_text() for page in pages if page.exists())


def commands(group: Any, words: tuple[str, ...] = ("./daytrade",)) -> list[str]:
    """The full name of every command under a group of them."""
    inner = getattr(group, "commands", None)
    if inner is None:
        return [" ".join(words)]
    return [found for word, command in inner.items() for found in commands(command, (*words, word))]


@pytest.mark.parametrize("command", commands(typer.main.get_command(app)))
def test_every_command_is_documented(command: str) -> None:
    assert command in documentation()


def variables() -> set[str]:
    named = {f"DAYTRADE_{field.upper()}" for field in Settings.model_fields} | {"DATABASE_URL", "REDIS_URL"}
    for path in files():
        if not path.is_relative_to(ROOT / "tests") and path.suffix in {".py", ".yml", ""}:
            named.update(_VARIABLE.findall(path.read_text("utf-8", "replace")))
    return named


@pytest.mark.parametrize("variable", sorted(variables()))
def test_every_setting_is_documented(variable: str) -> None:
    assert variable in documentation()


def locked() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line.rstrip(" \\")) for line in lines if line and not line.startswith((" ", "#"))]
    return {canonicalize_name(pin.name): pin for pin in pins}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [
        Requirement(text)
        for text in (*project["project"]["dependencies"], *project["dependency-groups"]["dev"])
    ]


def test_what_is_declared_is_locked() -> None:
    pins = locked()
    for wanted in declared():
        pin = pins.get(canonicalize_name(wanted.name))
        assert pin is not None, f"{wanted} is not in requirements.lock"
        assert wanted.specifier.contains(next(iter(pin.specifier)).version), f"{wanted} is not {pin}"


def test_what_is_locked_is_declared_or_needed_by_that() -> None:
    pins = {name: pin for name, pin in locked().items() if pin.marker is None or pin.marker.evaluate()}
    needed: set[tuple[str, frozenset[str]]] = set()
    """With the extras that are wanted: one package may be needed with and without."""
    waiting = [(canonicalize_name(wanted.name), frozenset(wanted.extras)) for wanted in declared()]
    while waiting:
        package, extras = waiting.pop()
        if package not in pins or (package, extras) in needed:
            continue
        needed.add((package, extras))
        for text in metadata.requires(package) or []:
            inner = Requirement(text)
            if inner.marker is None or any(
                inner.marker.evaluate({"extra": extra}) for extra in ("", *extras)
            ):
                waiting.append((canonicalize_name(inner.name), frozenset(inner.extras)))
    assert set(pins) - {package for package, _ in needed} == set()
