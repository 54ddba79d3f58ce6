"""Hashing passwords beside the event loop: in threads of their own, a bounded number at once and a bounded number waiting."""

from collections.abc import Callable
from typing import Final, TypeVar, cast

from gevent.threadpool import ThreadPool

from core.limits import MAX_HASHES_AT_ONCE, MAX_HASHES_WAITING
from webclient import passwords
from webclient.problems import UNAVAILABLE, Problem

_T = TypeVar("_T")


class Hashing:
    """`webclient.passwords` without standing still. Every method raises Problem UNAVAILABLE when too many wait."""

    def __init__(self, at_once: int = MAX_HASHES_AT_ONCE, waiting: int = MAX_HASHES_WAITING) -> None:
        self._threads: Final = ThreadPool(at_once)
        self._most: Final = at_once + waiting
        self._asked = 0
        passwords.nobodys_hash()  # made now: else the first unknown user would wait for it

    def hash(self, password: str) -> str:
        """As passwords.hash_now."""
        return self._run(lambda: passwords.hash_now(password))

    def verify(self, password_hash: str | None, password: str) -> bool:
        """As passwords.verify_now; for None (an unknown user) False, after as long a time."""
        known = password_hash is not None
        right = self._run(lambda: passwords.verify_now(password_hash or passwords.nobodys_hash(), password))
        return known and right

    def _run(self, work: Callable[[], _T]) -> _T:
        if self._asked >= self._most:
            raise Problem(UNAVAILABLE, "Too many people log in at the moment.")
        self._asked += 1
        try:
            return cast(_T, self._threads.spawn(work).get())
        finally:
            self._asked -= 1
