"""Triggers: what a poll costs in which nothing fires, how long a fire takes when 1,000 come at once, what fires cost the traders.

- Poll: 100,000 triggers armed on 1,000 symbols; CPU time of the trigger server and of its sessions in Postgres.
- Fires at once: prices change that each of 1,000 accounts has a trigger on. From before the new prices are recorded (as
  hits) until Postgres tells that the fire of an account is committed. Baseline: pgbench on the same Postgres.
- Fires among trades: replays at window 8 with and without 200 fires a second on the accounts that trade.
"""

import argparse
import time
from collections.abc import Mapping
from statistics import median
from typing import Final

import psycopg
from msgspec import Struct

from bench import _arming, _baseline, _cases, _gauge, _loads, _prices, _report
from bench._cases import median_of
from bench._report import Findings, Grid, Row
from bench._trading import FIRES_PER_SECOND, WINDOW, Trading, trade
from stack.launcher import Stack, throw_away
from stack.topology import Shape
from workload.driver import load, replay_now
from workload.measure import percentile

GOAL_POLL_MS: Final = 5.0
GOAL_FIRE_MS: Final = 250.0
GOAL_COST: Final = {1_000: 0.20, 100: 0.30}
"""Greatest share of the rate that the fires may take, by users."""
_USERS, _SYMBOLS, _POLL_S = 1_000, 1_000, 0.25
_ENOUGH: Final = 0.9
"""Share of the fires that must be durable when the replay ends."""
_WATCH_S: Final = 6.0
_SETTLE_S: Final = 3.0


class Poll(Struct, frozen=True):
    """Milliseconds of processor time of one poll."""

    server_ms: float
    postgres_ms: float


class Runs(Struct):
    """Everything measured."""

    pgbench_per_second: float
    polls: list[Poll]
    bursts_ms: list[list[float]]
    """For each burst, of each fire."""
    trading: dict[int, list[Trading]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument(
        "--armed", type=int, default=100_000, help="triggers, of 1,000 users on 1,000 symbols"
    )
    parser.add_argument("--fires", type=int, default=1_000, help="at once, of as many accounts")
    parser.add_argument("--commands", type=int, default=200_000, help="of each replay")
    parser.add_argument("--shards", type=int, default=2)


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed, TimeoutError."""
    shape = Shape(shards=options.shards, delay="none", seed=_loads.SEED)
    with throw_away(shape) as stack:
        runs = _quiet(stack, options)
    for users in GOAL_COST:
        with throw_away(shape) as stack:
            runs.trading[users] = trade(stack, users, options.commands, options.runs)
    rows = [
        *_quiet_rows(runs, options),
        *(row for users in GOAL_COST for row in _busy_rows(users, runs.trading[users])),
    ]
    notes = [
        *_cases.noise(
            side for own in runs.trading.values() for each in own for side in (each.without, each.fired)
        ),
        f"baseline: {_baseline.COMMAND}: {runs.pgbench_per_second:,.0f}/s; medians of {options.runs}",
        f"cost of fires: replays at window {WINDOW} with and without the fires, in turn",
        "nobody is decided more than twice a batch, nor put off twice: see transaction/worker.py, _process",
    ]
    return Findings(rows, [_busy_grid(runs.trading)], notes, runs)


def _quiet(stack: Stack, options: argparse.Namespace) -> Runs:
    """Polls and bursts, with nobody trading."""
    runs = Runs(_baseline.rate(stack.state.admin_url), [], [], {})
    users = [f"user{place}" for place in range(_USERS)]
    armed = _arming.spread(users, _arming.three_letters(_SYMBOLS), options.armed // _USERS)
    replay_now(load(_arming.lines(armed)), stack.state.balancer_address, window=64)
    time.sleep(_SETTLE_S)
    for number in range(1, options.runs + 1):
        runs.polls.append(_poll(stack))
        print(f"run {number}: a poll costs {runs.polls[-1]}", flush=True)
    with _prices.market(stack) as market:
        for number, symbols in zip(
            range(1, options.runs + 1), _arming.distinct(armed, options.fires), strict=False
        ):
            users_fired = {user for symbol in symbols for user in armed[symbol]}
            runs.bursts_ms.append(market.fire(symbols, users_fired))
            print(
                f"run {number}: {options.fires:,} fires at once: p99 {_p99(runs.bursts_ms[-1]):.0f} ms",
                flush=True,
            )
            time.sleep(_SETTLE_S / 3)
    assert len(runs.bursts_ms) == options.runs, "not enough triggers are armed for so many bursts"
    return runs


def _poll(stack: Stack) -> Poll:
    """A while in which nothing happens but polls."""
    server = stack.state.part("trigger-0").process
    assert server is not None
    roots = {server.pid: "server"} | dict.fromkeys(_sessions(stack), "sessions")
    before = _gauge.read(roots)
    time.sleep(_WATCH_S)
    spent = _gauge.cost(before, _gauge.read(roots))
    polls = spent.seconds / _POLL_S
    return Poll(*(spent.cpu_s[tier] / polls * 1000 for tier in ("server", "sessions")))


def _sessions(stack: Stack) -> list[int]:
    """Processes of Postgres that serve the trigger server."""
    with psycopg.connect(stack.state.admin_url) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE usename = 'daytrade_trigger'"
        ).fetchall()
    assert found, "the trigger server has no session"
    return [pid for (pid,) in found]


def _p99(values: list[float]) -> float:
    return percentile(sorted(int(value * 1000) for value in values), 99) / 1000


def _quiet_rows(runs: Runs, options: argparse.Namespace) -> list[Row]:
    server, postgres = (
        median(values)
        for values in zip(*((each.server_ms, each.postgres_ms) for each in runs.polls), strict=True)
    )
    p99 = median(_p99(burst) for burst in runs.bursts_ms)
    rate = options.fires / (median(max(burst) for burst in runs.bursts_ms) / 1000)
    return [
        _report.at_most(
            f"{options.armed:,} triggers armed on {_SYMBOLS:,} symbols: a poll in which nothing fires <= {GOAL_POLL_MS:g} ms CPU",
            server + postgres, GOAL_POLL_MS, f"{server + postgres:.2f} ms ({server:.2f} and Postgres {postgres:.2f})",
        ),
        _report.at_most(
            f"{options.fires:,} fires at once: price change to durable fire p99 <= {GOAL_FIRE_MS:g} ms", p99, GOAL_FIRE_MS,
            f"{p99:.0f} ms", f"{rate / runs.pgbench_per_second:.2f} x pgbench ({rate:,.0f} fires/s)",
        ),
    ]  # fmt: skip


def _busy_rows(users: int, found: list[Trading]) -> list[Row]:
    """Fires that did not come do not count as cheap ones."""
    goal = GOAL_COST[users]
    cost = median_of(found, lambda each: each.cost)
    per_second = median_of(found, lambda each: each.fires_per_second)
    slowest = max(each.fired.max_ms for each in found)
    return [
        Row(
            f"{FIRES_PER_SECOND} fires/s on {users:,} accounts that trade cost <= {goal:.0%} of the rate",
            f"{cost:.0%} at {per_second:.0f} fires/s",
            f"{1 - cost:.2f} x without fires",
            cost <= goal and per_second >= _ENOUGH * FIRES_PER_SECOND,
        ),
        Row(f"{users:,} users: nobody starves", f"slowest command of anybody {slowest:,.0f} ms", "", None),
    ]


def _busy_grid(trading: Mapping[int, list[Trading]]) -> Grid:
    columns = [
        "users",
        "commands/s",
        "with fires",
        "cost",
        "fires/s",
        "of those due",
        "p99 ms",
        "with",
        "max ms",
        "with",
    ]
    rows = [
        [
            f"{users:,}",
            f"{each.without.per_second:,.0f}",
            f"{each.fired.per_second:,.0f}",
            f"{each.cost:.0%}",
            f"{each.fires_per_second:.0f}",
            f"{each.fires / each.due:.0%}" if each.due else "",
            *(f"{side.p99_ms:.0f}" for side in (each.without, each.fired)),
            *(f"{side.max_ms:.0f}" for side in (each.without, each.fired)),
            f"{max(each.without.cost.others_share, each.fired.cost.others_share):.0%}",
        ]
        for users, found in trading.items()
        for each in found
    ]
    return Grid("Fires among trades, each run", [*columns, "others' CPU"], rows)


if __name__ == "__main__":
    _report.main("triggers", __doc__, add_arguments, run)
