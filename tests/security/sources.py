"""The web tier's own sources, for requirements that are about what is not in them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
UI = ROOT / "webclient" / "ui" / "src"


def python_files() -> list[Path]:
    """Of the web tier, and of what it runs in its own process."""
    found = [path for folder in ("webclient", "core", "db") for path in (ROOT / folder).rglob("*.py")]
    found = [path for path in found if "node_modules" not in path.parts]
    assert len(found) > 40
    return found


def client_files() -> list[Path]:
    """Of the Vue client."""
    found = [path for path in UI.rglob("*") if path.suffix in {".ts", ".vue"}]
    assert len(found) > 40
    return found


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """(file and line, dotted name, node) of every call in the Python files."""
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", ast.unparse(node.func), node


def imports() -> Iterator[tuple[str, str]]:
    """(file, module) of every import in the Python files."""
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((str(path.relative_to(ROOT)), alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield str(path.relative_to(ROOT)), node.module
