"""Generated workloads through the whole system at a fixed price: every account ends as the independent oracle says.

The oracle replays what the file asked for, with fires and expiries at the places where the log shows them. Pendings live
for milliseconds here and triggers are looked at all the time, so that both happen between the commands.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.check import check
from db.dump import dump
from faults.accounts import accounts
from grader.check import check_log
from grader.report import AccountView
from stack.launcher import Stack
from stack.topology import Shape
from tests.e2e.conftest import running
from workload.driver import load, replay_now
from workload.generate import generate

PRICE_CENTS = 1_000
PENDING_LIFE_MS = 15
_TRIES = 50

seen: Counter[str] = Counter()
"""What happened in all examples together: a run without a fire or an expiry has shown nothing."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("logs")
    environ = {"DAYTRADE_PENDING_LIFE_MS": str(PENDING_LIFE_MS), "DAYTRADE_TRIGGER_POLL_MS": "20"}
    with running(Shape(delay="none", price=f"fixed:{PRICE_CENTS}"), folder, environ) as one:
        yield one
        assert check(one.state.audit_url, pending_life_ms=PENDING_LIFE_MS) == []


@pytest.mark.slow
@settings(max_examples=200, deadline=None, print_blob=True)
@given(
    users=st.integers(1, 4),
    commands=st.integers(30, 400),
    seed=st.integers(0, 2**32),
    window=st.sampled_from([1, 2, 7, 64]),
    symbols=st.integers(1, 5),
)
def test_accounts_end_as_the_oracle_says(
    stack: Stack, users: int, commands: int, seed: int, window: int, symbols: int
) -> None:
    lines = b"".join(generate(users, commands, seed, symbols)).splitlines(keepends=True)
    salt = f"e{sum(seen.values())}-"
    lines = [_renamed(line, salt) for line in lines]
    result = replay_now(load(lines), stack.state.balancer_address, window=window)
    assert result.commands == result.lines_to_send
    seen["example"] += 1
    for user in {
        line.split(b",")[1].strip().decode() for line in lines if line.count(b",") and b"DUMPLOG" not in line
    }:
        view, log = _settled(stack, user)
        report = check_log(log, pending_life_ms=PENDING_LIFE_MS)
        assert [str(violation) for violation in report.violations] == []
        assert report.accounts[user] == view
        seen["fire"] += report.figures.fires
        seen["expiry"] += report.figures.expiries


@pytest.mark.slow
def test_the_examples_held_fires_and_expiries() -> None:
    """After the examples (tests of a file run in order in one process)."""
    if not seen["example"]:
        pytest.skip("the examples ran in another process")
    assert seen["fire"] > 0
    assert seen["expiry"] > 0


def _renamed(line: bytes, salt: str) -> bytes:
    """Each example has users of its own."""
    head, comma, rest = line.partition(b",")
    return line if head.endswith(b"DUMPLOG") else head + comma + salt.encode() + rest


def _settled(stack: Stack, user: str) -> tuple[AccountView, Path]:
    """A user's account and log of one moment."""
    log = Path(stack.state.log_dir) / user
    for _ in range(_TRIES):
        before = accounts(stack.state.audit_url, user)
        asyncio.run(dump(stack.state.audit_url, log, user))
        if accounts(stack.state.audit_url, user) == before:
            return before[user], log
    raise AssertionError("the account does not come to rest")
