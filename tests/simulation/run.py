"""Simulated schedules at length: `python -m tests.simulation.run --schedules N --seed S`.

Prints schedules a minute and what struck how often, and ends at the first schedule in which the system did what it must never
do, with its trace. `--replay SEED` runs that one alone, with its plan and its trace; `--bug NAME` plants a bug first (bugs.py).
"""

import argparse
import gc
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from random import SystemRandom

import msgspec

from tests.simulation import seams
from tests.simulation.bugs import BUGS
from tests.simulation.plan import draw
from tests.simulation.simulation import Outcome, run

_SAY_EVERY = 1_000
_LAST_LINES = 60


def outcomes(seeds: range) -> Iterator[Outcome]:
    """Runs the schedules of these seeds; the one that broke is the last."""
    with seams.replaced():
        for seed in seeds:
            outcome = run(seed)
            yield outcome
            if outcome.broken:
                return


def _tell(outcome: Outcome, lines: int | None) -> None:
    """The plan, the end of the trace, and what broke."""
    print(msgspec.json.format(msgspec.json.encode(draw(outcome.seed)), indent=1).decode())
    for time_us, *what in outcome.trace[-lines:] if lines else outcome.trace:
        print(f"{time_us / 1e6:12.6f}", *what)
    if outcome.raised is not None:
        traceback.print_exception(outcome.raised)
    print(f"seed {outcome.seed}, trace {outcome.digest}: {outcome.broken or 'nothing broke'}")


def _search(first: int, schedules: int) -> int:
    start, cpu = time.monotonic(), time.process_time()
    counts: Counter[str] = Counter()
    struck = done = 0
    last = None
    for outcome in outcomes(range(first, first + schedules)):
        done, last = done + 1, outcome
        counts += outcome.counts
        struck += any(what.startswith("fault") for what in outcome.counts)
        if done % _SAY_EVERY == 0:
            print(f"{done:,} schedules, {done / (time.monotonic() - start) * 60:,.0f} a minute", flush=True)
    for what, count in sorted(counts.items()):
        print(f"{count:9,} {what}")
    rate = 60 / (time.process_time() - cpu) * done
    print(f"{done:,} schedules, {struck:,} struck by a fault, {rate:,.0f} a minute of one core")
    if last is None or not last.broken:
        print("nothing broke")
        return 0
    _tell(last, _LAST_LINES)
    print(f"replay it: python -m tests.simulation.run --replay {last.seed}")
    return 1


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    parser.add_argument("--replay", type=int)
    parser.add_argument("--bug", choices=BUGS)
    options = parser.parse_args()
    gc.freeze()
    with BUGS[options.bug]() if options.bug else nullcontext():
        if options.replay is None:
            print(f"seed {options.seed}", flush=True)
            return _search(options.seed, options.schedules)
        (outcome,) = outcomes(range(options.replay, options.replay + 1))
        _tell(outcome, None)
        return int(bool(outcome.broken))


if __name__ == "__main__":
    sys.exit(_main())
