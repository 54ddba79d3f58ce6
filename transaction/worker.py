"""The heart of a shard: takes everything that is waiting, decides it, commits it in one statement, then answers.

While a commit runs the next batch gathers, so batches size themselves; at low load a batch is one command. A user whose
next command cannot be decided yet waits aside with all their later commands (`transaction.parking`). A user whose account
somebody else changed meanwhile is decided again as the first of the next batch; who is in conflict in two batches one after the
other is at once decided again under a lock, so that nobody is decided more than twice a batch and nobody starves.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Protocol

from core import commands as c
from core import log
from core.clock import Clock, stopwatch_s
from core.codec import Request
from core.errors import Unavailable
from core.limits import MAX_BATCH_COMMANDS, MAX_CACHED_ACCOUNTS
from quotecache.freshness import Asker, Quote
from transaction.account import Account
from transaction.batch import Batch, Entry, reused_number
from transaction.counts import Counts
from transaction.expiries import Expiries
from transaction.newcomers import Newcomers
from transaction.parking import DUMP, Parking
from transaction.sessions import Sessions
from transaction.store import NumberTaken, Store

RETRY_AFTER_MS = 50
"""Pause before the database is asked again after it was away."""


class Link(Protocol):
    """Where replies go: one web server's connection."""

    def send(self, replies: list[tuple[int, bytes]]) -> None:
        """(tag, reply line) pairs; never blocks, and drops them when the connection is gone."""


class Quotes(Protocol):
    """What the worker needs of quotecache.cache.QuoteCache."""

    def get(self, symbol: str, now_ms: int) -> Quote | None: ...
    def want(self, askers: list[Asker]) -> None: ...


class Worker:
    """All commands of one shard's users, in order. Everything but `run` is called on the loop and never blocks."""

    def __init__(
        self,
        store: Store,
        quotes: Quotes,
        clock: Clock,
        pending_life_ms: int,
        dump: Callable[[Entry], None],
    ) -> None:
        """`dump` is called with each committed DUMPLOG; it answers the entry and then calls `dumped`."""
        self._store = store
        self._quotes = quotes
        self._clock = clock
        self._pending_life_ms = pending_life_ms
        self._dump = dump
        self._queue: deque[Entry] = deque()
        self._ready: deque[Entry] = deque()
        """Taken before the queue: what waited aside or has to be done again. Always put in at the front (order!)."""
        self._current: list[Entry] = []
        """Being prepared, decided or committed. An entry is in one place: here, in a queue or parked."""
        self._parking = Parking()
        self._sessions = Sessions()
        self._accounts: dict[str, Account] = {}
        """As they stand in the database, the least recently used first. A batch takes its own out and puts them back when
        it is durable, so that one that fails leaves nothing behind here."""
        self._settled_symbols: dict[str, None] = {}
        """Symbols whose waiters may go on, and (below) users whose dump is written. They leave the parking when the next
        batch is taken, never while one is prepared: that one may hold later commands of theirs, which would overtake."""
        self._settled_users: list[str] = []
        self._newcomers = Newcomers()
        self._expiries = Expiries()
        self._contested: set[str] = set()
        """Users who were in conflict in the last batch that was written."""
        self._wake = asyncio.Event()
        self.counts = Counts()
        self._dumping = 0

    @property
    def waiting(self) -> int:
        """Requests that are not answered yet."""
        return len(self._queue) + len(self._ready) + len(self._current) + len(self._parking) + self._dumping

    @property
    def places(self) -> dict[str, int]:
        """These by where they are."""
        queued = len(self._queue) + len(self._ready)
        parked, dumping = len(self._parking), self._dumping
        return {"queue": queued, "batch": len(self._current), "parked": parked, "dump": dumping}

    @property
    def parked_users(self) -> int:
        """Users who wait for a price or a dump."""
        return len(self._parking.queues)

    @property
    def known_accounts(self) -> int:
        """Accounts in memory."""
        return len(self._accounts)

    def arrive(self, link: Link, requests: list[Request]) -> None:
        """Requests of a web server, in its order."""
        self._queue.extend([Entry(request, link, request.user) for request in requests])
        self.counts.arrived(len(requests))
        self._wake.set()

    def highest(self, session: str) -> int:
        """The highest number of this session that this process knows of, also of requests not decided yet."""
        known = self._sessions.get(session)
        entries = chain(self._queue, self._ready, self._current, self._parking.entries())
        requests = [entry.request for entry in entries]
        numbers = [request.number for request in requests if request and request.session == session]
        return max([known.highest if known else 0, *numbers])

    def on_quote(self, quotes: list[Quote]) -> None:
        """Quotes became usable: who waited for them goes on."""
        self._settled_symbols.update(dict.fromkeys([quote.symbol for quote in quotes]))
        self._wake.set()

    def on_failure(self, symbol: str) -> None:
        """No price within the deadline: what waited for it is decided without one (QUOTE_UNAVAILABLE)."""
        for entry in self._parking.waiting_for(symbol):
            entry.unpriced = entry.request is not None and entry.request.symbol == symbol
        self._settled_symbols[symbol] = None
        self._wake.set()

    def dumped(self, entry: Entry) -> None:
        """A dump is written and answered: that user's later commands go on."""
        self._dumping -= 1
        if entry.user:
            self._settled_users.append(entry.user)
            self._wake.set()

    def forget(self, changes: Iterable[tuple[str, int]]) -> None:
        """Somebody else made these versions of accounts (user, version): an older copy of ours is read again."""
        for user, version in changes:
            own = self._accounts.get(user)
            if own is not None and own.version < version:
                del self._accounts[user]

    def watch_pendings(self, pendings: Iterable[tuple[str, int]]) -> None:
        """Accounts with pendings (user, timestamp of the oldest) that were there before this process."""
        self._expiries.add(pendings)

    def sweep(self) -> None:
        """Orders the expiry of what is too old; to be called a few times a second."""
        due = self._expiries.due(self._clock.now_ms() - self._pending_life_ms)
        self._put_back([Entry(None, None, user) for user in due])

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # what has come meanwhile is read first: it belongs to this batch
            self._current = self._take()
            if not self._current:
                self._wake.clear()
                continue
            pause_ms = 0
            try:
                await self._process(self._current)
            except NumberTaken:
                self._put_back(self._current)
            except Unavailable as error:
                log.get_logger().warning("database away", error=str(error), waiting=self.waiting)
                self.counts.away += 1
                self._put_back(self._current)
                pause_ms = RETRY_AFTER_MS
            self._current = []
            if pause_ms:
                await asyncio.sleep(pause_ms / 1000)

    def _take(self) -> list[Entry]:
        symbols, self._settled_symbols = self._settled_symbols, {}
        users, self._settled_users = self._settled_users, []
        for released in map(self._parking.release_symbol, symbols):
            self._put_back(released)
        for released in map(self._parking.release_user, users):
            self._put_back(released)
        entries: list[Entry] = []
        queued = len(self._queue)
        for source in (self._ready, self._queue):
            if len(source) + len(entries) <= MAX_BATCH_COMMANDS:
                entries += source
                source.clear()
            else:
                entries += [source.popleft() for _ in range(MAX_BATCH_COMMANDS - len(entries))]
        self.counts.taken(queued - len(self._queue))
        return entries

    def _put_back(self, entries: list[Entry]) -> None:
        if entries:
            self._ready.extendleft(reversed(entries))
            self._wake.set()

    async def _process(self, entries: list[Entry]) -> None:
        batch = await self._decided(entries)
        with self._in_doubt():
            conflicts = await self._commit(batch)
        self._current = self._settle(batch, conflicts)
        starving, self._contested = self._contested & conflicts, conflicts
        self._current = self._doubted(self._current)
        if starving:
            await self._decide_under_lock()
        else:
            self._put_back(self._current)

    async def _decide_under_lock(self) -> None:
        """Users in conflict: read, decided and written in one transaction in which nobody else can change them.

        (With the next batch they cost no transaction of their own, which is why the first time they go with that.)
        """
        users = sorted({entry.user for entry in self._current})
        self.counts.locked += 1
        with self._in_doubt():
            async with self._store.locked(users):
                batch = await self._decided(self._current)
                conflicts = await self._commit(batch)
        self._put_back(self._doubted(self._settle(batch, conflicts)))

    async def _commit(self, batch: Batch) -> set[str]:
        if not batch.rows:
            return set()
        columns, began_s = batch.columns(), stopwatch_s()
        conflicts = await self._store.commit(columns)
        self.counts.committed(stopwatch_s() - began_s)
        return conflicts

    @contextmanager
    def _in_doubt(self) -> Iterator[None]:
        """When the block fails, what was decided may be in the database or not."""
        try:
            yield
        except (Unavailable, NumberTaken):
            self._current = self._doubted(self._current)
            raise

    def _doubted(self, decided: list[Entry]) -> list[Entry]:
        """Decided entries to be decided anew, their numbers looked up first; behind them what their users parked in this batch.

        (Nothing is decided of a user who had parked before it. They are left alone: a dump may be under way.)
        """
        users: dict[str, None] = {}
        for entry in decided:
            entry.doubtful = not entry.answered
            if entry.request is not None:
                users[entry.user] = None
        parked = [self._parking.release_user(user) for user in users if user in self._parking]
        return [*decided, *chain.from_iterable(parked)]

    async def _prepare(self, entries: list[Entry]) -> None:
        """Sessions get their numbers, and repeats the replies they had."""
        strangers: list[Entry] = []
        look_up: list[Entry] = []
        known = self._sessions.get
        for entry in entries:
            if entry.session is None:
                request = entry.request
                if request is None or not request.command:
                    continue
                session = known(request.session)
                if session is None:
                    strangers.append(entry)
                    continue
                entry.session = session
                entry.doubtful = session.meet(request.number)
            if entry.doubtful and not entry.answered:
                look_up.append(entry)
        if strangers:
            await self._find_sessions(strangers)
            await self._prepare(strangers)
        if look_up:
            await self._find_replies(look_up)

    async def _find_sessions(self, entries: list[Entry]) -> None:
        """Reads the sessions that are not known here; new ones get a number."""
        names = {entry.request.session for entry in entries if entry.request is not None}
        for name, stored in (await self._store.sessions(sorted(names))).items():
            self._sessions.put(name, stored.session_id, stored.highest)

    async def _find_replies(self, entries: list[Entry]) -> None:
        self.counts.looked_up += len(entries)
        stored = await self._store.replies(dict.fromkeys(entry.key for entry in entries))
        for entry in entries:
            known = stored.get(entry.key)
            if known is None or entry.request is None:
                continue  # and doubtful it stays: another entry with its number may be waiting
            self.counts.repeated += 1
            if known.body != entry.request.body:
                entry.answered, entry.reply = True, reused_number()
            elif known.reply is None:
                entry.repeat = True
                # Nothing is written, so nothing would tell that our copy is old.
                self._accounts.pop(entry.user, None)
            else:
                entry.answered, entry.reply = True, known.reply

    async def _decided(self, entries: list[Entry]) -> Batch:
        """Decides what can be decided; what cannot is parked. From then on `_current` is what was decided."""
        await self._prepare(entries)
        accounts = await self._load({entry.user for entry in entries})
        now_ms = self._clock.now_ms()
        batch = Batch(accounts, self._quotes.get, now_ms, self._pending_life_ms)
        parking, wanted = self._parking, []
        parked, decide = parking.queues, batch.decide
        for entry in entries:
            request, user = entry.request, entry.user
            if user in parked and request is not None:
                parking.append(user, entry)
                wanted += self._ahead(entry, accounts[user], now_ms)
                continue
            symbol = decide(entry)
            if symbol is not None:
                parking.park(user, symbol, [entry])
                wanted.append(_asker(entry))
            elif request is not None and request.command == c.DUMPLOG and user and _is_dump(entry):
                parking.park(user, DUMP, [])
        self._current = batch.decided
        self.counts.decided(entries, batch.decided)
        if wanted:
            self._quotes.want(wanted)
        return batch

    def _ahead(self, entry: Entry, account: Account, now_ms: int) -> list[Asker]:
        """The quote a waiting command will need, so that all of them are fetched at once: QUOTE, and BUY with the cash for it.

        (For SELL it gained nothing and can waste hits.)
        """
        request = entry.request
        if request is None or request.refusal or request.command not in {c.QUOTE, c.BUY} or entry.answered:
            return []
        if request.command == c.BUY and account.cash_cents < (request.cents or 0):
            return []
        return [] if self._quotes.get(request.symbol, now_ms) else [_asker(entry)]

    async def _load(self, users: set[str]) -> dict[str, Account]:
        """The users' accounts, taken out of our copies or read from the database; a new one for who has none."""
        accounts = {user: own for user in users if (own := self._accounts.pop(user, None)) is not None}
        if missing := [user for user in users if user not in accounts]:
            accounts |= {account.user: account for account in await self._store.load(missing)}
            self.counts.loaded += len(missing)
        for user in missing:
            if user not in accounts:
                accounts[user] = self._newcomers.account(user)
        return accounts

    def _settle(self, batch: Batch, conflicts: set[str]) -> list[Entry]:
        """The batch is durable: accounts become current, replies leave. Returns the entries of users in conflict."""
        batch.settle()
        self.counts.settled(batch.decided, conflicts)
        for user, account in batch.accounts.items():
            if account.exists and user not in conflicts:
                self._accounts[user] = account
                self._expiries.watch(account)
        self._newcomers.remember(batch.accounts, conflicts)
        while len(self._accounts) > MAX_CACHED_ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]
        again: list[Entry] = []
        replies: defaultdict[Link, list[tuple[int, bytes]]] = defaultdict(list)
        for entry in batch.decided:
            request = entry.request
            if conflicts and entry.user in conflicts:
                again.append(entry)
            elif request is None:
                continue
            elif request.command == c.DUMPLOG and _is_dump(entry):
                self._dumping += 1
                self._dump(entry)
            else:
                replies[entry.link].append((request.tag, f"[{request.number}] {entry.reply}\n".encode()))
        for link, lines in replies.items():
            link.send(lines)
        return again


def _asker(entry: Entry) -> Asker:
    request = entry.request
    assert request is not None
    return Asker(request.symbol, request.user, entry.session_id, request.number)


def _is_dump(entry: Entry) -> bool:
    """A DUMPLOG that may be made (a refused one, or one with a reused number, is answered like anything else)."""
    request = entry.request
    return request is not None and request.command == c.DUMPLOG and entry.reply.startswith("OK")
