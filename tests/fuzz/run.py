"""The mutation fuzzer at length: `python -m tests.fuzz.run --inputs 10000000 [--seed S] [--targets a,b]`.

Prints the seed, and ends at the first find with its traceback, the target and the input as a Python literal.
"""

import argparse
import sys
import time
from random import Random, SystemRandom

from tests.fuzz.mutate import mutated
from tests.fuzz.targets import TARGETS

_SAY_EVERY = 100_000


def fuzz(seed: int, count: int, names: list[str]) -> int:
    """Gives `count` inputs to the targets in turn. Returns how many were given; raises what a target raises, with a note."""
    random = Random(seed)
    given = 0
    while given < count:
        data = mutated(random)
        for name in names:
            state = random.getstate()
            try:
                TARGETS[name](data, random)
            except Exception as error:
                error.add_note(f"target {name}, seed {seed}, input {given}: {data!r}")
                raise
            random.setstate(state)
            random.random()
            given += 1
    return given


def _main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    parser.add_argument("--targets", default=",".join(TARGETS))
    options = parser.parse_args()
    names = options.targets.split(",")
    print(f"seed {options.seed}, targets {', '.join(names)}", flush=True)
    start, given = time.monotonic(), 0
    while given < options.inputs:
        given += fuzz(options.seed + given, min(_SAY_EVERY, options.inputs - given), names)
        print(f"{given:,} inputs, {given / (time.monotonic() - start):,.0f}/s, no find", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
