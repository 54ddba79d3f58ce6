"""Users who have sent commands and have no account yet: where the sequence and the time of their events stand. Values only."""

from collections.abc import Iterable, Mapping

from core.limits import MAX_CACHED_ACCOUNTS
from transaction.account import Account


class Newcomers:
    """They are in no table, so what is forgotten here is gone: who had to leave begins behind everybody who had to."""

    def __init__(self, most: int = MAX_CACHED_ACCOUNTS) -> None:
        self._most = most
        self._known: dict[str, tuple[int, int]] = {}
        """Sequence and timestamp of the newest event, by user."""
        self._seq = 0
        """Where those start who are not known (any more)."""

    def account(self, user: str) -> Account:
        """What stands for the account that the user does not have."""
        account = Account(user)
        account.seq, account.timestamp_ms = self._known.get(user, (self._seq, 0))
        return account

    def remember(self, accounts: Mapping[str, Account], conflicts: Iterable[str]) -> None:
        """These accounts are settled now, but for those in conflict."""
        for user, account in accounts.items():
            if account.exists or user in conflicts:
                self._known.pop(user, None)
            elif account.seq:
                self._known[user] = account.seq, account.timestamp_ms
        while len(self._known) > self._most:
            seq, _ = self._known.pop(next(iter(self._known)))
            self._seq = max(self._seq, seq)
