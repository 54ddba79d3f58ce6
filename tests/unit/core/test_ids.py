"""Names on the wire: what commands.md allows, and nothing that merely looks like it."""

from collections import Counter

import pytest

from core.ids import is_session, is_user, parse_filename, parse_symbol, shard_of

BAD_NAMES = ["", "a" * 65, "a b", "a\n", "a,b", "ä", "a\0", "a/b", "a\\", "ａ", "a'"]


@pytest.mark.parametrize("name", ["a", "A-Z_0.9", "a" * 64, "-", "..."])
def test_names(name: str) -> None:
    assert is_user(name)
    assert is_session(name)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_no_names(name: str) -> None:
    assert not is_user(name)
    assert not is_session(name)


@pytest.mark.parametrize(("text", "symbol"), [("S", "S"), ("abc", "ABC"), ("aBc", "ABC")])
def test_symbols_are_upper_case(text: str, symbol: str) -> None:
    assert parse_symbol(text) == symbol


@pytest.mark.parametrize("text", ["", "ABCD", "A1", "A\n", "Ä", "ß", "ſ", "A B"])
def test_no_symbols(text: str) -> None:
    assert parse_symbol(text) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("./testLOG", "testLOG"),
        ("testLOG", "testLOG"),
        ("/etc/passwd", "passwd"),
        ("../../a.xml", "a.xml"),
        ("a" * 128, "a" * 128),
        ("...", "..."),
    ],
)
def test_file_names_lose_their_folders(path: str, name: str) -> None:
    assert parse_filename(path) == name


@pytest.mark.parametrize("path", ["", ".", "..", "a/", "a/..", "./.", "a b", "a\n", "a" * 129, "a\\b", "a\0"])
def test_no_file_names(path: str) -> None:
    assert parse_filename(path) is None


def test_users_are_spread_over_shards() -> None:
    counts = Counter(shard_of(f"user{number}", 4) for number in range(4000))
    assert set(counts) == {0, 1, 2, 3}
    assert min(counts.values()) > 800


def test_any_text_has_a_shard() -> None:
    assert {shard_of(text, 1) for text in ("", "ä", "\udcff", "\0")} == {0}
