"""Commits that fail, whose outcome nobody tells, or that meet another writer: once, in order, answered once."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from tests.conftest import Database
from tests.unit.transaction.script import Commit, ScriptedStore, Step, lost_after, lost_before, meanwhile
from tests.unit.transaction.shard import Client, assert_sound, code_of, rows, run, shard_on

EVERYTHING = (
    "ADD,ann,50.00", "QUOTE,ann,ABC", "BUY,ann,ABC,20.00", "COMMIT_BUY,ann", "BUY,ann,ABC,5.00", "CANCEL_BUY,ann",
    "SELL,ann,ABC,2.00", "COMMIT_SELL,ann", "SELL,ann,ABC,1.00", "CANCEL_SELL,ann", "SET_BUY_AMOUNT,ann,ABC,3.00",
    "SET_BUY_TRIGGER,ann,ABC,0.50", "CANCEL_SET_BUY,ann,ABC", "SET_SELL_AMOUNT,ann,ABC,3.00", "SET_SELL_TRIGGER,ann,ABC,1.00",
    "CANCEL_SET_SELL,ann,ABC", "DISPLAY_SUMMARY,ann", "DUMPLOG,ann,log", "COMMIT_BUY,ann", "BUY,ann,LONG,1.00",
    "COMMIT_BUY,bob", "SHOUT,ann",
)  # fmt: skip

NEWER = 2**62
"""A version that no copy of an account has."""


def numbers(client: Client) -> list[int]:
    return [number for number, _ in client.replies]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("lost", [lost_before, lost_after])
def test_every_command_is_done_once_when_its_commit_is_lost(
    database: Database, lost: Step, together: bool
) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.quote("ABC", 100)
            if together:
                shard.script.append(lost)
                shard.client.tell(*EVERYTHING)
            for line in () if together else EVERYTHING:
                shard.script.append(lost)
                shard.client.tell(line)
                await shard.settled()
                shard.dumped() if shard.dumps else None
                await shard.settled()
                shard.script.clear()
            await shard.settled()
            shard.dumped() if shard.dumps else None
            await shard.settled()
            codes = {number: code_of(reply) for number, reply in shard.client.replies}
            refused = {19: "NOTHING_PENDING", 20: "BAD_SYMBOL", 21: "UNKNOWN_USER", 22: "UNKNOWN_COMMAND"}
            assert codes == dict.fromkeys(range(1, 23), "OK") | refused
            assert sorted(numbers(shard.client)) == list(range(1, 23))
            anns = [number for number in numbers(shard.client) if number != 21]
            assert anns == sorted(anns)
            assert shard.worker.waiting == 0
        ((cash, count),) = await rows(
            database, "SELECT cash_cents, (SELECT count(*) FROM audit WHERE username = 'ann') FROM account"
        )
        assert (cash, count) == (5000 - 2000 + 200, 20)

    run(test())
    assert_sound(database)


def test_a_quote_that_comes_while_a_commit_is_lost(database: Database) -> None:
    """What waited is put back once, behind what came before it."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00")
            shard.script.append(meanwhile(lambda: shard.quote("ABC", 100), lost_before))
            shard.client.tell("ADD,ann,1.00", "QUOTE,ann,ABC", "ADD,ann,1.00", "QUOTE,bob,ABC")
            await shard.client.until(5)
            await shard.settled()
            assert sorted(numbers(shard.client)) == [1, 2, 3, 4, 5]
            assert [number for number in numbers(shard.client) if number < 5] == [1, 2, 3, 4]

    run(test())
    assert_sound(database)


def test_a_quote_that_comes_while_a_batch_is_prepared(database: Database) -> None:
    """The batch holds a later command of the one who waits: it must not overtake."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00")
            shard.client.tell("QUOTE,ann,ABC", "COMMIT_BUY,ann")
            await shard.settled()
            quotes = await shard.market.hit("ABC", 100)
            assert isinstance(shard.store, ScriptedStore)
            shard.store.at_load = lambda: shard.worker.on_quote(quotes)
            shard.worker.forget([("ann", NEWER)])
            shard.client.tell("CANCEL_BUY,ann")
            await shard.client.until(4)
            assert numbers(shard.client) == [1, 2, 3, 4]

    run(test())
    assert_sound(database)


def test_a_database_that_is_away_while_a_batch_is_prepared(database: Database) -> None:
    """Who waits for a quote, or for a log, goes on waiting, and what they sent meanwhile stays behind."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00", "ADD,bob,50.00")
            shard.client.tell("QUOTE,ann,ABC", "DUMPLOG,bob,log")
            await shard.settled()
            assert isinstance(shard.store, ScriptedStore)
            for _ in range(3):
                shard.store.loads_fail = 1
                shard.worker.forget([("ann", NEWER), ("bob", NEWER)])
                shard.client.tell("ADD,ann,1.00", "ADD,bob,1.00", "ADD,carl,1.00")
                await shard.settled()
            assert numbers(shard.client) == [1, 2, 7, 10, 13]
            await shard.quote("ABC", 100)
            shard.dumped()
            await shard.client.until(13)
            mine = {
                user: [n for n in numbers(shard.client)[5:] if n in own]
                for user, own in ANNS_AND_BOBS.items()
            }
            assert mine == {"ann": [3, 5, 8, 11], "bob": [4, 6, 9, 12]}

    run(test())
    assert_sound(database)


ANNS_AND_BOBS = {"ann": {3, 5, 8, 11}, "bob": {4, 6, 9, 12}}


def test_a_log_under_way_is_not_overtaken_when_a_commit_is_lost(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00")
            shard.client.tell("DUMPLOG,ann,log")
            await shard.settled()
            shard.script.extend([lost_before, lost_after])
            shard.client.tell("ADD,ann,1.00", "ADD,bob,1.00")
            await shard.client.until(2)
            await shard.settled()
            assert numbers(shard.client) == [1, 4]
            shard.dumped()
            await shard.client.until(4)
            assert numbers(shard.client) == [1, 4, 2, 3]

    run(test())
    assert_sound(database)


async def bump(database: Database, *users: str) -> None:
    """Another writer has changed these accounts."""
    await rows(
        database,
        "UPDATE account SET version = version + 1 WHERE username = ANY (%s) RETURNING 1",
        list(users),
    )


def test_in_conflict_everybody_else_goes_on(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00", "ADD,bob,50.00", "ADD,carl,50.00")
            shard.script.append(meanwhile(lambda: bump(database, "bob")))
            lines = [f"ADD,{user},{n}.00" for n in (1, 2) for user in ("ann", "bob", "carl")]
            replies = await shard.client.ask(*lines)
            assert shard.worker.counts.conflicts == 1
            assert numbers(shard.client)[3:] == [4, 6, 7, 9, 5, 8]
            assert replies == [f'OK {{"cash":"{cash}.00"}}' for cash in (51, 51, 53, 53, 51, 53)]

    run(test())
    assert_sound(database)


def test_in_conflict_it_is_decided_on_what_the_other_left(database: Database) -> None:
    """The other one takes the cash, or makes the account."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard, shard_on(database) as other:
            await shard.client.ask("ADD,ann,50.00")
            other.client.number = 100
            lines = ("SET_BUY_AMOUNT,ann,ABC,45.00", "ADD,bob,5.00")
            shard.script.append(meanwhile(lambda: other.client.ask(*lines)))
            replies = await shard.client.ask(
                "SET_BUY_AMOUNT,ann,XYZ,45.00", "COMMIT_BUY,bob", "COMMIT_BUY,carl", "ADD,bob,1.00"
            )
            by_number = dict(zip(numbers(shard.client)[1:], replies, strict=True))
            assert {number: code_of(reply) for number, reply in by_number.items()} == {
                2: "INSUFFICIENT_FUNDS", 3: "NOTHING_PENDING", 4: "UNKNOWN_USER", 5: "OK",
            }  # fmt: skip
            assert by_number[5] == 'OK {"cash":"6.00"}'
            assert shard.worker.counts.conflicts == 2

    run(test())
    assert_sound(database)


def test_in_conflict_with_a_wait_and_a_log_behind(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00", "ADD,bob,50.00")

            async def change_both() -> None:
                await bump(database, "ann", "bob")
                await shard.quote("ABC", 100)

            shard.script.append(meanwhile(change_both))
            shard.client.tell(
                "ADD,ann,1.00",
                "QUOTE,ann,ABC",
                "ADD,ann,1.00",
                "ADD,bob,1.00",
                "DUMPLOG,bob,log",
                "ADD,bob,1.00",
            )
            await shard.client.until(6)
            await shard.settled()
            assert len(shard.dumps) == 1
            shard.dumped()
            await shard.client.until(8)
            for own in ({3, 4, 5}, {6, 7, 8}):
                assert [number for number in numbers(shard.client) if number in own] == sorted(own)

    run(test())
    assert_sound(database)


def test_in_conflict_twice_in_a_row_nobody_comes_between_any_more(database: Database) -> None:
    """The first time it goes with the next batch, where it can happen again, then under a lock. One long ago does not count."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00")
            conflict = meanwhile(lambda: bump(database, "ann"))
            for script, conflicts in (([conflict], 1), ([conflict, conflict, meanwhile(held)], 3)):
                shard.script.extend(script)
                replies = await shard.client.ask("ADD,ann,1.00", "ADD,ann,1.00", "ADD,bob,1.00")
                assert shard.worker.counts.conflicts == conflicts
                assert shard.script == []
            assert sorted(replies) == ['OK {"cash":"2.00"}', 'OK {"cash":"53.00"}', 'OK {"cash":"54.00"}']

    async def held() -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            await rows(database, "SELECT 1 FROM account WHERE username = 'ann' FOR UPDATE NOWAIT")

    run(test())
    assert_sound(database)


@pytest.mark.parametrize("conflicts", [1, 2])
@pytest.mark.parametrize("lost", [lost_before, lost_after])
def test_in_conflict_and_then_lost(database: Database, lost: Step, conflicts: int) -> None:
    """With the next batch, or under the lock."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00", "ADD,bob,50.00")
            shard.script.extend([meanwhile(lambda: bump(database, "ann"))] * conflicts + [lost, lost])
            shard.client.tell("ADD,ann,1.00", "QUOTE,ann,ABC", "ADD,ann,1.00", "ADD,bob,1.00")
            await shard.client.until(4)
            assert shard.worker.counts.conflicts == conflicts
            assert numbers(shard.client) == [1, 2, 6, 3]
            await shard.quote("ABC", 100)
            await shard.client.until(6)
            assert numbers(shard.client)[4:] == [4, 5]

    run(test())
    assert_sound(database)


def test_a_notice_of_what_was_read_already_costs_no_reading(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00", "ADD,ann,1.00")
            assert isinstance(shard.store, ScriptedStore)
            for version in (1, 2):
                shard.store.loads_fail = 1
                shard.worker.forget([("ann", version), ("bob", NEWER)])
                await shard.client.ask("ADD,ann,1.00")
                assert shard.store.loads_fail == 1
            shard.worker.forget([("ann", 5)])
            await shard.client.ask("ADD,ann,1.00")
            assert shard.store.loads_fail == 0

    run(test())
    assert_sound(database)


def test_a_notice_in_the_middle_of_a_batch_changes_nothing(database: Database) -> None:
    """The account is read again, or found to be changed when it is written; never taken for one that is not there."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            await shard.client.ask("ADD,ann,50.00")

            async def notice(action: Callable[[], Awaitable[None]] | None = None) -> None:
                shard.worker.forget([("ann", NEWER)])
                if action:
                    await action()

            assert isinstance(shard.store, ScriptedStore)
            for amount in (51, 52):
                shard.store.at_load = lambda: shard.worker.forget([("ann", NEWER)])
                shard.script.append(meanwhile(notice))
                replies = await shard.client.ask("ADD,ann,1.00", f"COMMIT_BUY,stranger{amount}")
                assert replies[0] == f'OK {{"cash":"{amount}.00"}}'
            shard.script.append(meanwhile(lambda: notice(lambda: bump(database, "ann"))))
            assert await shard.client.ask("ADD,ann,1.00") == ['OK {"cash":"53.00"}']
            assert shard.worker.counts.conflicts == 1

    run(test())
    assert_sound(database)


def test_while_the_database_is_away_everything_waits_and_nothing_is_lost(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard:
            away = asyncio.Event()

            async def until_back(commit: Commit) -> set[str]:
                return await lost_before(commit) if not away.is_set() else await commit()

            shard.script.extend([until_back] * 4)
            first = shard.client.tell("ADD,ann,1.00")
            await asyncio.sleep(0.02)
            assert shard.worker.waiting == len(first)
            shard.client.tell("ADD,ann,2.00", "ADD,bob,1.00")
            assert shard.client.replies == []
            away.set()
            replies = await shard.client.until(3)
            assert replies == ['OK {"cash":"1.00"}', 'OK {"cash":"3.00"}', 'OK {"cash":"1.00"}']
            assert shard.worker.waiting == 0

    run(test())
    assert_sound(database)


def test_a_store_that_meets_a_bug_ends_the_worker(database: Database) -> None:
    """Anything else than an outage is not retried: the process is to end and be restarted."""

    async def bug(commit: Commit) -> set[str]:
        raise AssertionError("a bug")

    async def test() -> None:
        with pytest.raises(ExceptionGroup) as ended:
            await ask_with(bug)
        assert "a bug" in str(ended.value.exceptions[0])

    async def ask_with(step: Step) -> None:
        async with shard_on(database, ScriptedStore) as shard:
            shard.script.append(step)
            await shard.client.ask("ADD,ann,1.00")

    run(test())
