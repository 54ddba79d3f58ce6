"""Whose oldest pending is over when, so that it expires also if the user is never heard of again. Values only."""

from collections.abc import Iterable

from transaction.account import Account


class Expiries:
    """Users with pendings: none of theirs is older than what is known here (ms). Looking too early costs nothing."""

    def __init__(self) -> None:
        self._oldest_ms: dict[str, int] = {}

    def add(self, pendings: Iterable[tuple[str, int]]) -> None:
        """(user, timestamp of the oldest) of accounts with pendings that were there before."""
        self._oldest_ms.update(pendings)

    def watch(self, account: Account) -> None:
        """Sees to it that somebody looks after the account when its oldest pending is over, or sooner."""
        if account.user not in self._oldest_ms and (oldest_ms := account.oldest_pending_ms()) is not None:
            self._oldest_ms[account.user] = oldest_ms

    def due(self, limit_ms: int) -> list[str]:
        """Takes out and returns the users who may have pendings from before then."""
        due = [user for user, oldest_ms in self._oldest_ms.items() if oldest_ms < limit_ms]
        for user in due:
            del self._oldest_ms[user]
        return due
