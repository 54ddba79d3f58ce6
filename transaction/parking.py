"""Who waits for what: the queues of users whose next command cannot be decided yet.

A user waits for the quote of a symbol, or for a dump of their log to be written. Everything they send meanwhile joins
their queue, so that their commands keep their order; all other users go on.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from transaction.batch import Entry

DUMP = ""
"""Stands for the symbol where a user waits for a dump."""


class Parking:
    """Queues of waiting entries by user, and the users by the symbol they wait for."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[Entry]] = {}
        """By user; who is in here waits."""
        self._waiting: dict[str, dict[str, None]] = {}
        self._symbol: dict[str, str] = {}
        self._count = 0

    def __len__(self) -> int:
        """Entries that wait."""
        return self._count

    def __contains__(self, user: str) -> bool:
        return user in self.queues

    def park(self, user: str, symbol: str, entries: Iterable[Entry]) -> None:
        """The user waits for `symbol` (or DUMP); `entries` are the first of the queue."""
        queue = self.queues[user] = deque(entries)
        self._count += len(queue)
        self._symbol[user] = symbol
        self._waiting.setdefault(symbol, {})[user] = None

    def append(self, user: str, entry: Entry) -> None:
        """One more command of a user who waits."""
        self.queues[user].append(entry)
        self._count += 1

    def entries(self) -> Iterator[Entry]:
        """Everything that waits."""
        for queue in self.queues.values():
            yield from queue

    def waiting_for(self, symbol: str) -> Iterator[Entry]:
        """Everything that waits behind users who wait for this symbol."""
        for user in self._waiting.get(symbol, ()):
            yield from self.queues[user]

    def release_user(self, user: str) -> list[Entry]:
        """Ends one user's wait; their entries in order."""
        symbol = self._symbol.pop(user)
        waiting = self._waiting[symbol]
        del waiting[user]
        if not waiting:
            del self._waiting[symbol]
        queue = self.queues.pop(user)
        self._count -= len(queue)
        return list(queue)

    def release_symbol(self, symbol: str) -> list[Entry]:
        """Ends the wait of everybody who waits for this symbol; each user's entries in order."""
        return [entry for user in list(self._waiting.get(symbol, ())) for entry in self.release_user(user)]
