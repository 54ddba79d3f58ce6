"""A short, seeded selection of simulated schedules. The long form: tests/simulation/run.py."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation import seams
from tests.simulation.bugs import BUGS
from tests.simulation.kept import KEPT, Kept
from tests.simulation.run import outcomes
from tests.simulation.simulation import run

FIRST, SCHEDULES = 20_261_121, 250
KINDS_STRUCK = (
    "kill",
    "stop",
    "stall",
    "cut",
    "database",
    "cache",
    "cache flushed",
    "clock",
    "web server taken for dead",
)
BUG_SCHEDULES = 2_000
"""Within so many schedules each planted bug is found, counted from seed 1: most in the first ten, the rarest in some hundred.
Which seed it is changes with the code, so there is room."""
KEPT_SCHEDULES = 1_000
RARE = {"lost first answer unheard"}
"""Found once in some thousands of schedules; kept.py has one that does."""
_DIGESTS = """
from tests.simulation import seams
from tests.simulation.simulation import run
with seams.replaced():
    print([run(seed).digest for seed in range(30)])
"""


def test_nothing_breaks() -> None:
    counts: Counter[str] = Counter()
    unharmed = 0
    for outcome in outcomes(range(FIRST, FIRST + SCHEDULES)):
        assert not outcome.broken, f"seed {outcome.seed}: {outcome.broken}"
        counts += outcome.counts
        unharmed += not any(what.startswith("fault") for what in outcome.counts)
    assert unharmed < SCHEDULES // 20
    struck = [what.removeprefix("fault: ") for what in counts if what.startswith("fault: ")]
    for kind in (*KINDS_STRUCK, "kill everything"):
        assert any(what.startswith(kind) for what in struck), f"no {kind} struck"
    assert counts["trigger fired"] > 20
    assert counts["decided under lock"] > 0
    assert counts["ended after a clean stop"] > 5


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.bug)
def test_what_was_found_stays_mended(kept: Kept) -> None:
    """With the bug planted anew, one of the schedules like it soon finds it; without, none of those breaks."""
    with seams.replaced():
        seeds = range(kept.seed, kept.seed + KEPT_SCHEDULES)
        with BUGS[kept.bug]():
            found = next((seed for seed in seeds if run(seed, kept.plan(seed)).broken), None)
        assert found is not None
        assert run(found, kept.plan(found)).broken == ""
        assert run(kept.seed, kept.plan(kept.seed)).broken == ""


def test_a_seed_says_everything() -> None:
    """In another process, with other hashes of strings, the same seeds give the same traces."""
    found = [
        subprocess.run(
            [sys.executable, "-c", _DIGESTS],
            cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONHASHSEED": hashes}, text=True, check=True,
            stdout=subprocess.PIPE,
        ).stdout
        for hashes in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1]
    assert len(set(found[0].strip("[]\n").split(", "))) == 30


@pytest.mark.parametrize("name", sorted(BUGS.keys() - RARE))
def test_a_planted_bug_is_found(name: str) -> None:
    with BUGS[name]():
        assert any(outcome.broken for outcome in outcomes(range(1, 1 + BUG_SCHEDULES)))
