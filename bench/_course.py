"""The course of a load, in Locust's own process: when everybody has come the statistics begin; it ends by itself, or climbs on.

Climbing: so many users more each time, measured for a while, until the 95th percentile or a failure says that they are too many.
Imported under Locust only, which patches the standard library for gevent before.
"""

import sys
import time
from pathlib import Path
from typing import Any, Final

import gevent
import msgspec
from locust.env import Environment
from locust.runners import Runner

from bench._climb import Level

_COMING_S: Final = 10.0
"""Added to twice the time that the users' arrivals should take."""
_LOOK_S: Final = 0.2
_SETTLE_S: Final = 3.0
"""After the last arrival, before the statistics begin."""

arrived: set[str] = set()
"""Names of the users who are ready."""


def arguments(parser: Any) -> None:
    """Options of the locustfile."""
    parser.add_argument(
        "--measure", type=float, default=0.0, help="seconds, once all have come; 0: without end"
    )
    parser.add_argument("--step", type=int, default=0, help="users more each time; 0: only --users")
    parser.add_argument("--most", type=int, default=10_000, help="with --step, no more users than that")
    parser.add_argument(
        "--p95", type=float, default=200.0, help="milliseconds; with --step, climbing ends above"
    )
    parser.add_argument("--result", default="", help="with --step, the JSON file of what was measured")


def follow(environment: Environment) -> None:
    """Runs the course that the options ask for; does nothing without --measure."""
    options = environment.parsed_options
    if options is None or not options.measure:
        return
    environment.events.test_start.add_listener(  # type: ignore[no-untyped-call]
        lambda **_: gevent.spawn(_run, environment, options)
    )


def _run(environment: Environment, options: Any) -> None:
    """Whatever happens in it: the load ends, and a mistake here makes its exit code 1."""
    runner = environment.runner
    assert runner is not None
    environment.process_exit_code = 1
    try:
        if _walk(environment, runner, options):
            environment.process_exit_code = None
    finally:
        runner.quit()


def _walk(environment: Environment, runner: Runner, options: Any) -> bool:
    """Whether all users came."""
    levels: list[Level] = []
    users = options.num_users
    while _all_come(users, options.spawn_rate):
        gevent.sleep(_SETTLE_S)
        environment.stats.reset_all()
        began = time.perf_counter()
        gevent.sleep(options.measure)
        levels.append(_level(environment, users, time.perf_counter() - began))
        if not options.step or levels[-1].p95_ms > options.p95 or levels[-1].failures:
            break
        users += options.step
        if users > options.most:
            break
        runner.start(users, options.spawn_rate)
    else:
        missing = users - len(arrived)
        print(f"{missing} of {users} users did not come", file=sys.stderr, flush=True)
        levels.append(Level(users, 0, 0, 1.0, 0.0, 0.0, 0.0, 0.0, missing))
    if options.result:
        Path(options.result).write_bytes(msgspec.json.encode(levels))
    return not levels[-1].missing


def _all_come(users: int, per_second: float) -> bool:
    deadline = time.monotonic() + _COMING_S + 2 * (users - len(arrived)) / per_second
    while len(arrived) < users:
        if time.monotonic() > deadline:
            return False
        gevent.sleep(_LOOK_S)
    return True


def _level(environment: Environment, users: int, seconds: float) -> Level:
    total = environment.stats.total
    p50, p95, p99 = (float(total.get_response_time_percentile(part) or 0) for part in (0.5, 0.95, 0.99))
    cpu = getattr(environment.runner, "current_cpu_usage", 0)
    return Level(users, total.num_requests, total.num_failures, seconds, p50, p95, p99, float(cpu))
