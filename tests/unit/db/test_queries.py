"""Named queries: every file of the repository loads, and a broken one is refused."""

from itertools import pairwise

import pytest

from db import queries


def test_names_and_bodies() -> None:
    text = "-- The file.\n\n-- name: one\n-- What for.\nSELECT 1;\n\n-- name: two\nSELECT '--', 2\n  -- odd\nFROM x;\n"
    assert queries.parse(text) == {"one": "SELECT 1", "two": "SELECT '--', 2\nFROM x"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("-- name: one\nSELECT 1;\n-- name: one\nSELECT 2;", "one is defined twice"),
        ("-- name: one\n-- nothing\n-- name: two\nSELECT 2;", "one is empty"),
        ("SELECT 1;\n-- name: one\nSELECT 1;", "before the first name"),
    ],
)
def test_broken_files(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        queries.parse(text)


@pytest.mark.parametrize("name", [path.stem for path in queries.FOLDER.glob("*.sql")])
def test_every_file_loads_and_every_query_says_what_it_is_for(name: str) -> None:
    assert queries.load(name)
    lines = (queries.FOLDER / f"{name}.sql").read_text("utf-8").splitlines()
    for line, following in pairwise(lines):
        if line.startswith("-- name: ") and not line.endswith("_statistics"):
            assert following.startswith("-- "), f"{line} has no comment"


def test_positional_names_each_value_once_and_in_the_order_of_first_use() -> None:
    query, names = queries.positional("SELECT %(b)s::text, %(a)s, %(b)s, 7 %% 2, 'x'")
    assert query == b"SELECT $1::text, $2, $1, 7 % 2, 'x'"
    assert names == ("b", "a")
