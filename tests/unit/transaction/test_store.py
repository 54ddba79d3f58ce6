"""What a batch becomes in Postgres, and what is read back: whole, exactly, and only where nobody else has written meanwhile."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import psycopg
import pytest

from core.commands import CODES
from core.errors import Unavailable
from core.limits import MAX_CASH_CENTS, MAX_COST_CENTS, MAX_SHARES
from db.pool import open_pool
from tests.conftest import Database
from tests.unit.transaction.desk import START_MS, entry, pending
from tests.unit.transaction.shard import SERVER, rows, run
from transaction.account import BUY_SIDE, SELL_SIDE, Account, Holding, TriggerOrder
from transaction.batch import Batch
from transaction.columns import row_columns
from transaction.decide import AuditRow
from transaction.pendings import Pendings
from transaction.sessions import Session
from transaction.store import NumberTaken, Store


@asynccontextmanager
async def store_on(database: Database) -> AsyncIterator[Store]:
    pool = await open_pool(database.url("daytrade_transaction"), 1, 4, "test")
    try:
        store = Store(pool, SERVER)
        yield store
        await store.close()
    finally:
        await pool.close()


def batch_of(*accounts: Account) -> Batch:
    return Batch({one.user: one for one in accounts}, lambda symbol, now_ms: None, START_MS)


def decide(batch: Batch, *lines: str, first: int = 1, session: int = 7) -> None:
    for number, line in enumerate(lines, first):
        assert batch.decide(entry(line, number, Session(session, 0))) is None


async def written(store: Store, *lines: str, first: int = 1) -> dict[str, Account]:
    """Commits lines of users who had no account before; their accounts as they are read back."""
    users = {line.split(",")[1] for line in lines}
    batch = batch_of(*map(Account, users))
    decide(batch, *lines, first=first)
    assert await store.commit(batch.columns()) == set()
    return {one.user: one for one in await store.load(sorted(users))}


def same(one: Account, other: Account) -> bool:
    parts = [name for name in Account.__slots__ if not name.startswith("changed")]
    return all(getattr(one, name) == getattr(other, name) for name in parts)


def random_account(chance: random.Random, user: str) -> Account:
    """An account with anything in it, up to the largest numbers there may be."""
    account = Account(user)
    account.exists, account.seq, account.timestamp_ms = (
        True,
        chance.randint(1, 2**60),
        chance.randint(0, 2**50),
    )
    buys = [pending(shares=chance.randint(1, 10**6)) for _ in range(chance.choice((0, 0, 1, 3)))]
    sells = [pending("XYZ", chance.randint(1, 10**6)) for _ in range(chance.choice((0, 0, 1, 3)))]
    account.buys = Pendings(buys, expired=chance.random() < 0.5)
    account.sells = Pendings(sells, expired=chance.random() < 0.5)
    account.triggers = {
        (symbol, side): random_order(chance, side)
        for symbol in ("ABC", "Q")
        for side in (BUY_SIDE, SELL_SIDE)
        if chance.random() < 0.5
    }
    account.cash_cents = chance.choice((0, 1, MAX_CASH_CENTS))
    account.reserved_cents = sum(one.value_cents for one in buys)
    account.reserved_cents += sum(
        o.amount_cents for (_, side), o in account.triggers.items() if side == BUY_SIDE
    )
    for symbol in ("ABC", "XYZ", "Q"):
        reserved = sum(one.shares for one in sells if one.symbol == symbol)
        order = account.triggers.get((symbol, SELL_SIDE))
        reserved += order.shares if order else 0
        if reserved or chance.random() < 0.5:
            free = chance.choice((0, 7, MAX_SHARES))
            cost = chance.choice((1, 10**9, MAX_COST_CENTS)) if free or reserved else 0
            account.holdings[symbol] = Holding(free, reserved, cost)
    account.changed_holdings, account.changed_triggers = set(account.holdings), set(account.triggers)
    for number in range(chance.randint(0, 14)):
        account.history.record(
            number + 1, CODES["BUY"], "ABC", chance.choice((None, -5, 10**15)), "TOO_SMALL", START_MS
        )
    return account


def random_order(chance: random.Random, side: int) -> TriggerOrder:
    amount, number = chance.randint(1, 10**13), chance.randint(1, 2**53)
    if chance.random() < 0.5:
        return TriggerOrder(amount, None, 0, 7, number, None)
    shares = chance.randint(1, 10**13) if side == SELL_SIDE else 0
    return TriggerOrder(amount, chance.randint(1, 10**13), shares, 7, number, START_MS)


def test_an_account_is_read_as_it_was_written(database: Database) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    accounts = {f"u{number}": random_account(chance, f"u{number}") for number in range(60)}

    async def test() -> None:
        async with store_on(database) as store:
            for half in (list(accounts.values())[:1], list(accounts.values())[1:]):
                batch = batch_of(*half)
                batch.changed = dict(batch.accounts)
                assert await store.commit(batch.columns()) == set()
                batch.settle()
            loaded = {one.user: one for one in await store.load([*accounts, "nobody"])}
            assert loaded.keys() == accounts.keys()
            for user, account in accounts.items():
                assert same(loaded[user], account), user

    run(test())


def test_triggers_go_and_accounts_change_again(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            await written(store, "ADD,ann,90.00", "SET_BUY_AMOUNT,ann,ABC,5.00", "SET_BUY_AMOUNT,ann,Q,6.00")
            (account,) = await store.load(["ann"])
            batch = batch_of(account)
            decide(batch, "CANCEL_SET_BUY,ann,ABC", "SET_BUY_TRIGGER,ann,Q,2.00", first=4)
            assert await store.commit(batch.columns()) == set()
            batch.settle()
            (loaded,) = await store.load(["ann"])
            assert same(loaded, account)
            assert (loaded.version, set(loaded.triggers)) == (2, {("Q", BUY_SIDE)})

    run(test())


EMPTY = partial(AuditRow, START_MS, "", 1, 1, 7, command=15)
FULL = partial(
    AuditRow, START_MS, "ann", 2, 1, 7, command=3, symbol="ABC", filename="log", funds_cents=5, price_cents=6,
    added_cents=7, removed_cents=8, error="TOO_SMALL: no", shares=9,
)  # fmt: skip


@pytest.mark.parametrize("order", ["E", "F", "EE", "EF", "FE", "EFE", "FEEF"])
def test_what_is_absent_is_null_wherever_it_stands(database: Database, order: str) -> None:
    """A column may be empty as a whole, begin, or end with empty elements: nothing may shift."""

    async def test() -> None:
        given = [
            (FULL(number=n), "body", "ERR {}") if kind == "F" else (EMPTY(number=n), "body", "")
            for n, kind in enumerate(order, 1)
        ]
        async with store_on(database) as store:
            columns = batch_of().columns() | row_columns(given)
            assert await store.commit(columns) == set()
        found = await rows(
            database,
            "SELECT number, username, symbol, filename, funds_cents, price_cents, added_cents, removed_cents, error, shares,"
            " reply, server, body FROM audit JOIN command USING (session_id, number) ORDER BY number",
        )
        full = ("ann", "ABC", "log", 5, 6, 7, 8, "TOO_SMALL: no", 9, "ERR {}", SERVER, "body")
        empty = (*(None,) * 10, SERVER, "body")
        assert found == [(n, *(full if kind == "F" else empty)) for n, kind in enumerate(order, 1)]

    run(test())


def test_accounts_that_somebody_changed_are_left_out_whole(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            accounts = await written(store, "ADD,ann,50.00", "ADD,bob,50.00", "ADD,carl,50.00")
            await rows(
                database, "UPDATE account SET version = version + 1 WHERE username = 'bob' RETURNING 1"
            )
            batch = batch_of(*accounts.values())
            lines = [f"{line},{user},ABC,5.00" for user in accounts for line in ("SET_BUY_AMOUNT", "BUY,x")]
            decide(batch, *[line for line in lines if "x" not in line], first=10)
            decide(batch, "DISPLAY_SUMMARY,bob", "QUOTE,bob,LONG", "ADD,ann,1.00", first=20)
            assert await store.commit(batch.columns()) == {"bob"}
        done = await rows(database, "SELECT username, count(*) FROM audit GROUP BY 1 ORDER BY 1")
        assert done == [("ann", 3), ("bob", 1), ("carl", 2)]
        assert await rows(database, "SELECT username FROM trigger_order ORDER BY 1") == [("ann",), ("carl",)]
        assert len(await rows(database, "SELECT FROM command")) == 6
        assert await rows(database, "SELECT version, cash_cents FROM account WHERE username = 'bob'") == [
            (2, 5000)
        ]

    run(test())


def test_an_account_made_by_somebody_else_is_in_conflict(database: Database) -> None:
    """Also for one whose command was refused because there was no account yet."""

    async def test() -> None:
        async with store_on(database) as store:
            strangers = batch_of(Account("ann"), Account("bob"), Account("carl"), Account(""))
            decide(strangers, "COMMIT_BUY,ann", "ADD,bob,1.00", "COMMIT_BUY,carl", "ADD,d@n,1.00", first=10)
            await written(store, "ADD,ann,50.00", "ADD,bob,50.00")
            assert await store.commit(strangers.columns()) == {"ann", "bob"}
        found = await rows(database, "SELECT number, username FROM audit WHERE number >= 10 ORDER BY 1")
        assert found == [(12, "carl"), (13, None)]

    run(test())


def test_a_number_that_is_taken_takes_the_whole_batch_back(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            accounts = await written(store, "ADD,ann,50.00")
            batch = batch_of(Account("bob"), *accounts.values())
            decide(batch, "ADD,bob,1.00", first=2)
            decide(batch, "ADD,ann,1.00", first=1)
            with pytest.raises(NumberTaken):
                await store.commit(batch.columns())
            assert await store.load(["bob"]) == []
            (ann,) = await store.load(["ann"])
            assert (ann.cash_cents, ann.version) == (5000, 1)

    run(test())


def test_under_the_lock_nobody_else_writes(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store, store_on(database) as other:
            await written(store, "ADD,ann,50.00", "ADD,bob,50.00")
            theirs = batch_of(*await other.load(["ann", "bob"]))
            decide(theirs, "ADD,ann,1.00", "ADD,bob,1.00", first=10)
            async with store.locked(["ann"]):
                (ann,) = await store.load(["ann"])
                commit = asyncio.create_task(other.commit(theirs.columns()))
                await asyncio.sleep(0.1)
                assert not commit.done()
                ours = batch_of(ann)
                decide(ours, "ADD,ann,2.00", first=20)
                assert await store.commit(ours.columns()) == set()
            assert await commit == {"ann"}
            cash = {one.user: one.cash_cents for one in await store.load(["ann", "bob"])}
            assert cash == {"ann": 5200, "bob": 5100}

    run(test())


def test_a_process_that_stands_still_under_the_lock_loses_it(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store, store_on(database) as other:
            await written(store, "ADD,ann,50.00")
            theirs = batch_of(*await other.load(["ann"]))
            decide(theirs, "ADD,ann,1.00", first=10)

            async def stand_still() -> None:
                async with store.locked(["ann"]):
                    ours = batch_of(*await store.load(["ann"]))
                    assert await other.commit(theirs.columns()) == set()  # after the two seconds of idling
                    decide(ours, "ADD,ann,2.00", first=20)
                    await store.commit(ours.columns())

            with pytest.raises(Unavailable):
                await stand_still()
            (ann,) = await store.load(["ann"])
            assert ann.cash_cents == 5100

    run(test())


def test_replies_and_sessions(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            first = await store.sessions(["b", "a"])
            assert {name: one.highest for name, one in first.items()} == {"a": 0, "b": 0}
            batch = batch_of(Account("ann"))
            session = first["a"].session_id
            decide(batch, "ADD,ann,1.00", "DISPLAY_SUMMARY,ann", first=41, session=session)
            await store.commit(batch.columns())
            assert {name: one.highest for name, one in (await store.sessions(["a", "b"])).items()} == {
                "a": 42,
                "b": 0,
            }
            keys = [(session, 41), (session, 42), (session, 43), (first["b"].session_id, 41)]
            assert await store.replies(keys) == {
                (session, 41): ("ADD,ann,1.00", 'OK {"cash":"1.00"}'),
                (session, 42): ("DISPLAY_SUMMARY,ann", None),
            }

    run(test())


def test_pendings_are_found_at_a_start(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            batch = batch_of(*map(Account, ("ann", "bob", "carl", "dan")))
            decide(batch, *(f"ADD,{user},1.00" for user in batch.accounts))
            ann, bob, carl = (batch.accounts[user] for user in ("ann", "bob", "carl"))
            ann.buys = Pendings([pending(at_ms=9), pending(at_ms=10)])
            ann.sells = Pendings([pending(at_ms=8)])
            bob.sells, carl.buys = Pendings([pending(at_ms=7)]), Pendings([pending(at_ms=6)])
            await store.commit(batch.columns())
            assert sorted(await store.pendings()) == [("ann", 8), ("bob", 7), ("carl", 6)]

    run(test())


def test_a_row_that_is_not_sound_is_not_worked_with(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            await written(store, "ADD,ann,50.00")
            await rows(database, "UPDATE account SET reserved_cents = 5 RETURNING 1")
            with pytest.raises(AssertionError, match="ann"):
                await store.load(["ann"])

    run(test())


def test_a_lost_connection_is_unavailable_and_then_replaced(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            await written(store, "ADD,ann,50.00")
            for call in (
                lambda: store.load(["ann"]),
                lambda: store.sessions(["s"]),
                lambda: store.replies([(7, 1)]),
                lambda: store.commit(batch_of().columns()),
                store.pendings,
            ):
                await kill(database)
                with pytest.raises(Unavailable):
                    await call()
                assert len(await store.load(["ann"])) == 1

            async def lose_it_under_the_lock() -> None:
                async with store.locked(["ann"]):
                    await kill(database)
                    await store.load(["ann"])

            with pytest.raises(Unavailable):
                await lose_it_under_the_lock()
            assert len(await store.load(["ann"])) == 1

    run(test())


async def kill(database: Database) -> None:
    await rows(
        database,
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid()",
    )


def test_a_bug_is_not_taken_for_an_outage(database: Database) -> None:
    async def test() -> None:
        async with store_on(database) as store:
            columns = batch_of().columns() | {"account_user": "ann"}
            with pytest.raises(psycopg.errors.NotNullViolation):
                await store.commit(columns)
            shifted = row_columns([(EMPTY(number=1), "with\x1fseparator", "")])
            with pytest.raises(psycopg.errors.NotNullViolation):
                await store.commit(batch_of().columns() | shifted)
            assert await rows(database, "SELECT FROM audit") == []

    run(test())


def test_accounts_are_written_in_the_order_of_their_names(database: Database) -> None:
    """Every writer locks in this order, so that no two wait for each other."""

    async def test() -> None:
        users = [f"u{number}" for number in range(40)]
        async with store_on(database) as store, store_on(database) as other:
            await written(store, *(f"ADD,{user},1.00" for user in users))
            for number in range(15):
                batches = [batch_of(*await store.load(users)) for _ in range(2)]
                for index, batch in enumerate(batches):
                    lines = [f"ADD,{user},1.00" for user in random.Random(number + index).sample(users, 40)]
                    decide(batch, *lines, first=1000 * (1 + 2 * number + index))
                columns = [batch.columns() for batch in batches]
                one, two = await asyncio.gather(store.commit(columns[0]), other.commit(columns[1]))
                assert len(one) + len(two) == 40
        found = await rows(database, "SELECT username, sum(added_cents), count(*) FROM audit GROUP BY 1")
        assert {count for _, _, count in found} == {16}

    run(test())
