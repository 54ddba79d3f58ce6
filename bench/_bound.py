"""How long a replay takes when nothing costs anything but the quote server's delays. Pure; times in seconds.

Each user has a row of commands, of which at most a window are outstanding. A command that needs a price waits for the fetch
of its symbol, which begins when the first command of anybody that needs it is sent; everything else takes no time, and any
number of fetches go on at once. So this is what the look-ahead within the window leaves of the delays.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

_LATE: Final = 0.9
"""Of the bound."""

Needs = Sequence[str | None]
"""One user's commands in order: the symbol whose price each needs, None for none."""


class Bound(Struct, frozen=True):
    """What the delays alone cost, and how much work they leave to the end."""

    seconds: float
    """When the last command is answered."""
    late: int
    """Commands that cannot be answered before the last tenth of that: what these cost comes on top of it."""


def bound(users: Sequence[Needs], window: int, delay_s: Callable[[str], float]) -> Bound:
    """`delay_s` of a symbol's fetch. No price grows old meanwhile."""
    answered = _answered(users, window, delay_s)
    seconds = answered[-1][0] if answered else 0.0
    return Bound(seconds, sum(count for at_s, count in answered if at_s > _LATE * seconds))


def _answered(
    users: Sequence[Needs], window: int, delay_s: Callable[[str], float]
) -> list[tuple[float, int]]:
    """When how many commands are answered, in order."""
    ready_s: dict[str, float] = {}
    done, sent = [0] * len(users), [0] * len(users)
    due = [(0.0, place) for place in range(len(users))]
    answered: list[tuple[float, int]] = []
    while due:
        now_s, place = heapq.heappop(due)
        needs = users[place]
        at, outstanding_to = done[place], sent[place]
        while at < len(needs):
            while outstanding_to < min(len(needs), at + window):
                symbol = needs[outstanding_to]
                if symbol is not None and symbol not in ready_s:
                    ready_s[symbol] = now_s + delay_s(symbol)
                outstanding_to += 1
            symbol = needs[at]
            if symbol is not None and ready_s[symbol] > now_s:
                heapq.heappush(due, (ready_s[symbol], place))
                break
            at += 1
        answered.append((now_s, at - done[place]))
        done[place], sent[place] = at, outstanding_to
    return answered
