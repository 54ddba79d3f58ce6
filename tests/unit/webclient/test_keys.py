"""Idempotency keys: which are well-formed, and that each names one request for good."""

import re
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.ids import is_session
from core.limits import MAX_NUMBER
from webclient.keys import KEY_PATTERN, SESSION, Key, command_key, parse_key, read_session

users = st.from_regex(r"[A-Za-z0-9_.-]{1,64}", fullmatch=True)
keys = st.from_regex(r"[!#-~]{8,128}", fullmatch=True)


@given(keys)
def test_a_key_is_the_same_with_and_without_quotes(key: str) -> None:
    assert parse_key(key) == parse_key(f'"{key}"') == key


def test_only_the_quotes_are_taken_off() -> None:
    assert parse_key("XabcdefghX") == parse_key('"XabcdefghX"') == "XabcdefghX"


@pytest.mark.parametrize(
    "header",
    ["", "short-1", '"short-1"', '"', '""', "k" * 129, '"' + "k" * 129 + '"', '"abcdefgh', 'abcdefgh"', 'abcd"efgh',
     "abcd efgh", "abcdefgh\n", "abcdefg\0", "abcdefgé", "abcdefg\x7f", '""abcdefgh""'],
)  # fmt: skip
def test_what_is_no_key(header: str) -> None:
    assert parse_key(header) is None


@given(st.text(max_size=140))
def test_a_key_is_exactly_what_the_published_pattern_says(header: str) -> None:
    published = re.search(KEY_PATTERN, header) is not None and not header.endswith("\n")
    assert (parse_key(header) is not None) == published


@given(users, keys)
def test_a_command_has_a_session_and_a_number_that_the_tiers_take(user: str, key: str) -> None:
    found = command_key(user, key)
    assert is_session(found.session)
    assert found.session == SESSION
    assert 1 <= found.number <= MAX_NUMBER
    assert found == command_key(user, key)


def test_the_way_from_key_to_number_never_changes() -> None:
    """A key that is sent again next year must mean the same request: worked out by hand from the rule."""
    digest = sha256(b"alice\0order-0001").digest()
    expected = Key("web", 1 + int(digest.hex()[:16], 16) % 2**53)
    assert command_key("alice", "order-0001") == expected == Key("web", 1600571663504231)
    assert str(expected) == "web/1600571663504231"


@given(users, users, keys, keys)
def test_other_users_and_other_keys_are_other_requests(one: str, two: str, key: str, other: str) -> None:
    same = (one, key) == (two, other)
    assert (command_key(one, key) == command_key(two, other)) == same


def test_the_users_name_cannot_run_into_the_key() -> None:
    assert command_key("ab", "cdefghijk") != command_key("abc", "defghijk")


def test_sessions_of_reads_are_apart_from_those_of_commands() -> None:
    name = read_session(bytes(range(8)))
    assert name == "web-0001020304050607"
    assert is_session(name)
    assert name != SESSION
