"""The worker on a real database: order, waiting for quotes and dumps, strangers, and what it says of what it holds."""

import json
import random

import pytest

from tests.conftest import Database
from tests.unit.transaction.shard import Client, Shard, assert_sound, code_of, rows, run, shard_on
from transaction import worker as worker_module


def numbers(client: Client) -> list[int]:
    return [number for number, _ in client.replies]


def codes(client: Client) -> list[tuple[int, str]]:
    return [(number, code_of(reply)) for number, reply in client.replies]


async def wait_for_abc(shard: Shard) -> None:
    """Ann has 100.00; her QUOTE,ABC (number 2) waits, three commands behind it; bob goes on."""
    client = shard.client
    await client.ask("ADD,ann,100.00")
    client.tell("QUOTE,ann,ABC", "ADD,ann,1.00", "BUY,ann,XYZ,50.00", "DISPLAY_SUMMARY,ann", "ADD,bob,1.00")
    await client.until(2)
    assert numbers(client) == [1, 6]
    assert shard.worker.waiting == 4


def test_one_round_trip_for_what_came_together(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            lines = ("ADD,ann,5.00", "ADD,bob,6.00", "SHOUT,ann", "ADD,ann,1.00", "COMMIT_BUY,ann", "ADD")
            replies = await shard.client.ask(*lines)
            assert [code_of(reply) for reply in replies] == [
                "OK", "OK", "UNKNOWN_COMMAND", "OK", "NOTHING_PENDING", "BAD_REQUEST",
            ]  # fmt: skip
            assert replies[3] == 'OK {"cash":"6.00"}'
            assert numbers(shard.client) == [1, 2, 3, 4, 5, 6]
            assert shard.client.batches == 1
            assert shard.worker.waiting == 0

    run(test())
    assert_sound(database)


def test_who_waits_for_a_quote_keeps_their_order_and_nobody_else_waits(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await wait_for_abc(shard)
            await shard.quote("ABC", 1000)
            await shard.client.until(4)
            assert numbers(shard.client) == [1, 6, 2, 3]
            shard.client.tell("ADD,ann,1.00")
            await shard.settled()
            assert len(shard.client.replies) == 4
            await shard.quote("XYZ", 5000)
            await shard.client.until(7)
            assert numbers(shard.client) == [1, 6, 2, 3, 4, 5, 7]

    run(test())
    assert_sound(database)


def test_quotes_that_will_be_needed_are_asked_for_at_once(database: Database) -> None:
    """QUOTE, and BUY with the cash for it: of what waits behind a quote."""

    async def test() -> None:
        async with shard_on(database) as shard:
            await shard.client.ask("ADD,ann,100.00", "ADD,bob,1.00")
            await shard.quote("OLD", 100)
            shard.client.tell(
                "QUOTE,ann,A", "BUY,ann,B,100.00", "BUY,ann,C,100.01", "SELL,ann,D,1.00", "QUOTE,ann,OLD",
                "QUOTE,ann,E,1", "BUY,ann,F,-1.00", "QUOTE,ann,G", "COMMIT_BUY,ann", "QUOTE,bob,H",
            )  # fmt: skip
            await shard.settled()
            asked = [(one.symbol, one.user, one.number) for one in shard.market.wanted]
            assert asked == [("A", "ann", 3), ("B", "ann", 4), ("G", "ann", 10), ("H", "bob", 12)]
            for symbol in "ABGH":
                await shard.quote(symbol, 1000)
            await shard.client.until(12)

    run(test())
    assert_sound(database)


def test_its_own_hit_leaves_no_event_and_anybody_elses_does(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            shard.client.tell("QUOTE,ann,ABC", "QUOTE,bob,ABC", "QUOTE,ann,ABC")
            await shard.settled()
            await shard.quote("ABC", 1234, shard.market.wanted[0])
            await shard.client.until(3)
        found = await rows(
            database, "SELECT number, price_cents FROM audit WHERE kind = 1 AND command = 2 ORDER BY 1"
        )
        assert found == [(1, None), (2, 1234), (3, 1234)]

    run(test())
    assert_sound(database)


def test_without_a_price_in_time_what_needs_it_is_refused(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await shard.client.ask("ADD,ann,100.00")
            shard.client.tell(
                "QUOTE,ann,A", "BUY,ann,A,5.00", "ADD,ann,1.00", "QUOTE,ann,B", "QUOTE,ann,A", "ADD,ann,1.00"
            )
            await shard.settled()
            shard.worker.on_failure("A")
            await shard.client.until(4)
            assert codes(shard.client)[1:] == [(2, "QUOTE_UNAVAILABLE"), (3, "QUOTE_UNAVAILABLE"), (4, "OK")]
            await shard.quote("B", 100)
            await shard.client.until(7)
            assert codes(shard.client)[4:] == [(5, "OK"), (6, "QUOTE_UNAVAILABLE"), (7, "OK")]
            shard.worker.on_failure("C")  # nobody waits for it

    run(test())
    assert_sound(database)


def test_a_quote_that_is_too_old_by_then_is_asked_for_again(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            shard.client.tell("QUOTE,ann,A")
            await shard.settled()
            quotes = await shard.market.hit("A", 100)
            shard.clock.time_ms += 60_001
            shard.worker.on_quote(quotes)
            await shard.settled()
            assert shard.client.replies == []
            assert len(shard.market.wanted) == 2
            await shard.quote("A", 200)
            assert '"price":"2.00"' in (await shard.client.until(1))[0]

    run(test())
    assert_sound(database)


def test_a_log_is_written_before_the_users_next_reply(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            client = shard.client
            client.tell(
                "ADD,ann,5.00",
                "DUMPLOG,ann,log",
                "ADD,ann,1.00",
                "DUMPLOG,ann,log",
                "DUMPLOG,all",
                "ADD,bob,1.00",
            )
            await shard.settled()
            client.tell("ADD,ann,1.00")
            await shard.settled()
            assert numbers(client) == [1, 6]
            assert [entry.user for entry in shard.dumps] == ["ann", ""]
            assert shard.worker.waiting == 5
            shard.dumped()
            await client.until(4)
            shard.dumped()
            shard.dumped()
            await client.until(7)
            assert numbers(client) == [1, 6, 2, 3, 5, 4, 7]
            assert shard.worker.waiting == 0

    run(test())
    assert_sound(database)


def test_strangers_leave_a_trace_and_no_account(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            await shard.quote("ABC", 100)
            await shard.client.ask("QUOTE,ann,ABC", "COMMIT_BUY,ann")
            await shard.client.ask("DISPLAY_SUMMARY,ann", "BUY,b@d,ABC,1.00")
            assert await rows(database, "SELECT FROM account") == []
            await shard.client.ask("ADD,ann,5.00", "BUY,b@d,ABC,1.00")
            shown = json.loads((await shard.client.ask("DISPLAY_SUMMARY,ann"))[0][3:])
            assert shown["history"]["counts"] == {"ADD": {"OK": 1}}
        found = await rows(
            database, "SELECT username, array_agg(seq ORDER BY number) FROM audit WHERE kind = 1 GROUP BY 1"
        )
        assert dict(found) == {"ann": [1, 2, 3, 4, 5], None: [1, 2]}

    run(test())
    assert_sound(database)


def test_lines_that_name_no_command_store_nothing(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            for _ in range(2):
                assert code_of((await shard.client.ask("SHOUT,ann", number=1))[0]) == "UNKNOWN_COMMAND"
        for table in ("session", "command", "audit"):
            assert await rows(database, f"SELECT FROM {table}") == []

    run(test())


def test_the_highest_number_of_a_session_is_known_at_once(database: Database) -> None:
    async def test() -> None:
        async with shard_on(database) as shard:
            assert shard.worker.highest("s") == 0
            await shard.client.ask("ADD,ann,1.00", number=41)
            assert shard.worker.highest("s") == 41
            shard.client.tell("QUOTE,ann,ABC", number=50)
            await shard.settled()
            assert shard.worker.highest("s") == 50  # waits for its quote
            shard.client.tell("ADD,bob,1.00", number=60)
            assert shard.worker.highest("s") == 60  # not taken yet
            assert shard.worker.highest("other") == 0
            await shard.quote("ABC", 100)
            await shard.client.until(3)
            assert shard.worker.highest("s") == 60
            await shard.client.ask("ADD,ann,1.00", number=7)
            assert shard.worker.highest("s") == 60
        async with shard_on(database) as shard:
            await shard.client.ask("ADD,ann,1.00", number=7)  # a repeat: nothing new is remembered
            assert shard.worker.highest("s") == 60

    run(test())
    assert_sound(database)


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_arrival_in_batches_of_any_size(
    database: Database, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Small batches, few accounts in memory, quotes at any time: each user's replies come in the order of their commands."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    monkeypatch.setattr(worker_module, "MAX_BATCH_COMMANDS", chance.choice((1, 2, 5)))
    monkeypatch.setattr(worker_module, "MAX_CACHED_ACCOUNTS", chance.choice((1, 3)))
    users = ("ann", "bob", "carl", "dan")
    forms = (
        "QUOTE,{},A",
        "QUOTE,{},B",
        "BUY,{},A,5.00",
        "ADD,{},9.00",
        "COMMIT_BUY,{}",
        "DISPLAY_SUMMARY,{}",
        "SHOUT,{}",
    )

    async def test() -> None:
        async with shard_on(database) as shard:
            sent: dict[str, list[int]] = {user: [] for user in users}
            for _ in range(60):
                user = chance.choice(users)
                lines = [chance.choice(forms).format(user) for _ in range(chance.randint(1, 4))]
                sent[user] += shard.client.tell(*lines)
                if chance.random() < 0.3:
                    shard.clock.time_ms += chance.choice((1, 20_000, 61_000))
                if chance.random() < 0.4:
                    await shard.quote(chance.choice("AB"), chance.randint(1, 300))
                if chance.random() < 0.1:
                    shard.worker.sweep()
            while shard.worker.waiting:
                for symbol in "AB":
                    await shard.quote(symbol, 100)
            got = numbers(shard.client)
            for user in users:
                assert [number for number in got if number in set(sent[user])] == sent[user]
            assert len(got) == sum(map(len, sent.values()))
            assert "OK" in {code for _, code in codes(shard.client)}

    run(test())
    assert_sound(database)
