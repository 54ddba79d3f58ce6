"""The transaction that fires triggers, one case at a time, on a real database."""

import asyncio
import functools
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from core import commands
from core.limits import MAX_CASH_CENTS, MAX_COST_CENTS, MAX_SHARES
from db import fires
from quotecache.freshness import Asker
from tests.conftest import Database
from tests.unit.trigger.bank import (
    BUY,
    LIFE_MS,
    NOW_MS,
    SELL,
    SERVER,
    Bank,
    Order,
    fire_all,
    open_bank,
    quote,
    run,
)

pytestmark = pytest.mark.services

SET_BUY, SET_SELL = commands.CODES[commands.SET_BUY_TRIGGER], commands.CODES[commands.SET_SELL_TRIGGER]
Case = Callable[[Bank, fires.Connection], Awaitable[None]]


def on_a_bank(case: Case) -> Callable[[Database], None]:
    """A test that is given the tables and a trigger server's connection."""

    @functools.wraps(case, assigned=("__name__", "__doc__", "__module__"))
    def test(database: Database) -> None:
        async def body() -> None:
            async with open_bank(database) as (bank, one):
                await case(bank, one)

        run(body())

    del test.__wrapped__
    return test


@on_a_bank
async def test_a_buy_spends_whole_shares_and_returns_the_rest_to_the_cent(
    bank: Bank, one: fires.Connection
) -> None:
    await bank.account("ann", cash=500, reserved=10_000)
    await bank.order(Order("ann", "ABC", BUY, 3_000, 10_000, number=42, session=9))
    await bank.quote(quote("ABC", 2_999))
    assert await fire_all(one, [quote("ABC", 2_999)]) == 1
    assert await bank.accounts() == [("ann", 8, 500 + 1_003, 0, NOW_MS, 31)]
    assert await bank.holdings() == [("ann", "ABC", 3, 0, 3 * 2_999)]
    assert await bank.orders() == []
    assert await bank.events() == [("ann", 31, NOW_MS, 42, 9, SET_BUY, "ABC", 2_999, 3, 1_003)]


@on_a_bank
async def test_a_buy_without_a_rest_adds_nothing_and_joins_the_shares_that_are_there(
    bank: Bank, one: fires.Connection
) -> None:
    await bank.armed(Order("ann", "ABC", BUY, 250, 1_000))
    await bank.holding("ann", "ABC", 11, 3, 777)
    await bank.quote(quote("ABC", 250))
    assert await fire_all(one, [quote("ABC", 250)]) == 1
    assert await bank.holdings() == [("ann", "ABC", 15, 3, 1_777)]
    assert [event[-2:] for event in await bank.events()] == [(4, None)]


@on_a_bank
async def test_a_sell_sells_what_it_reserved_at_the_quote(bank: Bank, one: fires.Connection) -> None:
    await bank.account("bob", cash=1)
    await bank.holding("bob", "ABC", 5, 10, 1_000)
    await bank.order(Order("bob", "ABC", SELL, 700, 5_000, shares=7, number=3))
    await bank.quote(quote("ABC", 801))
    assert await fire_all(one, [quote("ABC", 801)]) == 1
    assert await bank.accounts() == [("bob", 8, 1 + 7 * 801, 0, NOW_MS, 31)]
    assert await bank.holdings() == [("bob", "ABC", 5, 3, 1_000 - 466)]  # 7/15 of it are 466.67
    assert await bank.events() == [("bob", 31, NOW_MS, 3, 1, SET_SELL, "ABC", 801, 7, 7 * 801)]


@on_a_bank
async def test_buy_and_sell_of_one_symbol_fire_together(bank: Bank, one: fires.Connection) -> None:
    await bank.account("cat", reserved=1_000)
    await bank.holding("cat", "ABC", 0, 4, 500)
    await bank.order(Order("cat", "ABC", BUY, 300, 1_000, number=1))
    await bank.order(Order("cat", "ABC", SELL, 300, 1_200, shares=4, number=2))
    await bank.quote(quote("ABC", 300))
    assert await fire_all(one, [quote("ABC", 300)]) == 2
    assert await bank.accounts() == [("cat", 8, 100 + 1_200, 0, NOW_MS, 32)]
    assert await bank.holdings() == [("cat", "ABC", 3, 0, 1_400 - 800)]
    assert [(event[1], event[3]) for event in await bank.events()] == [(31, 1), (32, 2)]


@on_a_bank
async def test_it_fires_once(bank: Bank, one: fires.Connection) -> None:
    await bank.armed(Order("ann", "ABC", BUY, 300, 1_000))
    await bank.quote(quote("ABC", 300))
    found = await fires.candidates(one, [quote("ABC", 300)], NOW_MS, LIFE_MS, 10)
    fired = [await fires.fire(one, found, NOW_MS, LIFE_MS, SERVER, wait=wait) for wait in (False, True)]
    assert fired == [1, 0]
    assert len(await bank.events()) == 1


@pytest.mark.parametrize(
    ("change", "fired"),
    [
        ("DELETE FROM trigger_order", 0),
        ("UPDATE trigger_order SET price_cents = NULL, armed_ms = NULL", 0),
        ("UPDATE trigger_order SET price_cents = 299, number = 5", 0),
        ("UPDATE trigger_order SET amount_cents = 299", 0),
        ("UPDATE trigger_order SET price_cents = 301, number = 5", 1),
        ("UPDATE quote SET price_cents = 299, quote_time_ms = quote_time_ms + 1", 0),
        ("DELETE FROM quote", 0),
    ],
)
def test_what_changed_since_it_was_found_is_decided_again(
    database: Database, change: str, fired: int
) -> None:
    async def body() -> None:
        async with open_bank(database) as (bank, one):
            await bank.armed(Order("ann", "ABC", BUY, 300, 1_000, number=4))
            await bank.quote(quote("ABC", 300))
            found = await fires.candidates(one, [quote("ABC", 300)], NOW_MS, LIFE_MS, 10)
            assert len(found) == 1
            await bank.rows(change + " RETURNING 1")
            assert await fires.fire(one, found, NOW_MS, LIFE_MS, SERVER, wait=False) == fired
            assert [event[3] for event in await bank.events()] == [5] * fired
            assert len(await bank.orders()) == (0 if fired or "DELETE FROM trigger" in change else 1)

    run(body())


@pytest.mark.parametrize(
    ("age_ms", "account_ahead_ms", "fired_at"),
    [
        (60_000, -1, NOW_MS),
        (60_001, -1, None),
        (59_990, 10, NOW_MS + 10),
        (59_990, 11, None),
        (-5, -1, NOW_MS),
    ],
)
def test_the_quote_is_young_enough_at_the_fires_own_timestamp(
    database: Database, age_ms: int, account_ahead_ms: int, fired_at: int | None
) -> None:
    async def body() -> None:
        async with open_bank(database) as (bank, one):
            seen = quote("ABC", 300, NOW_MS - age_ms)
            await bank.account("ann", reserved=1_000, timestamp_ms=NOW_MS + account_ahead_ms)
            await bank.order(Order("ann", "ABC", BUY, 300, 1_000))
            await bank.quote(seen)
            found = [fires.Candidate("ann", "ABC", BUY, seen)]
            may_fire = await fires.candidates(one, [seen], NOW_MS, LIFE_MS, 10) == found
            assert may_fire == (fired_at is not None)
            assert await fires.fire(one, found, NOW_MS, LIFE_MS, SERVER, wait=False) == may_fire
            assert [event[2] for event in await bank.events()] == ([fired_at] if fired_at else [])

    run(body())


@on_a_bank
async def test_a_sale_that_the_account_cannot_hold_waits_and_does_not_keep_others_from_firing(
    bank: Bank, one: fires.Connection
) -> None:
    await bank.account("rich", cash=MAX_CASH_CENTS - 1_000)
    for symbol, shares in (("BIG", 10**13), ("MID", 2), ("TWO", 2)):
        await bank.holding("rich", symbol, 0, shares)
        await bank.order(Order("rich", symbol, SELL, 1, 10**13, shares=shares))
        await bank.quote(quote(symbol, 499 if symbol != "BIG" else 10**13))
    seen = [quote("BIG", 10**13), quote("MID", 499), quote("TWO", 499)]
    assert await fire_all(one, seen) == 1
    assert (await bank.accounts())[0][2] == MAX_CASH_CENTS - 2
    assert await bank.orders() == [("rich", "BIG", SELL), ("rich", "TWO", SELL)]


@on_a_bank
async def test_a_holding_never_outgrows_its_limit(bank: Bank, one: fires.Connection) -> None:
    for user, shares in (("full", MAX_SHARES - 2), ("room", MAX_SHARES - 3)):
        await bank.armed(Order(user, "ABC", BUY, 10, 30))
        await bank.holding(user, "ABC", shares, 0)
    await bank.quote(quote("ABC", 10))
    assert await fire_all(one, [quote("ABC", 10)]) == 1
    assert await bank.orders() == [("full", "ABC", BUY)]


@on_a_bank
async def test_costs_of_any_size(bank: Bank, one: fires.Connection) -> None:
    """The product of cost and shares is no bigint; what is sold out costs nothing; a cost grows up to its limit."""
    big = Order("big", "ABC", SELL, 1, 10**13, shares=MAX_SHARES // 10**7)
    for order, free, cost in (
        (big._replace(user="all"), 0, MAX_COST_CENTS),
        (big, MAX_SHARES - big.shares, MAX_COST_CENTS),
        (Order("near", "ABC", BUY, 30, 100), 5, MAX_COST_CENTS - 89),
        (Order("over", "ABC", BUY, 30, 100), 5, MAX_COST_CENTS - 91),
        (Order("odd", "ABC", SELL, 1, 10**13, shares=2), 1, 100),
    ):
        await bank.account(order.user, 0, order.amount if order.side == BUY else 0)
        await bank.holding(order.user, "ABC", free, order.shares, cost)
        await bank.order(order)
    await bank.quote(quote("ABC", 30))
    assert await fire_all(one, [quote("ABC", 30)]) == 5
    assert await bank.holdings() == [
        ("all", "ABC", 0, 0, 0),
        ("big", "ABC", MAX_SHARES - big.shares, 0, MAX_COST_CENTS - big.shares),
        ("near", "ABC", 8, 0, MAX_COST_CENTS),
        ("odd", "ABC", 1, 0, 100 - 66),
        ("over", "ABC", 8, 0, MAX_COST_CENTS - 1),
    ]


@on_a_bank
async def test_a_sell_without_a_holding_is_a_bug_and_changes_nothing(
    bank: Bank, one: fires.Connection
) -> None:
    await bank.account("bob")
    await bank.order(Order("bob", "ABC", SELL, 5, 10, shares=2))
    await bank.quote(quote("ABC", 5))
    with pytest.raises(psycopg.errors.AssertFailure):
        await fire_all(one, [quote("ABC", 5)])
    assert await bank.accounts() == [("bob", 7, 0, 0, NOW_MS - 5000, 30)]
    assert await bank.orders() == [("bob", "ABC", SELL)]


@on_a_bank
async def test_the_transaction_servers_hear_which_accounts_changed(bank: Bank, one: fires.Connection) -> None:
    """With the version that the fire made, whatever that is; a notice is never too long."""
    users = [f"{'x' * 60}{number:04d}" for number in range(250)]
    newest = 2**63 - 1
    for user in users:
        await bank.armed(Order(user, "ABC", BUY, 5, 10))
    await bank.rows("UPDATE account SET version = %s RETURNING 1", newest - 1)
    await bank.account("unconcerned")
    await bank.quote(quote("ABC", 5))
    async with bank.trigger_server() as listener:
        await listener.execute("LISTEN account_changed")
        assert await fire_all(one, [quote("ABC", 5)]) == 250
        heard = [notice.payload async for notice in listener.notifies(timeout=5, stop_after=3)]
    assert all(len(payload) < 8_000 for payload in heard)
    assert sorted(change for payload in heard for change in fires.changes(payload)) == [
        (user, newest) for user in users
    ]


@on_a_bank
async def test_an_account_that_somebody_holds_is_left_alone_or_waited_for(
    bank: Bank, one: fires.Connection
) -> None:
    for user in ("ann", "bob"):
        await bank.armed(Order(user, "ABC", BUY, 5, 10))
    await bank.quote(quote("ABC", 5))
    async with bank.trigger_server() as writer:
        async with writer.transaction():
            await writer.execute("SELECT FROM account WHERE username = 'ann' FOR UPDATE")
            assert await fire_all(one, [quote("ABC", 5)]) == 1
            assert await bank.orders() == [("ann", "ABC", BUY)]
            assert await fire_all(one, [quote("ABC", 5)], wait=True) == 0
            waiting = asyncio.ensure_future(fire_all(one, [quote("ABC", 5)], wait=True))
            await asyncio.sleep(0.05)
        assert await waiting == 1
    assert await bank.orders() == []


@on_a_bank
async def test_what_was_armed_since_is_told_exactly_however_late_it_commits(
    bank: Bank, one: fires.Connection
) -> None:
    await bank.armed(Order("ann", "ABC", BUY, 300, 250))
    await bank.armed(Order("bob", "ABC", SELL, 500, 1_000, shares=2))
    await bank.armed(Order("cat", "DEF", BUY, None, 250))
    marker, armed = await fires.armed_since(one, fires.EVERYTHING)
    assert armed == [("ABC", 250, 500)]
    marker, armed = await fires.armed_since(one, marker)
    assert armed == []
    async with await psycopg.AsyncConnection.connect(bank.database.admin_url) as late:
        await late.execute("UPDATE trigger_order SET price_cents = 7 WHERE username = 'cat'")
        await bank.order(Order("bob", "ABC", SELL, 400, 1_000, shares=2))
        marker, armed = await fires.armed_since(one, marker)
        assert armed == [("ABC", None, 400)]
        await late.commit()
    marker, armed = await fires.armed_since(one, marker)
    assert ("DEF", 7, None) in armed
    marker, armed = await fires.armed_since(one, marker)
    assert armed == []


@on_a_bank
async def test_a_larger_amount_of_an_armed_trigger_is_told_too(bank: Bank, one: fires.Connection) -> None:
    await bank.armed(Order("ann", "ABC", BUY, 300, 100))
    marker, _ = await fires.armed_since(one, fires.EVERYTHING)
    await bank.rows("UPDATE trigger_order SET amount_cents = 900 RETURNING 1")
    assert (await fires.armed_since(one, marker))[1] == [("ABC", 300, None)]


@on_a_bank
async def test_what_is_armed_now_and_who_has_been_for_the_longest_time(
    bank: Bank, one: fires.Connection
) -> None:
    await bank.armed(Order("ann", "ABC", BUY, 300, 250, number=5, armed_ms=20))
    await bank.armed(Order("bob", "ABC", BUY, 400, 350, number=6, session=3, armed_ms=10))
    await bank.armed(Order("cat", "DEF", BUY, None, 250, armed_ms=1))
    symbols = ["ABC", "DEF", "XYZ"]
    reaches = sorted(await fires.reaches(one, symbols))
    assert reaches == [("ABC", 350, None), ("DEF", None, None), ("XYZ", None, None)]
    assert await fires.longest_armed(one, symbols) == [Asker("ABC", "bob", 3, 6)]
