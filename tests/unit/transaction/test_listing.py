"""A listing that is kept shows what one made anew would, whether few members changed or many."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transaction.listing import Listing

KEYS = [first + second for first in "ABCDE" for second in ("", *"ABCDE")]
CHANGES = st.dictionaries(st.sampled_from(KEYS), st.integers(0, 2000), max_size=len(KEYS))


def head(key: str) -> str:
    return f'"{key}":'


@given(st.lists(CHANGES, max_size=8))
def test_every_member_is_shown_once_in_its_place(rounds: list[dict[str, int]]) -> None:
    """A member whose value is nothing is not there."""
    values: dict[str, int] = {}

    def word(key: str) -> str:
        return f'"{key}":{{"value":{values[key]}}}' if values[key] else ""

    listing = Listing(set[str]())
    for changes in rounds:
        values |= changes
        listing.stale.update(changes)
        shown = json.loads("{" + listing.refreshed(head, word) + "}")
        assert list(shown.items()) == [(key, {"value": one}) for key, one in sorted(values.items()) if one]
        assert not listing.stale


@pytest.mark.parametrize("count", [1, 16, 17, 30])
def test_only_what_is_stale_is_worded(count: int) -> None:
    """Until so much is stale that all is worded."""
    worded: list[str] = []

    def word(key: str) -> str:
        worded.append(key)
        return f'"{key}":{{}}'

    listing = Listing(set(KEYS))
    whole = listing.refreshed(head, word)
    assert sorted(worded) == KEYS
    worded.clear()
    assert listing.refreshed(head, word) == whole
    assert not worded
    listing.stale.update(KEYS[:count])
    assert listing.refreshed(head, word) == whole
    assert sorted(worded) == (KEYS[:count] if count <= 16 else KEYS)
