"""Which request numbers a shard has seen, so that a repeat is noticed without asking the database each time.

The primary key of the command table is what makes a repeat harmless; this only decides when it is worth a look-up. So it
may forget, and does when it remembers too much: then every session forgets the lower half of its numbers, so that the
room goes to those that are in use. Numbers are remembered as bits of words, since a session uses most of them.
"""

from typing import Final

from core.limits import MAX_REMEMBERED_WORDS, MAX_SESSIONS_REMEMBERED

_WORD_SHIFT: Final = 8
_WORD_MASK: Final = 255


class Session:
    """The numbers of one session. Those up to `floor` may be in the database; of the later ones this shard knows its own."""

    __slots__ = ("_book", "_seen", "floor", "session_id")

    def __init__(self, session_id: int, floor: int, book: "Sessions | None" = None) -> None:
        self.session_id = session_id
        self.floor = floor
        self._book = book or Sessions()
        self._seen: dict[int, int] = {}
        """Words of 256 numbers by number // 256, a bit for each number."""

    @property
    def remembered(self) -> int:
        """How many words are remembered."""
        return len(self._seen)

    def meet(self, number: int) -> bool:
        """Whether this number may be in the database; from now on it may.

        False only for a number that this shard meets for the first time and that was in no database when it met the session.
        """
        if number <= self.floor:
            return True
        place, bit = number >> _WORD_SHIFT, 1 << (number & _WORD_MASK)
        word = self._seen.get(place)
        if word is None:
            self._seen[place] = bit
            self._book.count()
            return False
        self._seen[place] = word | bit
        return bool(word & bit)

    def forget_half(self) -> None:
        """The lower half of the words falls under the floor."""
        if self._seen:
            middle = sorted(self._seen)[len(self._seen) // 2]
            self.floor = self._highest_in(middle)
            self._seen = {place: word for place, word in self._seen.items() if place > middle}

    @property
    def highest(self) -> int:
        """The highest number known here."""
        return self._highest_in(max(self._seen)) if self._seen else self.floor

    def _highest_in(self, place: int) -> int:
        return (place << _WORD_SHIFT) + self._seen[place].bit_length() - 1


class Sessions:
    """Sessions by name, a bounded number of them; the ones that came first leave first and are simply read again."""

    def __init__(self) -> None:
        self._by_name: dict[str, Session] = {}
        self._remembered = 0

    def get(self, name: str) -> Session | None:
        return self._by_name.get(name)

    def put(self, name: str, session_id: int, floor: int) -> Session:
        """Remembers a session whose highest number in the database is `floor`; forgets the oldest ones over the limit."""
        while len(self._by_name) >= MAX_SESSIONS_REMEMBERED:
            del self._by_name[next(iter(self._by_name))]
        session = self._by_name[name] = Session(session_id, floor, self)
        return session

    def count(self) -> None:
        """A word more is remembered."""
        self._remembered += 1
        if self._remembered > MAX_REMEMBERED_WORDS:
            for session in self._by_name.values():
                session.forget_half()
            self._remembered = sum(session.remembered for session in self._by_name.values())
