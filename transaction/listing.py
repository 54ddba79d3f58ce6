"""The members of a JSON object or array as one text that is kept, so that showing a hundred of them again costs what changed.

One text, not a text a member: those took twice the memory.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, Generic, TypeVar

K = TypeVar("K", str, tuple[str, int])

_MANY: Final = 16
"""When so many are out of date, the whole text is worded anew: putting each in its place would move the rest each time."""


class Listing(Generic[K]):
    """Members by key, in the order of the keys, each with a comma behind it; those in `stale` are out of date."""

    __slots__ = ("_keys", "_text", "stale")

    def __init__(self, stale: set[K]) -> None:
        self._keys: list[K] = []
        self._text = ""
        self.stale: set[K] = stale

    def refreshed(self, head: Callable[[K], str], word: Callable[[K], str]) -> str:
        """The members with commas between them, the stale ones worded anew.

        `word` makes a flat JSON object, named or not; or nothing, then there is no such member. It begins with what
        `head` makes, which stands nowhere else in the text.
        """
        if len(self.stale) > _MANY:
            self._word_all(word)
        else:
            for key in self.stale:
                self._put(key, head, word(key))
        if self.stale:
            self.stale.clear()
        return self._text[:-1]

    def _word_all(self, word: Callable[[K], str]) -> None:
        worded = {key: word(key) for key in sorted(self.stale.union(self._keys))}
        self._keys = [key for key, text in worded.items() if text]
        self._text = "".join([text + "," for text in worded.values() if text])

    def _put(self, key: K, head: Callable[[K], str], worded: str) -> None:
        text, keys = self._text, self._keys
        place = bisect_left(keys, key)
        start = text.index(head(keys[place])) if place < len(keys) else len(text)
        end = start
        if place < len(keys) and keys[place] == key:
            end = text.index("}", start) + 2
            if not worded:
                del keys[place]
        elif worded:
            keys.insert(place, key)
        self._text = f"{text[:start]}{worded},{text[end:]}" if worded else text[:start] + text[end:]
