"""Which symbols are wanted here, on whose behalf, until when, and when each is to be asked for next.

Values in, values out; times are monotonic ms. A want waits for its next turn to ask, or it flies: this process is fetching
it, so there is nothing to ask until it lands. It leaves when it is satisfied (`drop`) or when its time is over (`expired`).
"""

from msgspec import Struct

from quotecache.freshness import Asker


class Want(Struct):
    """A symbol that somebody here waits for."""

    asker: Asker
    deadline_ms: int
    ask_ms: int | None
    """When to ask for it next; None while it flies."""


class Wanted:
    """All wants of a process: at most one a symbol, and there are 18,278 symbols."""

    def __init__(self) -> None:
        self._wants: dict[str, Want] = {}

    def __len__(self) -> int:
        return len(self._wants)

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._wants

    def add(self, asker: Asker, now_ms: int, deadline_ms: int) -> None:
        """Notes a want; one for the same symbol keeps its asker and its deadline."""
        if asker.symbol not in self._wants:
            self._wants[asker.symbol] = Want(asker, deadline_ms, now_ms)

    def drop(self, symbol: str) -> bool:
        """The want is satisfied. True when there was one."""
        return self._wants.pop(symbol, None) is not None

    def due(self, now_ms: int, most: int) -> list[str]:
        """Up to `most` symbols to ask for now."""
        due = [
            symbol
            for symbol, want in self._wants.items()
            if want.ask_ms is not None and want.ask_ms <= now_ms
        ]
        return due[:most]

    def ask_again(self, symbol: str, ask_ms: int) -> None:
        """Nothing came of asking, or of a flight: ask at `ask_ms`, if it is wanted still."""
        if want := self._wants.get(symbol):
            want.ask_ms = ask_ms

    def ask_all(self, now_ms: int) -> None:
        """What was told meanwhile is lost: ask for everything that does not fly."""
        for want in self._wants.values():
            if want.ask_ms is not None:
                want.ask_ms = now_ms

    def fly(self, symbol: str) -> Want | None:
        """This process fetches it now, on behalf of the want that is returned; None when it is not wanted any more."""
        if want := self._wants.get(symbol):
            want.ask_ms = None
        return want

    def expired(self, now_ms: int) -> list[str]:
        """Removes and returns the symbols whose time is over. One that flies waits until it lands: it may be paid for."""
        over = [
            symbol
            for symbol, want in self._wants.items()
            if want.ask_ms is not None and want.deadline_ms <= now_ms
        ]
        for symbol in over:
            del self._wants[symbol]
        return over

    def next_ms(self) -> int | None:
        """When `due` or `expired` has something to say again; None: not before something changes."""
        times = [
            min(want.ask_ms, want.deadline_ms) for want in self._wants.values() if want.ask_ms is not None
        ]
        return min(times, default=None)
