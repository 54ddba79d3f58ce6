"""The pending buys, or the pending sells, of an account: a stack from whose other end the old ones expire.

Both texts that are made of it are kept while they hold: its account is written after every command, and shown after
every tenth, but only every fifth command changes a pending.
"""

from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from core.limits import MAX_PENDINGS_SHOWN


class Pending(Struct, frozen=True, array_like=True, gc=False):
    """A BUY or SELL that waits for its COMMIT or CANCEL, at the price it was decided with."""

    symbol: str
    shares: int
    price_cents: int
    timestamp_ms: int
    session_id: int
    number: int

    @property
    def value_cents(self) -> int:
        return self.shares * self.price_cents


class Pendings:  # noqa: PLW1641 (it changes, so it has no hash)
    """Changed by `push`, `take` and `expire` only."""

    __slots__ = ("_stored", "_texts", "expired", "items")

    def __init__(self, items: Iterable[Pending] = (), *, expired: bool = False) -> None:
        self.items = list(items)
        """Oldest first: timestamps never decrease."""
        self.expired = expired
        """The last to leave did so by expiry (decides between EXPIRED and NOTHING_PENDING)."""
        self._stored = ""
        """As in the account row; empty when it has to be made."""
        self._texts: list[str] = []
        """As in a summary: of the oldest ones, as many as were worded."""

    def __eq__(self, other: object) -> bool:
        """Whether the pendings are the same, and how the last one left; texts that are kept do not count."""
        if not isinstance(other, Pendings):
            return NotImplemented
        return self.items == other.items and self.expired == other.expired

    @property
    def newest(self) -> Pending | None:
        """The one that COMMIT and CANCEL take."""
        return self.items[-1] if self.items else None

    def push(self, pending: Pending) -> None:
        """Puts in the newest."""
        self.items.append(pending)
        self._stored = ""

    def take(self) -> Pending:
        """Takes out the newest, for its COMMIT or CANCEL."""
        pending = self.items.pop()
        del self._texts[len(self.items) :]
        self.expired = False
        self._stored = ""
        return pending

    def expire(self, oldest_ms: int) -> list[Pending]:
        """Takes out those from before `oldest_ms`, oldest first."""
        items = self.items
        count = 0
        while count < len(items) and items[count].timestamp_ms < oldest_ms:
            count += 1
        overdue = items[:count]
        if overdue:
            del items[:count], self._texts[:count]
            self.expired = True
            self._stored = ""
        return overdue

    def stored(self) -> str:
        """The JSON of the account row: [[symbol, shares, price_cents, timestamp_ms, session_id, number], ...]."""
        if not self._stored:
            self._stored = _encoder.encode(self.items).decode()
        return self._stored

    def shown(self, word: Callable[[Pending], str]) -> str:
        """What `word` makes of the newest, newest first, with commas between them; at most MAX_PENDINGS_SHOWN."""
        items, texts = self.items, self._texts
        if len(items) > MAX_PENDINGS_SHOWN:
            return ",".join(map(word, reversed(items[-MAX_PENDINGS_SHOWN:])))
        texts += map(word, items[len(texts) :])
        return ",".join(reversed(texts))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[Pending])


def decode_pendings(text: str | bytes) -> list[Pending]:
    """The pendings of an account row, oldest first."""
    return _decoder.decode(text)
