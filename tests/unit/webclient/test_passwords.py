"""Which passwords will do, and their hashes."""

import pytest

from webclient import passwords
from webclient.passwords import complaint


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "        a",
        "密码很长很长很长",
        "x" * 127 + "y",
        "zxcvbnm,./ but longer",
        "Tr0ub4dor&3",
    ],
)
def test_good_ones(password: str) -> None:
    assert complaint(password, "alice") is None


@pytest.mark.parametrize(
    ("password", "word"),
    [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("🦊" * 7, "at least 8"),
        ("xy" * 65, "at most 128"),
        ("aaaaaaaaaaaa", "tried first"),
        ("password", "tried first"),
        ("PassWord", "tried first"),
        ("pass word", "tried first"),
        ("iloveyou", "tried first"),
        ("alice's secret", "user name"),
        ("my ALICE is", "user name"),
        ("daytrade", "name of this system"),
        ("DayTrade1", "name of this system"),
    ],
)
def test_bad_ones(password: str, word: str) -> None:
    assert word in (complaint(password, "alice") or "")


def test_a_very_short_name_stands_in_many_words() -> None:
    assert complaint("a good sentence", "a") is None
    assert complaint("a good sentence", "go") is None


def test_hashes_are_salted_and_verified_exactly() -> None:
    first, second = passwords.hash_now("one password"), passwords.hash_now("one password")
    assert first != second
    assert passwords.verify_now(first, "one password")
    assert passwords.verify_now(second, "one password")
    assert not passwords.verify_now(first, "one password ")
    assert not passwords.verify_now("not a hash", "one password")
    assert not passwords.is_outdated(first)
    assert passwords.is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$X8sVy4vLVDzw7LzVbg1yqw")
    assert not passwords.verify_now(passwords.nobodys_hash(), "one password")
