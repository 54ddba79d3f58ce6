"""Whether the database slows down as history grows: the same replays on an empty one and on one with a history.

The history is made in the database: 10 million audit rows of many users over many days, two thirds as many commands with their
replies, then VACUUM ANALYZE. Baseline: the empty stack, in the same minute.
"""

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final, LiteralString

import psycopg
from msgspec import Struct

from bench import _cases, _loads, _report
from bench._cases import Replayed, median_of
from bench._report import Findings, Grid, Row
from stack.launcher import Stack, throw_away
from stack.topology import Shape

GOAL_SLOWER: Final = 0.10
_COMMANDS: Final = {1: 30_000, 8: 80_000}
"""Of the replay at each window."""
_ROWS_A_COMMAND: Final = 1.5
_SESSIONS: Final = 10
_PIECES: Final = 8
_FILL: Final[tuple[LiteralString, ...]] = (
    "INSERT INTO session (name) SELECT 'history-' || n FROM generate_series(1, %(sessions)s::bigint) AS n",
    """
    INSERT INTO command (session_id, number, body, reply)
    SELECT s.session_id, n, 'BUY,user' || n %% 1000 || ',ABC,' || n %% 750 || '.00',
           CASE WHEN n %% 3 = 0 THEN 'ERR {"code":"INSUFFICIENT_FUNDS","message":"cash 0.00 is less than 100.00"}'
                ELSE 'OK {"symbol":"ABC","shares":8,"price":"12.34","cash":"' || n || '.00","reserved":"98.72"}' END
    FROM session AS s, generate_series(%(first)s::bigint, %(last)s::bigint) AS n WHERE s.name LIKE 'history-%%'
    """,
    """
    INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, funds_cents, price_cents,
                       removed_cents, error)
    SELECT 1700000000000 + n * 10 + s.session_id, 'user' || n %% 1000, n / 1000 + 1, 1, s.session_id, n, 'transaction-0', 3,
           'ABC', 10000 + n %% 90000, CASE WHEN n %% 2 = 0 THEN 1234 END, CASE WHEN n %% 2 = 0 THEN 9872 END,
           CASE WHEN n %% 3 = 0 THEN 'INSUFFICIENT_FUNDS: cash 0.00 is less than 100.00' END
    FROM session AS s, generate_series(%(first)s::bigint, %(last)s::bigint) AS n WHERE s.name LIKE 'history-%%'
    """,
)


class Both(Struct, frozen=True):
    """The same replay on both."""

    window: int
    empty: Replayed
    full: Replayed

    @property
    def ratio(self) -> float:
        """Of the rates: below 1 is slower with history."""
        return self.full.per_second / self.empty.per_second


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This benchmark's own options."""
    parser.add_argument(
        "--rows", type=int, default=10_000_000, help="of the audit table, beside two thirds as many commands"
    )
    parser.add_argument("--windows", default=",".join(map(str, _COMMANDS)))


def run(options: argparse.Namespace) -> Findings:
    """Measures. Raises StackError, ReplayFailed."""
    shape = Shape(delay="none", seed=_loads.SEED)
    windows = [int(window) for window in options.windows.split(",")]
    loads = {window: _loads.crowd(100, _COMMANDS.get(window, 80_000)).commands for window in windows}
    found = []
    with throw_away(shape) as empty, throw_away(shape) as full:
        print(f"{options.rows:,} rows in {_fill(full, options.rows):.0f} s", flush=True)
        for stack in (empty, full):
            _cases.replay(
                stack, loads[windows[0]], 8, 4
            )  # prices, caches and connections as in the middle of a day
        for number in range(1, options.runs + 1):
            for window in windows:
                pair = [
                    _cases.replay(stack, loads[window], window, 4) for stack in _turned((empty, full), number)
                ]
                first, second = pair if number % 2 else pair[::-1]
                found.append(Both(window, first, second))
                print(
                    f"run {number}, window {window}: {found[-1].ratio:.2f} x the rate of the empty one",
                    flush=True,
                )
        megabytes = _size_mb(full)
    notes = [
        *_cases.noise(side for each in found for side in (each.empty, each.full)),
        f"history: {options.rows:,} audit rows (2.3 events each) and two thirds as many commands, {megabytes:,.0f} MB; 100 users",
        "baseline: the empty stack, replays in turn; the order changes from run to run",
    ]
    return Findings([_row(found, window, options.rows) for window in windows], [_grid(found)], notes, found)


def _turned(stacks: tuple[Stack, Stack], number: int) -> tuple[Stack, ...]:
    return stacks if number % 2 else stacks[::-1]


def _fill(stack: Stack, rows: int) -> float:
    """Seconds it took: sessions, commands and audit rows, in pieces, then statistics and a checkpoint."""
    start = time.monotonic()
    session, *tables = _FILL
    url = stack.state.admin_url
    with psycopg.connect(url, autocommit=True) as connection, ThreadPoolExecutor() as both:
        connection.execute(session, {"sessions": _SESSIONS})
        list(both.map(_fill_table, (url, url), tables, (int(rows / _ROWS_A_COMMAND), rows)))
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    return time.monotonic() - start


def _fill_table(url: str, statement: LiteralString, rows: int) -> None:
    each = rows // _SESSIONS
    with psycopg.connect(url, autocommit=True) as connection:
        for piece in range(_PIECES):
            bounds = {"first": each * piece // _PIECES + 1, "last": each * (piece + 1) // _PIECES}
            connection.execute(statement, bounds)


def _size_mb(stack: Stack) -> float:
    with psycopg.connect(stack.state.admin_url) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0]) / 2**20


def _row(found: list[Both], window: int, rows: int) -> Row:
    own = [each for each in found if each.window == window]
    ratio = median_of(own, lambda each: each.ratio)
    rate = median_of(own, lambda each: each.full.per_second)
    goal = f"{rows / 1e6:g} million audit rows in, window {window}: the same rate +- {GOAL_SLOWER:.0%}"
    return _report.at_least(goal, ratio, 1 - GOAL_SLOWER, f"{rate:,.0f}/s", f"{ratio:.2f} x empty")


def _grid(found: list[Both]) -> Grid:
    rows = [
        [
            str(each.window), f"{each.empty.per_second:,.0f}", f"{each.full.per_second:,.0f}", f"{each.ratio:.2f}",
            *(f"{side.cost.us_per(side.commands)['postgres']:.1f}" for side in (each.empty, each.full)),
            f"{max(each.empty.cost.others_share, each.full.cost.others_share):.0%}",
        ]
        for each in sorted(found, key=lambda each: each.window)
    ]  # fmt: skip
    columns = ["window", "empty /s", "full /s", "ratio", "Postgres us each, empty", "full", "others' CPU"]
    return Grid("Each run", columns, rows)


if __name__ == "__main__":
    _report.main("history", __doc__, add_arguments, run)
