"""The fake database's content: what each statement of db/queries does to it, in one moment. No time, no faults, no network.

The rules are those of Postgres as the queries use it: an account is written only at the version that was read, the primary
key of `command` refuses a number that is there and with it the whole batch, rows of accounts in conflict are left out, locked
rows are waited for. Whatever is written is held against the laws that can be seen at that moment (`_hold_to_the_law`).
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec

from core import commands as c
from core.limits import MAX_CASH_CENTS, MAX_COST_CENTS, MAX_SHARES
from db.fires import Candidate, Reach
from quotecache.freshness import Asker, Hit, Quote, newer
from tests.simulation.batches import StoredAccount, StoredOrder, StoredRow, Written
from tests.simulation.world import Broken
from transaction.store import NumberTaken, StoredReply, StoredSession

COMMAND, EXPIRY, FIRE = 1, 3, 4
_PRICED: Final = frozenset(c.CODES[name] for name in (c.QUOTE, c.BUY, c.SELL))
_FIRING: Final = {1: c.CODES[c.SET_BUY_TRIGGER], 2: c.CODES[c.SET_SELL_TRIGGER]}

Key = tuple[int, int]


class Blocked(Exception):
    """Somebody else holds a row that this statement needs; it is to be tried again when a lock is gone."""


class Transaction:
    """An open transaction: the rows it holds, and what it writes when it is committed."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.keys: set[Key] = set()
        self.writes: list[tuple[Written, set[str]]] = []
        self.is_open = True


class Tables:
    """Everything that is durable, and who holds which row."""

    def __init__(self, quote_life_ms: int) -> None:
        self._quote_life_ms = quote_life_ms
        self.sessions: dict[str, int] = {}
        self.highest: dict[int, int] = {}
        self.commands: dict[Key, StoredReply] = {}
        self.audit: list[StoredRow] = []
        """In the order in which they became durable; hits are in `hits`."""
        self.accounts: dict[str, StoredAccount] = {}
        self.quotes: dict[str, Quote] = {}
        self.hits: dict[tuple[str, int, str], Hit] = {}
        self.own_prices: dict[Key, int] = {}
        """Of commands that used their own newest hit: its price."""
        self._hits_of: defaultdict[str, list[Quote]] = defaultdict(list)
        self.row_locks: dict[str, Transaction] = {}
        self.key_locks: dict[Key, Transaction] = {}
        self.changes = 0
        """Grows with each write to a trigger order: stands for the transactions' numbers."""
        self._changed_at: dict[tuple[str, str, int], int] = {}

    # Transaction servers (db/queries/transaction.sql).

    def find_sessions(self, names: Iterable[str]) -> dict[str, StoredSession]:
        """`add_sessions`, then `sessions`."""
        found = {}
        for name in names:
            number = self.sessions.setdefault(name, len(self.sessions) + 1)
            found[name] = StoredSession(number, self.highest.get(number, 0))
        return found

    def replies(self, keys: Iterable[Key]) -> dict[Key, StoredReply]:
        """`stored_replies`."""
        return {key: self.commands[key] for key in keys if key in self.commands}

    def load(self, users: Iterable[str]) -> list[StoredAccount]:
        """`load_accounts`."""
        return [self.accounts[user] for user in users if user in self.accounts]

    def pendings(self) -> list[tuple[str, int]]:
        """`pendings`."""
        found = []
        for user, account in self.accounts.items():
            first = [
                msgspec.json.decode(text)[0][3] for text in (account.buys, account.sells) if text != "[]"
            ]
            if first:
                found.append((user, min(first)))
        return found

    def lock(self, users: Iterable[str], transaction: Transaction) -> None:
        """`lock_accounts`. Raises Blocked, holding nothing."""
        rows = [user for user in users if user in self.accounts]
        self._wait_for(rows, transaction)
        for user in rows:
            self.row_locks[user] = transaction
        transaction.users.update(rows)

    def commit(self, written: Written, strangers: set[str], transaction: Transaction | None) -> set[str]:
        """`commit_batch`: the users in conflict. `strangers`: those of its strangers who had an account when it began.

        Raises NumberTaken, or Blocked. Inside a transaction it is judged now and done when that is committed.
        """
        self._wait_for([account.user for account in written.accounts], transaction)
        conflicts = set(strangers)
        for account in written.accounts:
            stored = self.accounts.get(account.user)
            if stored is not None and stored.version != account.version:
                conflicts.add(account.user)
        keys = [
            (row.session_id, row.number)
            for row in written.rows
            if row.kind == COMMAND and row.user not in conflicts
        ]
        if any(self.key_locks.get(key, transaction) is not transaction for key in keys):
            raise Blocked
        if len(set(keys)) != len(keys) or any(key in self.commands for key in keys):
            raise NumberTaken
        if transaction is None:
            self._write(written, conflicts)
        else:
            transaction.writes.append((written, conflicts))
            for key in keys:
                self.key_locks[key] = transaction
            for account in written.accounts:
                self.row_locks[account.user] = transaction
            transaction.keys.update(keys)
            transaction.users.update(account.user for account in written.accounts)
        return conflicts

    def touch(self, users: Iterable[str]) -> None:
        """Another writer, who changes nothing but the version; it gives up where it would have to wait."""
        for user in users:
            if user in self.accounts and user not in self.row_locks:
                self.accounts[user].version += 1

    def end(self, transaction: Transaction, *, commit: bool) -> None:
        """COMMIT or ROLLBACK: all locks go."""
        if not transaction.is_open:
            return
        transaction.is_open = False
        for written, conflicts in transaction.writes if commit else ():
            self._write(written, conflicts)
        for user in transaction.users:
            self.row_locks.pop(user, None)
        for key in transaction.keys:
            self.key_locks.pop(key, None)

    def _wait_for(self, users: Iterable[str], transaction: Transaction | None) -> None:
        if any(self.row_locks.get(user, transaction) is not transaction for user in users):
            raise Blocked

    def _write(self, written: Written, conflicts: set[str]) -> None:
        rows = [row for row in written.rows if row.user not in conflicts]
        self._hold_to_the_law(rows)
        for new in written.accounts:
            if new.user not in conflicts:
                old = self.accounts.get(new.user)
                new.version += 1
                new.holdings, new.orders = (dict(old.holdings), dict(old.orders)) if old else ({}, {})
                self.accounts[new.user] = new
        for user, symbol, free, reserved, cost in written.holdings:
            if user not in conflicts:
                if min(free, reserved, cost) < 0:
                    raise Broken(f"{user} has {free} and {reserved} shares of {symbol} for {cost}")
                self.accounts[user].holdings[symbol] = (free, reserved, cost)
        for user, symbol, side, order in written.orders:
            if user not in conflicts:
                self._put_order(user, symbol, side, order)
        for account in written.accounts:
            if min(account.cash_cents, account.reserved_cents) < 0:
                raise Broken(
                    f"{account.user} has cash {account.cash_cents}, reserved {account.reserved_cents}"
                )
        for row in rows:
            self.audit.append(row)
            if row.kind == COMMAND:
                self.commands[row.session_id, row.number] = StoredReply(row.body, row.reply)
                self.highest[row.session_id] = max(row.number, self.highest.get(row.session_id, 0))

    def _put_order(self, user: str, symbol: str, side: int, order: StoredOrder | None) -> None:
        orders = self.accounts[user].orders
        if order is None:
            orders.pop((symbol, side), None)
        else:
            orders[symbol, side] = order
            self.changes += 1
            self._changed_at[user, symbol, side] = self.changes

    def _hold_to_the_law(self, rows: Iterable[StoredRow]) -> None:
        """A price that is used is of a hit that is durable by now, and at most a quote's life old at the command's own time."""
        for row in rows:
            if row.kind != COMMAND or row.command not in _PRICED:
                continue
            hits = self._hits_of[row.symbol]
            if row.price_cents is not None:
                hits = [hit for hit in hits if hit.price_cents == row.price_cents]
            else:
                hits = self._own_hits(row)
                if row.error and not hits:
                    continue  # it was refused without a price
            if not hits:
                raise Broken(f"[{row.number}] used a price of {row.symbol} that is not durable")
            age_ms = row.timestamp_ms - max(hit.time_ms for hit in hits)
            if age_ms > self._quote_life_ms and not row.error:
                raise Broken(f"[{row.number}] used a price of {row.symbol} that is {age_ms} ms old")

    def _own_hits(self, row: StoredRow) -> list[Quote]:
        own = (row.user, row.session_id, row.number)
        hits = [hit for hit in self._hits_of[row.symbol] if (hit.user, hit.session_id, hit.number) == own]
        if hits:
            newest = max(hits, key=lambda hit: (hit.time_ms, hit.key))
            self.own_prices[row.session_id, row.number] = newest.price_cents
        return hits

    # Quotes (db/queries/quotes.sql).

    def record(self, hits: Iterable[Hit]) -> None:
        """`record_hits`."""
        for hit in hits:
            quote = hit.quote
            key = (quote.symbol, quote.time_ms, quote.key)
            if key not in self.hits:
                self.hits[key] = hit
                self._hits_of[quote.symbol].append(quote)
            stored = self.quotes.get(quote.symbol)
            if stored is None or newer(quote, stored):
                self.quotes[quote.symbol] = quote

    def newest(self, symbols: Iterable[str], not_before_ms: int) -> list[Quote]:
        """`newest_quotes`."""
        found = (self.quotes.get(symbol) for symbol in symbols)
        return [quote for quote in found if quote and quote.time_ms >= not_before_ms]

    def is_durable(self, quote: Quote) -> bool:
        """Whether the hit of this quote is recorded."""
        return (quote.symbol, quote.time_ms, quote.key) in self.hits

    # Trigger servers (db/queries/fires.sql, migration 0002).

    def _armed(self) -> Iterable[tuple[str, str, int, StoredOrder, int]]:
        for user, account in self.accounts.items():
            for (symbol, side), order in account.orders.items():
                if (reach := order.reach_cents(side)) is not None:
                    yield user, symbol, side, order, reach

    def armed_since(self, marker: int) -> tuple[int, list[Reach]]:
        """`armed_since`: the next marker, and the reaches of what changed since this one."""
        changed = [
            (symbol, side, reach)
            for user, symbol, side, _, reach in self._armed()
            if self._changed_at[user, symbol, side] > marker
        ]
        return self.changes, _reaches(changed, dict.fromkeys(symbol for symbol, _, _ in changed))

    def reaches(self, symbols: list[str]) -> list[Reach]:
        """`reaches`."""
        return _reaches([(symbol, side, reach) for _, symbol, side, _, reach in self._armed()], symbols)

    def longest_armed(self, symbols: list[str]) -> list[Asker]:
        """`longest_armed`."""
        armed: dict[str, list[tuple[int, int, int, str]]] = {}
        for user, symbol, _, order, _ in self._armed():
            assert order.armed_ms is not None
            armed.setdefault(symbol, []).append((order.armed_ms, order.session_id, order.number, user))
        first = [(symbol, min(armed[symbol])) for symbol in symbols if symbol in armed]
        return [Asker(symbol, user, session_id, number) for symbol, (_, session_id, number, user) in first]

    def candidates(self, quotes: list[Quote], now_ms: int, life_ms: int) -> list[Candidate]:
        """`candidates`, sorted as db.fires does."""
        by_symbol = {quote.symbol: quote for quote in quotes}
        found = []
        for user, symbol, side, _, reach in self._armed():
            quote = by_symbol.get(symbol)
            if quote is None or not _reached(side, reach, quote.price_cents):
                continue
            if max(now_ms, self.accounts[user].timestamp_ms) - quote.time_ms <= life_ms:
                found.append((user, symbol, side))
        return [Candidate(user, symbol, side, by_symbol[symbol]) for user, symbol, side in sorted(found)]

    def fire(self, group: list[Candidate], now_ms: int, life_ms: int, *, wait: bool) -> list[str]:
        """`fire_triggers`: the users of the triggers that fired, one for each. Raises Blocked when it is to wait."""
        users = {candidate.user for candidate in group}
        if wait:
            self._wait_for(users, None)
        fired: list[str] = []
        for user in sorted(users):
            if user in self.accounts and user not in self.row_locks:
                own = [candidate for candidate in group if candidate.user == user]
                fired += [user] * self._fire_account(self.accounts[user], own, now_ms, life_ms)
        return fired

    def _fire_account(self, account: StoredAccount, group: list[Candidate], now_ms: int, life_ms: int) -> int:
        timestamp_ms = max(now_ms, account.timestamp_ms)
        ripe = []
        for candidate in group:
            order = account.orders.get((candidate.symbol, candidate.side))
            quote = self.quotes.get(candidate.symbol)
            seen = candidate.quote
            if (
                order is None
                or quote is None
                or (quote.price_cents, quote.time_ms) != (seen.price_cents, seen.time_ms)
            ):
                continue
            reach, price = order.reach_cents(candidate.side), quote.price_cents
            if (
                reach is None
                or not _reached(candidate.side, reach, price)
                or timestamp_ms - quote.time_ms > life_ms
            ):
                continue
            shares = order.amount_cents // price if candidate.side == 1 else order.shares
            added = order.amount_cents % price if candidate.side == 1 else order.shares * price
            if (
                candidate.side == 2
                or account.holdings.get(candidate.symbol, (0, 0, 0))[0] <= MAX_SHARES - shares
            ):
                ripe.append((added, candidate.symbol, candidate.side, shares, price, order))
        cash = account.cash_cents
        count = 0
        for added, symbol, side, shares, price, order in sorted(ripe):
            cash += added
            if cash <= MAX_CASH_CENTS:
                count += 1
                self._fire_one(account, symbol, side, shares, price, added, order, timestamp_ms)
        account.version += count > 0
        return count

    def _fire_one(
        self, account: StoredAccount, symbol: str, side: int, shares: int, price: int, added: int, order: StoredOrder,
        timestamp_ms: int,
    ) -> None:  # fmt: skip
        free, reserved, cost = account.holdings.get(symbol, (0, 0, 0))
        if side == 1:
            account.holdings[symbol] = (free + shares, reserved, min(cost + shares * price, MAX_COST_CENTS))
        else:
            left = cost - cost * shares // (free + reserved)
            account.holdings[symbol] = (free, reserved - shares, left)
        account.cash_cents += added
        account.reserved_cents -= order.amount_cents if side == 1 else 0
        account.timestamp_ms = timestamp_ms
        account.seq += 1
        del account.orders[symbol, side]
        self.audit.append(
            StoredRow(
                timestamp_ms, account.user, account.seq, FIRE, order.session_id, order.number, _FIRING[side], symbol, "",
                None, price, added, 0, "", shares,
            )
        )  # fmt: skip


def _reached(side: int, reach: int, price: int) -> bool:
    return reach >= price if side == 1 else reach <= price


def _reaches(armed: list[tuple[str, int, int]], symbols: Iterable[str]) -> list[Reach]:
    return [
        (
            symbol,
            max((reach for name, side, reach in armed if name == symbol and side == 1), default=None),
            min((reach for name, side, reach in armed if name == symbol and side == 2), default=None),
        )
        for symbol in symbols
    ]
