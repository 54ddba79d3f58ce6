"""Pendings that are too old return by themselves, whatever else happens to the account; and clocks that step back."""

import pytest

from tests.conftest import Database
from tests.unit.transaction.script import ScriptedStore, Step, lost_after, lost_before, meanwhile
from tests.unit.transaction.shard import Clock, Shard, assert_sound, code_of, rows, run, shard_on


async def two_pendings(shard: Shard) -> None:
    """Ann has 4.00, a pending buy of 1.00, then one of 2.00 that is 10 s younger, and 3 shares of which 3 are in a sell."""
    await shard.quote("ABC", 100)
    await shard.client.ask("ADD,ann,10.00", "BUY,ann,ABC,3.00", "COMMIT_BUY,ann", "BUY,ann,ABC,1.00")
    shard.clock.time_ms += 10_000
    await shard.client.ask("BUY,ann,ABC,2.00", "SELL,ann,ABC,3.00")


async def swept(shard: Shard) -> None:
    shard.worker.sweep()
    await shard.settled()


async def state(database: Database) -> tuple[int, int, int]:
    """Ann's cash, reserved cash and free shares."""
    query = "SELECT cash_cents, reserved_cents, shares FROM account JOIN holding USING (username) WHERE username = 'ann'"
    ((cash, reserved, shares),) = await rows(database, query)
    return cash, reserved, shares


async def expiries(database: Database) -> list[tuple[int, int, int | None]]:
    """(command, number, cents that came) of each."""
    query = "SELECT command, number, added_cents FROM audit WHERE kind = 3 ORDER BY seq"
    return [(command, number, cents) for command, number, cents in await rows(database, query)]


def test_the_sweep_returns_what_is_too_old_and_no_more(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await two_pendings(shard)
            shard.clock.time_ms += 50_000
            await swept(shard)
            assert await state(database) == (400, 300, 0)
            shard.clock.time_ms += 1
            await swept(shard)
            assert await state(database) == (500, 200, 0)
            shard.clock.time_ms += 10_000
            for _ in range(2):
                await swept(shard)
                assert await state(database) == (700, 0, 3)
            assert await expiries(database) == [(5, 4, 100), (5, 5, 200), (8, 6, None)]
            replies = await shard.client.ask("COMMIT_BUY,ann", "CANCEL_SELL,ann")
            assert [code_of(reply) for reply in replies] == ["EXPIRED"] * 2

    run(test())
    assert_sound(database)


def test_before_the_next_command_it_is_seen_to_without_a_sweep(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await two_pendings(shard)
            shard.clock.time_ms += 60_000
            await shard.quote("ABC", 100)
            replies = await shard.client.ask(
                "BUY,ann,ABC,6.00", "BUY,ann,ABC,5.00", "SELL,ann,ABC,1.00", "CANCEL_BUY,ann"
            )
            assert [code_of(reply) for reply in replies] == [
                "INSUFFICIENT_FUNDS",
                "OK",
                "INSUFFICIENT_SHARES",
                "OK",
            ]
            shard.clock.time_ms += 1
            replies = await shard.client.ask("BUY,ann,ABC,7.00", "SELL,ann,ABC,3.00")
            assert [code_of(reply) for reply in replies] == ["OK", "OK"]

    run(test())
    assert_sound(database)


def test_pendings_from_before_a_restart_are_swept(database: Database) -> None:
    async def test() -> None:
        clock = Clock()
        async with shard_on(database, clock=clock) as shard:
            await two_pendings(shard)
        clock.time_ms += 60_001
        async with shard_on(database, clock=clock) as shard:
            shard.worker.watch_pendings(await shard.store.pendings())
            await swept(shard)
            assert await state(database) == (700, 0, 3)

    run(test())
    assert_sound(database)


def test_a_sweep_that_meets_another_writer_is_done_again(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await two_pendings(shard)
            shard.clock.time_ms += 60_001
            shard.script.append(meanwhile(lambda: bump(database)))
            await swept(shard)
            assert await state(database) == (700, 0, 3)
            assert shard.worker.counts.conflicts == 1

    run(test())
    assert_sound(database)


async def bump(database: Database) -> None:
    """Another writer has changed every account."""
    await rows(database, "UPDATE account SET version = version + 1 RETURNING 1")


@pytest.mark.parametrize("lost", [lost_before, lost_after])
def test_a_sweep_whose_commit_is_lost_is_done_once(database: Database, lost: Step) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await two_pendings(shard)
            shard.clock.time_ms += 60_001
            shard.script.append(lost)
            await swept(shard)
            assert await state(database) == (700, 0, 3)
            assert len(await expiries(database)) == 3

    run(test())
    assert_sound(database)


def test_a_pending_whose_commit_was_not_told_is_swept(database: Database) -> None:
    """Its reply is found, it is not decided again: but somebody has to look after it."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.quote("ABC", 100)
            await shard.client.ask("ADD,ann,10.00", "BUY,ann,ABC,3.00", "COMMIT_BUY,ann")
            shard.script.append(lost_after)
            assert [code_of(reply) for reply in await shard.client.ask("BUY,ann,ABC,1.00")] == ["OK"]
            shard.clock.time_ms += 60_001
            await swept(shard)
            assert await state(database) == (700, 0, 3)

    run(test())
    assert_sound(database)


def test_who_waits_is_swept_too(database: Database) -> None:
    """For a quote, or for a log that is being written: they stay where they wait."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await two_pendings(shard)
            shard.client.tell("DUMPLOG,ann,log", "QUOTE,ann,QQQ", "ADD,ann,1.00")
            await shard.settled()
            shard.clock.time_ms += 50_001
            shard.script.append(meanwhile(lambda: bump(database), lost_before))
            shard.script.append(meanwhile(lambda: bump(database)))
            await swept(shard)
            assert await state(database) == (500, 200, 0)
            assert len(shard.client.replies) == 6
            shard.dumped()
            await shard.settled()
            shard.clock.time_ms += 10_000
            shard.script.append(meanwhile(lambda: bump(database)))
            await swept(shard)
            assert await state(database) == (700, 0, 3)
            assert [number for number, _ in shard.client.replies[6:]] == [7]
            await shard.quote("QQQ", 100)
            await shard.client.until(9)
            assert [number for number, _ in shard.client.replies[6:]] == [7, 8, 9]

    run(test())
    assert_sound(database)


def test_what_expires_while_its_user_waits_is_not_lost_with_the_batch(database: Database) -> None:
    """The command itself waits for a quote: the batch holds nothing but the expiry."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await two_pendings(shard)
            shard.clock.time_ms += 60_001
            shard.script.append(meanwhile(lambda: bump(database)))
            shard.client.tell("QUOTE,ann,QQQ")
            await shard.settled()
            assert await state(database) == (400, 300, 0)
            await swept(shard)
            assert await state(database) == (700, 0, 3)
            await shard.quote("QQQ", 100)
            await shard.client.until(7)

    run(test())
    assert_sound(database)


def test_a_clock_that_steps_back_holds_up_only_who_was_ahead(database: Database) -> None:
    """An account's time stands still until the clock has caught up; others go on with the clock."""

    async def test() -> None:
        async with shard_on(database) as shard:
            await two_pendings(shard)
            ahead = shard.clock.time_ms
            shard.clock.time_ms -= 3_600_000
            await shard.client.ask("ADD,ann,1.00", "ADD,bob,1.00")
            shard.client.tell("QUOTE,ann,XYZ", "QUOTE,bob,XYZ")
            await shard.settled()
            await shard.quote("XYZ", 100)
            await shard.client.until(
                9
            )  # bob's is answered: fresh by the clock; for ann's time it is an hour old
            assert [number for number, _ in shard.client.replies[6:]] == [7, 8, 10]
            asked = len(shard.market.wanted)
            for _ in range(5):
                await shard.settled()
            assert len(shard.market.wanted) == asked  # nobody is asked again and again
            await swept(shard)
            assert await state(database) == (500, 300, 0)
            shard.worker.on_failure("XYZ")
            await shard.client.until(10)
            assert code_of(shard.client.replies[9][1]) == "QUOTE_UNAVAILABLE"
            shard.clock.time_ms = ahead + 60_001
            await swept(shard)
            assert await state(database) == (800, 0, 3)
        times = await rows(database, "SELECT max(timestamp_ms) FROM audit WHERE username = 'bob'")
        assert times[0][0] < ahead

    run(test())
    assert_sound(database, clock_step_ms=3_600_000)
