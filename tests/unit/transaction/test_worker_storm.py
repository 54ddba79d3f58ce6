"""Random commands under real faults: connections cut inside a commit, accounts changed by others at full speed, two owners.

Every command is answered once and applied once, in order, and every invariant holds. A run in which the fault did not happen
fails.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

from tests.conftest import Database
from tests.unit.transaction.shard import Clock, assert_sound, run, shard_on
from tests.unit.transaction.storm import Storm, assert_answered_as_stored, beside


def always(_: Storm) -> bool:
    return True


async def storm_on(
    database: Database, owners: int, commands: int, *faults: str, enough: Callable[[Storm], bool] = always
) -> Storm:
    """A storm of at least `commands` commands, in which there was `enough` of what is meant to go wrong."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    async with AsyncExitStack() as stack:
        clock = Clock()
        shards = [await stack.enter_async_context(shard_on(database, clock=clock)) for _ in range(owners)]
        storm = Storm(database, shards, seed)
        work = [asyncio.create_task(getattr(storm, name)()) for name in ("market", *faults)]
        await beside(work, asyncio.create_task(storm.traffic(commands, lambda: enough(storm))))
        codes = await assert_answered_as_stored(storm)
        print(
            codes,
            storm.killed,
            storm.fired,
            storm.bumped,
            [shard.worker.counts.conflicts for shard in shards],
        )
        assert codes["OK"] > commands // 4
        assert enough(storm)
        return storm


def conflicts(storm: Storm) -> int:
    return sum(shard.worker.counts.conflicts for shard in storm.shards)


def test_connections_cut_in_the_middle_of_a_commit(database: Database) -> None:
    run(storm_on(database, 1, 500, "kill", enough=lambda storm: storm.killed > 0))
    assert_sound(database)


def test_a_database_that_dies(database: Database) -> None:
    """Twice, each time with commands waiting."""
    run(storm_on(database, 1, 1500, "crash", enough=lambda storm: storm.crashed >= 2))
    assert_sound(database)


def test_accounts_changed_by_others_at_full_speed(database: Database) -> None:
    def enough(storm: Storm) -> bool:
        return storm.fired > 10 and storm.bumped > 100 and conflicts(storm) > 20

    run(storm_on(database, 1, 1500, "fire", "bump", enough=enough))
    assert_sound(database)


def test_two_owners_of_the_same_users(database: Database) -> None:
    """As after a failover: the same requests reach both, each at its own pace."""
    run(storm_on(database, 2, 1000, enough=lambda storm: conflicts(storm) > 0))
    assert_sound(database)


def test_everything_at_once(database: Database) -> None:
    def enough(storm: Storm) -> bool:
        return storm.killed > 0 and storm.fired > 5 and conflicts(storm) > 20

    run(storm_on(database, 2, 1000, "kill", "fire", "bump", enough=enough))
    assert_sound(database)
