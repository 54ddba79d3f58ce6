"""A request that is sent again: in the same batch, later, after a restart, while the first still waits, with another body, by
another user, over another connection, through another owner. It is done once and answered every time.
"""

import json

from tests.conftest import Database
from tests.unit.transaction.script import ScriptedStore, meanwhile
from tests.unit.transaction.shard import Client, Clock, assert_sound, code_of, rows, run, shard_on

LINES = (
    "ADD,ann,9.00",
    "BUY,ann,ABC,5.00",
    "COMMIT_BUY,ann",
    "COMMIT_BUY,ann",
    "QUOTE,ann,ABC",
    "ADD,ann,-1.00",
)


async def added(database: Database, user: str) -> tuple[int, int]:
    """How many commands of the user there are, and what came to their account."""
    found = await rows(
        database,
        "SELECT count(*), coalesce(sum(added_cents), 0)::bigint FROM audit WHERE kind = 1 AND username = %s",
        user,
    )
    return found[0][0], found[0][1]


def test_in_the_same_batch_in_a_later_one_and_after_a_restart(database: Database) -> None:
    async def test() -> None:
        clock = Clock()
        async with shard_on(database, clock=clock) as shard:
            await shard.quote("ABC", 100)
            first = await shard.client.ask(*LINES)
            assert [code_of(reply) for reply in first] == ["OK"] * 3 + ["NOTHING_PENDING", "OK", "BAD_AMOUNT"]
            for number, line in enumerate(LINES, 1):
                assert await shard.client.ask(line, line, number=number) == [first[number - 1]] * 2
            again = Client(shard.worker)
            clock.time_ms += 100_000
            assert await again.ask(*LINES) == first
            assert await again.ask("ADD,ann,1.00", "ADD,ann,1.00", number=7) == ['OK {"cash":"5.00"}'] * 2
        async with shard_on(database, clock=clock) as shard:
            assert await shard.client.ask(*LINES, "ADD,ann,1.00") == [*first, 'OK {"cash":"5.00"}']
        assert await added(database, "ann") == (7, 1000)

    run(test())
    assert_sound(database)


def test_another_body_under_the_same_number_is_refused_and_leaves_nothing(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await shard.client.ask("ADD,ann,9.00", "ADD,bob,1.00")
            others = ("ADD,ann,9.01", "ADD,bob,9.00", "DISPLAY_SUMMARY,ann", "ADD,ann", "COMMIT_BUY,carl")
            for line in others:
                assert [code_of(reply) for reply in await shard.client.ask(line, number=1)] == [
                    "REUSED_NUMBER"
                ]
            together = await shard.client.ask("ADD,ann,1.00", "ADD,bob,1.00", "ADD,ann,1.00", number=3)
            assert [code_of(reply) for reply in together] == ["OK", "REUSED_NUMBER", "OK"]
        assert (await added(database, "ann"), await added(database, "bob")) == ((2, 1000), (1, 100))
        assert await added(database, "carl") == (0, 0)

    run(test())
    assert_sound(database)


def test_the_same_number_of_another_session_is_another_request(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            other = Client(shard.worker, "other")
            for client in (shard.client, other):
                await client.ask("ADD,ann,9.00")
        assert await added(database, "ann") == (2, 1800)

    run(test())


def test_a_repeat_waits_while_the_first_does(database: Database) -> None:
    """The first connection may be gone by then: the repeat is answered on its own."""

    async def test() -> None:
        async with shard_on(database) as shard:
            await shard.client.ask("ADD,ann,9.00")
            later = Client(shard.worker)
            shard.client.tell("BUY,ann,ABC,5.00")
            later.tell("BUY,ann,ABC,5.00", "BUY,ann,ABC,6.00", "DISPLAY_SUMMARY,ann", number=2)
            await shard.settled()
            assert later.replies == []
            await shard.quote("ABC", 100)
            (_, first), (same, *others) = await shard.client.until(2), await later.until(3)
            assert same == first
            assert code_of(first) == "OK"
            assert [code_of(reply) for reply in others] == ["REUSED_NUMBER"] * 2
        assert await added(database, "ann") == (2, 900)

    run(test())
    assert_sound(database)


def test_a_summary_is_shown_again_as_it_is_by_then_and_audited_once(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await shard.client.ask("ADD,ann,9.00", "DISPLAY_SUMMARY,ann", "ADD,ann,1.00")
            for _ in range(2):
                (reply,) = await shard.client.ask("DISPLAY_SUMMARY,ann", number=2)
                shown = json.loads(reply[3:])
                assert shown["cash"] == "10.00"
                assert shown["history"]["counts"] == {"ADD": {"OK": 2}, "DISPLAY_SUMMARY": {"OK": 1}}
            assert code_of((await shard.client.ask("DISPLAY_SUMMARY,bob", number=2))[0]) == "REUSED_NUMBER"
        assert await added(database, "ann") == (3, 1000)

    run(test())
    assert_sound(database)


def test_a_summary_shown_again_is_not_from_an_old_copy(database: Database) -> None:
    """Nothing is written for it, so no version would tell that somebody else changed the account."""

    async def test() -> None:
        async with shard_on(database) as shard, shard_on(database) as owner:
            await shard.client.ask("ADD,ann,9.00", "DISPLAY_SUMMARY,ann")
            owner.client.number = 10
            await owner.client.ask("ADD,ann,1.00")
            (reply,) = await shard.client.ask("DISPLAY_SUMMARY,ann", number=2)
            assert json.loads(reply[3:])["cash"] == "10.00"

    run(test())
    assert_sound(database)


def test_a_log_is_written_again_and_audited_once(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            refused = await shard.client.ask("DUMPLOG,ann,log")
            await shard.client.ask("ADD,ann,9.00")
            assert await shard.client.ask("DUMPLOG,ann,log", number=1) == refused  # a refusal is final
            for _ in range(2):
                shard.client.tell("DUMPLOG,ann,log", "DUMPLOG,ann,log2", number=3)  # the second: another body
                await shard.settled()
                assert len(shard.dumps) == 1
                shard.dumped()
                await shard.settled()
            assert [code_of(reply) for _, reply in shard.client.replies[3:]] == ["OK", "REUSED_NUMBER"] * 2
        assert await added(database, "ann") == (3, 900)

    run(test())
    assert_sound(database)


def test_a_number_taken_by_another_owner_meanwhile(database: Database) -> None:
    """A session's numbers are shared by all shards: who comes second is told so, and the rest of the batch is done."""

    async def test() -> None:
        async with shard_on(database, ScriptedStore) as shard, shard_on(database) as other:
            await shard.client.ask("ADD,ann,1.00")
            other.client.number = 1
            shard.script.append(meanwhile(lambda: other.client.ask("ADD,bob,1.00")))
            replies = await shard.client.ask("ADD,ann,2.00", "ADD,ann,3.00", "ADD,carl,1.00")
            assert [code_of(reply) for reply in replies] == ["REUSED_NUMBER", "OK", "OK"]
            assert replies[1] == 'OK {"cash":"4.00"}'
        assert await added(database, "ann") == (2, 400)

    run(test())
    assert_sound(database)


def test_the_same_requests_through_two_owners(database: Database) -> None:
    """As after a failover: the second one finds what the first has done, whenever that was."""

    async def test() -> None:
        clock = Clock()
        async with shard_on(database, ScriptedStore, clock) as shard, shard_on(database, clock=clock) as old:
            for owner in (old, shard):
                await owner.quote("ABC", 100)
            replies = {}
            old.client.number = 0
            first = ("ADD,ann,9.00", "BUY,ann,ABC,5.00", "QUOTE,bob,ABC", "COMMIT_SELL,bob")

            async def by_the_old_one() -> None:
                replies["old"] = await old.client.ask(*first)

            shard.script.append(meanwhile(by_the_old_one))
            replies["new"] = await shard.client.ask(*first, "COMMIT_BUY,ann")
            assert replies["new"][:4] == replies["old"]
            assert code_of(replies["new"][4]) == "OK"
        assert await added(database, "ann") == (3, 900)
        assert await added(database, "bob") == (2, 0)

    run(test())
    assert_sound(database)
