"""Random accounts, triggers and quotes: the database does what a few lines of plain Python say it should."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.limits import MAX_CASH_CENTS
from db import fires
from quotecache.freshness import Quote
from tests.conftest import Database
from tests.simulation.costs import Costs
from tests.unit.trigger.bank import BUY, LIFE_MS, NOW_MS, SELL, SERVER, Bank, Order, open_bank, quote

pytestmark = pytest.mark.services

USERS, SYMBOLS = ("Bob", "ann", "c.1"), ("A", "BC")
PRICES = st.integers(1, 9)
NEARLY_RICH = st.sampled_from([0, 17, 1_000, MAX_CASH_CENTS - 20])


@dataclass
class World:
    """Everything there is, as plain values; `fire` is what commands.md says of triggers."""

    cash: dict[str, int]
    clock: dict[str, int]
    orders: list[Order]
    newest: dict[str, Quote]
    shares: dict[tuple[str, str], int] = field(default_factory=dict)
    reserved_shares: dict[tuple[str, str], int] = field(default_factory=dict)
    costs: dict[str, Costs] = field(default_factory=dict)
    """Of each user."""
    events: list[tuple[str, int, str, int, int, int | None]] = field(default_factory=list)
    """(user, timestamp, symbol, price, shares, added) of each fire."""

    def fire(self, seen: dict[str, Quote]) -> None:
        def value(order: Order) -> tuple[int, str, int]:
            price = seen[order.symbol].price_cents if order.symbol in seen else 0
            added = order.shares * price if order.side == SELL else order.amount % price if price else 0
            return added, order.symbol, order.side

        for order in sorted(self.orders, key=value):
            if (quoted := seen.get(order.symbol)) and quoted == self.newest[order.symbol]:
                self._fire_one(order, quoted, value(order)[0])

    def _fire_one(self, order: Order, quoted: Quote, added: int) -> None:
        user, price, key = order.user, quoted.price_cents, (order.user, order.symbol)
        now_ms = max(NOW_MS, self.clock[user])
        if now_ms - quoted.time_ms > LIFE_MS or order.price is None:
            return
        shares = order.amount // price if order.side == BUY else order.shares
        reached = price <= order.price if order.side == BUY else price >= order.price
        if not reached or shares < 1 or self.cash[user] + added > MAX_CASH_CENTS:
            return
        self.orders.remove(order)
        self.cash[user] += added
        if order.side == BUY:
            self.shares[key] = self.shares.get(key, 0) + shares
            self.costs[user].buy(order.symbol, shares, price)
        else:
            self.reserved_shares[key] -= shares
            self.costs[user].sell(order.symbol, shares)
        self.events.append((user, now_ms, order.symbol, price, shares, added or None))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    keys = st.tuples(st.sampled_from(USERS), st.sampled_from(SYMBOLS), st.sampled_from([BUY, SELL]))
    orders = []
    for number, (user, symbol, side) in enumerate(
        draw(st.lists(keys, unique=True, min_size=3, max_size=12)), start=1
    ):
        price = draw(PRICES | st.none() if side == BUY else PRICES)
        shares = draw(st.integers(1, 5)) if side == SELL else 0
        orders.append(Order(user, symbol, side, price, draw(st.integers(1, 30)), shares, number))
    ages = st.sampled_from([0, 1_000, 59_990, LIFE_MS, LIFE_MS + 1])
    world = World(
        cash={user: draw(NEARLY_RICH) for user in USERS},
        clock={user: NOW_MS + draw(st.sampled_from([-9, 0, 10, 11])) for user in USERS},
        orders=orders,
        newest={symbol: quote(symbol, draw(PRICES), NOW_MS - draw(ages)) for symbol in SYMBOLS},
    )
    for order in orders:
        key = order.user, order.symbol
        if order.side == SELL or draw(st.booleans()):
            world.shares.setdefault(key, draw(st.integers(0, 3)))
            world.reserved_shares[key] = world.reserved_shares.get(key, 0) + order.shares
    world.costs = {user: Costs() for user in USERS}
    for (user, symbol), free in world.shares.items():
        if held := free + world.reserved_shares[user, symbol]:
            world.costs[user].buy(symbol, held, draw(PRICES))
            world.costs[user].cents[symbol] += draw(st.integers(0, held - 1))
    return world


async def put(bank: Bank, world: World) -> None:
    await bank.clear()
    for user in USERS:
        reserved = sum(o.amount for o in world.orders if o.user == user and o.side == BUY)
        await bank.account(user, world.cash[user], reserved, world.clock[user])
    for (user, symbol), shares in world.shares.items():
        reserved, cost = (
            world.reserved_shares.get((user, symbol), 0),
            world.costs[user].cents.get(symbol, 0),
        )
        await bank.holding(user, symbol, shares, reserved, cost)
    for order in world.orders:
        await bank.order(order)
    for newest in world.newest.values():
        await bank.quote(newest)


async def assert_is(bank: Bank, world: World) -> None:
    accounts = {row[0]: row for row in await bank.accounts()}
    for user in USERS:
        fired = [event for event in world.events if event[0] == user]
        reserved = sum(o.amount for o in world.orders if o.user == user and o.side == BUY)
        clock = max(NOW_MS, world.clock[user]) if fired else world.clock[user]
        version = 8 if fired else 7
        assert accounts[user] == (user, version, world.cash[user], reserved, clock, 30 + len(fired))
    holdings = [
        (*key, shares, world.reserved_shares.get(key, 0), world.costs[key[0]].cents.get(key[1], 0))
        for key, shares in sorted(world.shares.items())
    ]
    assert await bank.holdings() == holdings
    assert await bank.orders() == sorted((o.user, o.symbol, o.side) for o in world.orders)
    events = await bank.events()
    assert [(e[0], e[2], *e[6:]) for e in events] == sorted(world.events, key=lambda e: e[0])
    assert [e[1] for e in events] == [seq for user in USERS for seq in range(31, accounts[user][5] + 1)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(world=worlds(), moved=st.sampled_from(["", *SYMBOLS]), everything=st.booleans())
def test_the_database_fires_what_the_rules_say(
    database: Database, world: World, moved: str, everything: bool
) -> None:
    """`moved`: a symbol whose quote was replaced unseen. `everything`: all orders are candidates, not only those found."""

    async def body() -> None:
        async with open_bank(database) as (bank, one):
            await put(bank, world)
            seen = {symbol: quoted for symbol, quoted in world.newest.items() if symbol != moved}
            if moved:
                seen[moved] = quote(moved, 5, NOW_MS - 30)
            found = [fires.Candidate(o.user, o.symbol, o.side, seen[o.symbol]) for o in world.orders]
            if not everything:
                found = await fires.candidates(one, list(seen.values()), NOW_MS, LIFE_MS, 100)
            before = len(world.orders)
            world.fire(seen)
            fired = await fires.fire(one, found, NOW_MS, LIFE_MS, SERVER, wait=False)
            assert fired == before - len(world.orders)
            await assert_is(bank, world)

    asyncio.run(body())
