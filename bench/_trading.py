"""Fires on accounts that trade at full speed: replays with and without them, in turn, on the same accounts."""

import threading
import time
from typing import Final

import psycopg
from msgspec import Struct

from bench import _arming, _cases, _loads, _prices
from bench._cases import Replayed
from core.framing import split_number, user_field
from stack.launcher import Stack
from workload.driver import load, replay_now
from workload.layout import Workload

FIRES_PER_SECOND: Final = 200
WINDOW: Final = 8
_GROUP: Final = 20
"""Accounts that one change of a price fires a trigger of."""
_SPARE: Final = 2.0
"""So many times as long as a replay takes without them, the fires last; if it takes longer, too few fires tell."""
_SETTLE_S: Final = 1.0


class Trading(Struct, frozen=True):
    """One replay without fires and one with."""

    without: Replayed
    fired: Replayed
    """With them."""
    fires: int
    """Durable while it ran."""
    due: int
    """Whose price had come while it ran."""

    @property
    def cost(self) -> float:
        """The share of the rate that the fires took."""
        return 1 - self.fired.per_second / self.without.per_second

    @property
    def fires_per_second(self) -> float:
        """Durable ones."""
        return self.fires / self.fired.seconds


def trade(stack: Stack, users: int, count: int, runs: int) -> list[Trading]:
    """Replays `count` commands of so many users. Raises StackError, ReplayFailed."""
    crowd = _loads.crowd(users, count)
    names = users_of(crowd.lines)
    commands = crowd.commands
    # From here on everybody has an account, and every price is there.
    seconds = _cases.replay(stack, commands, WINDOW, 4).seconds
    found = []
    symbols = iter(_arming.two_letters())
    with _prices.market(stack) as market:
        for number in range(1, runs + 1):
            enough = int(seconds * _SPARE * FIRES_PER_SECOND / _GROUP) + 1
            armed = _arming.rounds(
                names, [symbol for _, symbol in zip(range(enough), symbols, strict=False)], _GROUP
            )
            replay_now(load(_arming.lines(armed)), stack.state.balancer_address, window=64)
            time.sleep(_SETTLE_S)
            # With the same triggers armed: it is the fires that shall differ, not the size of the accounts.
            without = _cases.replay(stack, commands, WINDOW, 4)
            seconds = without.seconds
            found.append(_with_fires(stack, market, list(armed), commands, without))
            print(
                f"run {number}, {users:,} users: {without.per_second:,.0f}/s, with {found[-1].fires:,} fires "
                f"{found[-1].fired.per_second:,.0f}/s: {found[-1].cost:.0%} less",
                flush=True,
            )
    return found


def users_of(lines: list[bytes]) -> list[str]:
    """Each user of a load once, in the order in which they come. (In some lines only space and LF follow the user.)"""
    return list(dict.fromkeys(user_field(split_number(line.rstrip())[1]).decode() for line in lines))


def _with_fires(
    stack: Stack, market: _prices.Thread, symbols: list[str], commands: Workload, without: Replayed
) -> Trading:
    before = _fires(stack)
    stop = threading.Event()
    firing = market.start_firing(symbols, FIRES_PER_SECOND / _GROUP, stop)
    try:
        fired = _cases.replay(stack, commands, WINDOW, 4)
        fires = _fires(stack) - before
    finally:
        stop.set()
    changed = firing.result()
    return Trading(without, fired, fires, changed * _GROUP)


def _fires(stack: Stack) -> int:
    """Ours alone: the triggers that the workload sets are on symbols of three letters."""
    with psycopg.connect(stack.state.audit_url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM audit WHERE kind = 4 AND length(symbol) = 2"
        ).fetchone()
    assert row is not None
    return int(row[0])
