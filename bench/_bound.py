"""How long a replay takes when nothing costs anything but the quote server's delays. Pure; times in seconds.

Each user has a row of commands, of which at most a window are outstanding. A command that needs a price waits for the fetch
of its symbol, which begins when the first command of anybody that needs it is sent; everything else takes no time, and any
number of fetches go on at once. So this is what the look-ahead within the window leaves of the delays.
"""

import heapq
from collections.abc import Callable, Sequence

Needs = Sequence[str | None]
"""One user's commands in order: the symbol whose price each needs, None for none."""


def bound_s(users: Sequence[Needs], window: int, delay_s: Callable[[str], float]) -> float:
    """When the last command is answered; `delay_s` of a symbol's fetch. No price grows old meanwhile."""
    ready_s: dict[str, float] = {}
    done, sent = [0] * len(users), [0] * len(users)
    due = [(0.0, place) for place in range(len(users))]
    end_s = 0.0
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
        done[place], sent[place] = at, outstanding_to
        end_s = now_s
    return end_s
