"""Planted bugs: each a small change of the real code (or of what a query does) while its block runs.

The simulation must find every one of them: test_bugs.py. What stands behind a name is the docstring of its function.
"""

import asyncio
import select
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Final
from unittest import mock
from weakref import WeakKeyDictionary

import quotecache.cache
from core.codec import Request
from core.errors import Unavailable
from core.framing import FrameDecoder
from loadbalancer.balance import Balancer
from loadbalancer.loop import Loop
from quotecache.flights import Flights
from quotecache.freshness import Quote
from quotecache.valkey import SharedQuotes
from tests.simulation.stores import SimulatedStore
from tests.simulation.tables import Tables
from transaction.account import Account
from transaction.batch import Batch, Entry
from transaction.parking import Parking
from transaction.worker import Worker
from trigger.rules import Picture
from webserver.pending import ShardQueue
from workload.plan import Plan

Bug = Callable[[], AbstractContextManager[Any]]
BUGS: Final[dict[str, Bug]] = {}


def _plants(place: Any, name: str) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    """The decorated function makes the broken attribute of the sound one; the bug has the function's name."""

    def register(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def planted() -> AbstractContextManager[Any]:
            return mock.patch.object(place, name, make(getattr(place, name)))

        BUGS[make.__name__.replace("_", " ").strip()] = planted
        return make

    return register


@_plants(Account, "sell_shares")
def _a_sale_takes_too_much_of_the_cost(real: Any) -> Any:
    """Rounded up, it leaves a cent too little."""

    def sell_shares(self: Account, symbol: str, shares: int) -> None:
        holding = self.holdings[symbol]
        holding.cost_cents -= -(-holding.cost_cents * shares // (holding.free + holding.reserved))
        self.move_shares(symbol, 0, -shares)

    return sell_shares


@_plants(SimulatedStore, "commit")
def _reply_before_commit(real: Any) -> Any:
    """The worker does not wait until its batch is durable."""

    async def commit(self: SimulatedStore, columns: Any) -> set[str]:
        task = asyncio.ensure_future(real(self, columns))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return set()

    return commit


@_plants(SimulatedStore, "commit")
def _lost_answer_taken_for_done(real: Any) -> Any:
    """A connection that dies in the commit is taken for a success."""

    async def commit(self: SimulatedStore, columns: Any) -> set[str]:
        try:
            done: set[str] = await real(self, columns)
        except Unavailable:
            return set()
        return done

    return commit


@_plants(Tables, "commit")
def _no_version_check(real: Any) -> Any:
    """`commit_batch` without its WHERE version = ...: whoever writes last wins."""

    def commit(self: Tables, written: Any, strangers: Any, transaction: Any) -> Any:
        for account in written.accounts:
            if (stored := self.accounts.get(account.user)) is not None:
                account.version = stored.version
        return real(self, written, strangers, transaction)

    return commit


@_plants(Worker, "_settle")
def _conflicts_are_forgotten(real: Any) -> Any:
    """Who was in conflict is not decided again."""

    def settle(self: Worker, *batch: Any) -> Any:
        real(self, *batch)
        return []

    return settle


@_plants(Worker, "_doubted")
def _doubtful_commit_not_looked_up(real: Any) -> Any:
    """After a lost answer the batch is decided again as if it had not happened."""

    def doubted(self: Worker, decided: list[Entry]) -> list[Entry]:
        again: list[Entry] = real(self, decided)
        for entry in again:
            entry.doubtful = False
        return again

    return doubted


@_plants(Batch, "decide")
def _numbers_remembered_before_commit(real: Any) -> Any:
    """A reply is remembered when it is decided, and a repeat answered from memory."""
    remembered: WeakKeyDictionary[Any, dict[int, str]] = WeakKeyDictionary()

    def decide(self: Batch, entry: Entry) -> Any:
        if entry.request is None or entry.session is None:
            return real(self, entry)
        book = remembered.setdefault(entry.session._book, {})
        if not entry.answered and entry.request.number in book:
            entry.answered, entry.reply = True, book[entry.request.number]
        waits = real(self, entry)
        if waits is None:
            book[entry.request.number] = entry.reply
        return waits

    return decide


@_plants(Worker, "_load")
def _failed_batch_leaves_its_accounts(real: Any) -> Any:
    """Accounts are not taken out of memory while they are decided."""

    async def load(self: Worker, users: set[str]) -> Any:
        accounts = await real(self, users)
        self._accounts.update({user: account for user, account in accounts.items() if account.exists})
        return accounts

    return load


@_plants(Worker, "on_quote")
def _parked_user_released_at_once(real: Any) -> Any:
    """A user leaves the parking while a batch is prepared that may hold later commands of theirs."""

    def on_quote(self: Worker, quotes: list[Quote]) -> None:
        for quote in quotes:
            self._put_back(self._parking.release_symbol(quote.symbol))

    return on_quote


@_plants(Parking, "release_user")
def _parked_commands_in_wrong_order(real: Any) -> Any:
    """Those who waited go on with the last first."""
    return lambda self, user: real(self, user)[::-1]


@_plants(Worker, "_put_back")
def _put_back_behind_the_others(real: Any) -> Any:
    """What is to be done again queues up behind what came later."""

    def put_back(self: Worker, entries: list[Entry]) -> None:
        self._queue.extend(entries)
        self._wake.set()

    return put_back


@_plants(Worker, "sweep")
def _nothing_expires_by_itself(real: Any) -> Any:
    """Nobody looks after old pendings."""
    return lambda self: None


@_plants(ShardQueue, "send_all")
def _no_resend_to_a_shard(real: Any) -> Any:
    """A shard that comes back is not told again what it had been told."""

    def send_all(self: ShardQueue) -> list[Request]:
        told = set(self.sent)
        return [request for request in real(self) if request.tag not in told]

    return send_all


@_plants(ShardQueue, "send_all")
def _resend_out_of_order(real: Any) -> Any:
    """A shard that comes back is told the newest first."""
    return lambda self: real(self)[::-1]


@_plants(FrameDecoder, "feed")
def _half_frames_dropped(real: Any) -> Any:
    """What a chunk holds of an unfinished frame is thrown away."""

    def feed(self: FrameDecoder, data: bytes) -> Any:
        frames = real(self, data)
        self._buffer = b""
        return frames

    return feed


@_plants(Balancer, "_evacuate")
def _dead_servers_lines_lost(real: Any) -> Any:
    """Nobody gets what a dead web server has not answered."""

    def evacuate(self: Balancer, server: int, now_ms: int) -> None:
        for client in self._clients.values():
            client.lanes[server].clear()
        real(self, server, now_ms)

    return evacuate


@_plants(Balancer, "_hold_displaced")
def _returning_server_takes_users_at_once(real: Any) -> Any:
    """New lines of a user go to the server that is back, though older ones are under way elsewhere."""
    return lambda self, client, returned: None


@_plants(Plan, "resend")
def _client_resends_out_of_order(real: Any) -> Any:
    """The driver sends again what is outstanding, the newest first."""
    return lambda self, lane: b"".join(line + b"\n" for line in real(self, lane).split(b"\n")[-2::-1])


@_plants(Flights, "_fetch")
def _quote_shared_before_durable(real: Any) -> Any:
    """A hit is published before it is committed."""

    async def fetch(self: Flights, want: Any) -> None:
        await real(self, want)
        self._quotes |= {hit.quote.symbol: hit.quote for hit in self._hits}
        self._to_share.set()

    return fetch


@_plants(Flights, "_fetch")
def _quote_used_before_durable(real: Any) -> Any:
    """A hit is used here before it is committed."""

    async def fetch(self: Flights, want: Any) -> None:
        await real(self, want)
        self._usable([hit.quote for hit in self._hits])

    return fetch


@_plants(quotecache.cache, "is_fresh")
def _quotes_live_too_long(real: Any) -> Any:
    """A quote may be used for twice its life."""
    return lambda quote, now_ms, life_ms: real(quote, now_ms, 2 * life_ms)


@_plants(SharedQuotes, "ask")
def _no_single_flight(real: Any) -> Any:
    """Another process's lock is not respected."""

    async def ask(self: SharedQuotes, symbols: Any, now_ms: int) -> Any:
        return [answer or True for answer in await real(self, symbols, now_ms)]

    return ask


@_plants(SharedQuotes, "ask")
def _lost_first_answer_unheard(real: Any) -> Any:
    """Who lost the answer to its first call believes that the cache is new (found by the simulation)."""

    async def ask(self: SharedQuotes, symbols: Any, now_ms: int) -> Any:
        known = self._known
        try:
            return await real(self, symbols, now_ms)
        except Unavailable:
            self._known = known
            raise

    return ask


@_plants(Loop, "_serve_client")
def _closed_client_served(real: Any) -> Any:
    """A client whose reset is read while it may be written to is served on (found by the simulation)."""

    def serve(self: Loop, port: Any, event: int) -> None:
        real(self, port, event)
        if event & select.EPOLLOUT:
            self._balancer.changed.add(port.client)

    return serve


@_plants(Tables, "_fire_one")
def _fire_leaves_its_trigger(real: Any) -> Any:
    """`fire_triggers` without its DELETE."""

    def fire(self: Tables, account: Any, symbol: str, side: int, *rest: Any) -> None:
        order = account.orders[symbol, side]
        real(self, account, symbol, side, *rest)
        account.orders[symbol, side] = order

    return fire


@_plants(Picture, "add")
def _armed_triggers_overlooked(real: Any) -> Any:
    """The trigger server does not learn of what is armed after its start."""

    def add(self: Picture, armed: Any) -> None:
        if not self._reaches:
            real(self, armed)

    return add
