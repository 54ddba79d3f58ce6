"""Passwords: which will do, and their hashes by argon2id.

Parameters after the OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane. What makes a good password after NIST SP
800-63B and ASVS 5.0 6.2: length, and not one of those that everybody tries; no rules of composition, nothing cut off or changed.
"""

import importlib
from functools import cache
from typing import Final

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from core.limits import MAX_PASSWORD_CHARACTERS, MIN_PASSWORD_CHARACTERS

_HASHER: Final = argon2.PasswordHasher(
    time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16
)
_OBVIOUS: Final = ("daytrade", "day trade", "day-trade")
_MIN_NAME: Final = 3
"""A shorter user name stands in half of all passwords by chance."""


def complaint(password: str, user: str) -> str | None:
    """Why that password will not do for that user, in words for them; None when it does."""
    if len(password) < MIN_PASSWORD_CHARACTERS:
        return f"A password has at least {MIN_PASSWORD_CHARACTERS} characters."
    if len(password) > MAX_PASSWORD_CHARACTERS:
        return f"A password has at most {MAX_PASSWORD_CHARACTERS} characters."
    folded = password.casefold()
    if len(user) >= _MIN_NAME and user.casefold() in folded:
        return "The password contains the user name."
    if len(set(folded)) == 1 or folded in _common() or folded.replace(" ", "") in _common():
        return "That is one of the passwords that are tried first."
    if any(word in folded and len(folded) - len(word) < MIN_PASSWORD_CHARACTERS // 2 for word in _OBVIOUS):
        return "The password is little more than the name of this system."
    return None


def hash_now(password: str) -> str:
    """The hash that is stored, with a new salt; takes some 20 ms of a processor."""
    return _HASHER.hash(password)


def verify_now(password_hash: str, password: str) -> bool:
    """Whether the hash is that password's; takes as long whether or not."""
    try:
        return _HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether it was made by other parameters than today's."""
    return _HASHER.check_needs_rehash(password_hash)


@cache
def nobodys_hash() -> str:
    """What an unknown user's password is compared with, so that the answer takes as long as a known one's."""
    return hash_now("nobody's password")


@cache
def _common() -> frozenset[str]:
    """The passwords that are tried first: 11,600 that are long enough, of zxcvbn's list (most common ones of all leaks)."""
    lists = importlib.import_module("zxcvbn.frequency_lists").FREQUENCY_LISTS
    return frozenset(word for word in lists["passwords"] if len(word) >= MIN_PASSWORD_CHARACTERS)
