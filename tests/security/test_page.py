"""docs/security.md held against the tests: every requirement of level 1 is there once, and every test that it names exists."""

import ast
import re

from tests.security.sources import ROOT

LEVEL_1 = """
1.2.1 1.2.2 1.2.3 1.2.4 1.2.5 1.3.1 1.3.2 1.5.1 2.1.1 2.2.1 2.2.2 2.3.1 3.2.1 3.2.2 3.3.1 3.4.1 3.4.2 3.5.1 3.5.2 3.5.3
4.1.1 4.4.1 5.2.1 5.2.2 5.3.1 5.3.2 6.1.1 6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.3.1 6.3.2 6.4.1 6.4.2
7.2.1 7.2.2 7.2.3 7.2.4 7.4.1 7.4.2 8.1.1 8.2.1 8.2.2 8.3.1 9.1.1 9.1.2 9.1.3 9.2.1 10.4.1 10.4.2 10.4.3 10.4.4 10.4.5
11.3.1 11.3.2 11.4.1 12.1.1 12.2.1 12.2.2 13.4.1 14.2.1 14.3.1 15.1.1 15.2.1 15.3.1
"""
"""The 70 requirements of level 1 of OWASP ASVS 5.0.0, in its order."""
ROW = re.compile(r"^\| ([0-9]+\.[0-9]+\.[0-9]+) [^|]+\| (yes|no) \|([^|]*)\|([^|]*)\|$", re.MULTILINE)


def written_tests() -> dict[str, str]:
    """The tests of this folder that are named for a requirement, with what their docstrings say."""
    return {
        node.name: ast.get_docstring(node) or ""
        for path in (ROOT / "tests" / "security").glob("test_v*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_v")
    }


def test_the_page_and_the_tests_say_the_same() -> None:
    rows = ROW.findall((ROOT / "docs" / "security.md").read_text("utf-8"))
    assert [row[0] for row in rows] == LEVEL_1.split()
    named = {requirement: re.findall(r"`(test_v\w+)`", names) for requirement, _, _, names in rows}
    for requirement, applies, why, _ in rows:
        prefix = f"test_v{requirement.replace('.', '_')}_"
        assert all(name.startswith(prefix) for name in named[requirement]), requirement
        assert bool(named[requirement]) == (applies == "yes"), requirement
        assert applies == "yes" or why.strip(), requirement
    written = written_tests()
    assert sorted(name for names in named.values() for name in names) == sorted(written)
    assert [name for name, text in written.items() if len(text) < 20] == []
