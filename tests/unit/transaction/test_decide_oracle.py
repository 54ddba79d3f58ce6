"""Random commands, prices, times and repeats through the real batch and through the grader's oracle, which was written from
the contract alone: after every command both have said and done the same.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from core import commands as c
from core import errors
from core.codec import Request
from core.money import format_cents
from grader import oracle
from quotecache.freshness import Quote
from tests.simulation.costs import Costs
from tests.unit.transaction.desk import LIFE_MS, SESSION_ID, START_MS, entry
from transaction.account import BUY_SIDE, SELL_SIDE, Account
from transaction.batch import Batch, Entry
from transaction.decide import KIND_COMMAND, KIND_EXPIRY, AuditRow
from transaction.sessions import Session

USERS = ("ann", "bob")
SYMBOLS = ("A", "BCD")
SIDES = {BUY_SIDE: oracle.BUYING, SELL_SIDE: oracle.SELLING}
AMOUNTS = ("1.00", "2.00", "2.99", "3.00", "5.00", "6.01", "9.00", "20.00")
PRICES = (99, 100, 101, 150, 200, 299, 300)
WRONG = (
    "ADD,ann,-1.00", "ADD,ann,0.00", "ADD,bob,1e3", "BUY,ann,A,100000000000.01", "SELL,ann,A,1.234", "ADD,ann", "ADD",
    "QUOTE,ann,A,1", "BUY,ann,LONG,1.00", "QUOTE,b@d,A", "COMMIT_BUY,", "SET_BUY_TRIGGER,ann,A1,5.00", "DUMPLOG,ann,..",
    "DUMPLOG,b@d,log", "DUMPLOG,", "DISPLAY_SUMMARY,ann,1", "QUOTE,carl,A", "COMMIT_SELL,carl", "DUMPLOG,carl,log",
    "SELL,ann,,1.00",
)  # fmt: skip


def well_formed() -> Iterator[str]:
    """Every command with every value of few: so commands meet each other."""
    for command, kinds in c.ARGUMENTS.items():
        values = {c.USER: USERS, c.SYMBOL: SYMBOLS, c.AMOUNT: AMOUNTS, c.FILENAME: ("log",)}
        yield from (",".join((command, *words)) for words in product(*(values[kind] for kind in kinds)))
    yield "DUMPLOG,./log"


RIGHT = tuple(well_formed())
BY_COMMAND = {name: [line for line in RIGHT if line.partition(",")[0] == name] for name in c.ARGUMENTS}
LINES = st.one_of([st.sampled_from(of_command) for of_command in (*BY_COMMAND.values(), WRONG)])
"""A request's body. Each command is as likely as any other."""


class Comparison(RuleBasedStateMachine):
    """The real accounts and the oracle's, side by side."""

    seen: ClassVar[Counter[str]] = Counter()
    """Outcomes over all runs: what never happened was not tested."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = START_MS
        self.number = 0
        self.session = Session(SESSION_ID, 0)
        self.accounts: dict[str, Account] = {}
        self.oracles: dict[str, oracle.Account] = {}
        self.costs: defaultdict[str, Costs] = defaultdict(Costs)
        self.times: dict[str, int] = {}
        """Timestamp of each user's newest event."""
        self.quotes: dict[str, Quote] = {}

    @initialize(cash=st.sampled_from([100, 5_000]), shares=st.integers(1, 20))
    def begin(self, cash: int, shares: int) -> None:
        for symbol in SYMBOLS:
            self.quotes[symbol] = quote(symbol, 100, self.now_ms)
            amount = format_cents(shares * 100)
            self.send([f"ADD,ann,{amount}", f"BUY,ann,{symbol},{amount}", "COMMIT_BUY,ann"], repeats=[])
        self.send([f"ADD,ann,{format_cents(cash)}"], repeats=[])

    @rule(ms=st.sampled_from([1, 1000, 29_999, 30_000, 60_000, 60_001]))
    def wait(self, ms: int) -> None:
        self.now_ms += ms

    @rule(ms=st.sampled_from([1, 500, 70_000]))
    def step_back(self, ms: int) -> None:
        self.now_ms -= ms

    @rule(
        side=st.sampled_from(["BUY", "SELL"]),
        ending=st.sampled_from(["COMMIT", "CANCEL"]),
        ms=st.sampled_from([60_000, 60_001]),
    )
    def be_late(self, side: str, ending: str, ms: int) -> None:
        self.quotes["A"] = quote("A", 100, self.now_ms)
        self.send([f"{side},ann,A,2.00"], repeats=[])
        self.now_ms = self.times["ann"] + ms
        self.send([f"{ending}_{side},ann"], repeats=[0])

    @rule(symbol=st.sampled_from(SYMBOLS), price=st.sampled_from(PRICES))
    def requote(self, symbol: str, price: int) -> None:
        self.quotes[symbol] = quote(symbol, price, self.now_ms)

    @rule(asked=st.lists(LINES, min_size=1, max_size=30), repeats=st.lists(st.integers(0, 29), max_size=2))
    def send(self, asked: list[str], repeats: list[int]) -> None:
        batch = Batch(Accounts(self.accounts), self.quote_of, self.now_ms)
        entries = [entry(line, self.number + index, self.session) for index, line in enumerate(asked, 1)]
        self.number += len(asked)
        for one in entries:
            self.decide(batch, one)
        for index in repeats:
            if index < len(entries):
                self.repeat(batch, entries[index], asked[index])
        assert len([row for row, _, _ in batch.rows if row.kind == KIND_COMMAND]) == len(asked)
        batch.settle()

    def decide(self, batch: Batch, one: Entry) -> None:
        asked = one.request
        assert asked is not None
        rows = len(batch.rows)
        priced = (symbol := batch.decide(one)) is None
        if symbol is not None:
            one.unpriced = True
            assert batch.decide(one) is None
        done = [row for row, _, _ in batch.rows[rows:]]
        time_ms = max(self.now_ms, self.times.get(one.user, 0))
        self.times[one.user] = time_ms
        theirs = self.oracles.setdefault(one.user, oracle.Account())
        self.compare_expiries(theirs, done[:-1], time_ms)
        quoted = self.quote_of(asked.symbol, time_ms) if priced else None
        outcome = oracle.apply(theirs, as_command(asked, time_ms), quoted.price_cents if quoted else None)
        self.compare_outcome(one, done[-1], outcome, time_ms, quoted)
        self.settle(one.user, asked.command, outcome.taken)
        compare_accounts(self.accounts[one.user], theirs, self.costs[one.user])

    def settle(self, user: str, command: str, taken: oracle.Pending | None) -> None:
        """What a COMMIT did to the cost of the user's holding."""
        if taken is not None and command == c.COMMIT_BUY:
            self.costs[user].buy(taken.symbol, taken.shares, taken.price_cents)
        elif taken is not None and command == c.COMMIT_SELL:
            self.costs[user].sell(taken.symbol, taken.shares)
            self.seen["sold a part"] += taken.symbol in self.costs[user].cents

    def compare_expiries(self, theirs: oracle.Account, rows: list[AuditRow], time_ms: int) -> None:
        wanted = []
        for side, pending in oracle.due(theirs, time_ms):
            moves = oracle.expire(theirs, side, pending)
            command = c.CANCEL_BUY if side == oracle.BUYING else c.CANCEL_SELL
            wanted.append((c.CODES[command], pending.symbol, pending.number, pending.shares, moves))
        assert [(row.command, row.symbol, row.number, row.shares, moves_of(row)) for row in rows] == wanted
        assert all((row.kind, row.timestamp_ms) == (KIND_EXPIRY, time_ms) for row in rows)
        self.seen["expiry"] += len(rows)

    def compare_outcome(
        self, one: Entry, row: AuditRow, outcome: oracle.Outcome, time_ms: int, quoted: Quote | None
    ) -> None:
        word, body = one.reply.split(" ", 1)
        reply = json.loads(body)
        code = reply["code"] if word == "ERR" else None
        assert code == outcome.code, one.reply
        assert row.error.partition(":")[0] == (outcome.code or "")
        assert moves_of(row) == outcome.moves
        assert row.timestamp_ms == time_ms
        assert row.price_cents == (quoted.price_cents if quoted and outcome.priced else None)
        assert (row.seq, row.shares) == (self.accounts[one.user].seq, 0)
        self.seen[code or "OK"] += 1

    def repeat(self, batch: Batch, first: Entry, line: str) -> None:
        """The same number again: with the same body nothing happens, with another it is refused."""
        assert first.request is not None
        rows, before = len(batch.rows), first.reply
        again, other = (entry(text, first.request.number, self.session) for text in (line, line + ",1"))
        assert batch.decide(again) is None
        assert batch.decide(other) is None
        if first.request.command in c.REPEATABLE and before.startswith("OK"):
            assert again.reply.startswith("OK")
        else:
            assert again.reply == before
        assert errors.REUSED_NUMBER in other.reply
        assert len(batch.rows) == rows
        compare_accounts(self.accounts[first.user], self.oracles[first.user], self.costs[first.user])
        self.seen["repeat"] += 1

    def quote_of(self, symbol: str, now_ms: int) -> Quote | None:
        found = self.quotes.get(symbol)
        return found if found and now_ms - found.time_ms <= LIFE_MS else None


class Accounts(dict[str, Account]):
    """Accounts that are there as soon as somebody asks for them, as a worker loads them."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        super().__init__(accounts)
        self._accounts = accounts

    def __missing__(self, user: str) -> Account:
        return self._accounts.setdefault(user, Account(user))

    def __iter__(self) -> Iterator[str]:
        return iter(self._accounts)


def quote(symbol: str, price: int, time_ms: int) -> Quote:
    """A quote that somebody else paid for."""
    return Quote(symbol, price, "else", time_ms, "key", 99, 1)


def as_command(asked: Request, time_ms: int) -> oracle.Command:
    """The user as it stands in the line, since the oracle judges that too."""
    count_ok = not asked.refusal.startswith(errors.BAD_REQUEST)
    _, *words = asked.body.split(",")
    user = (words[0] or "?") if len(words) == len(c.ARGUMENTS[asked.command]) else asked.user
    return oracle.Command(
        asked.command, asked.number, time_ms, user, asked.symbol, asked.cents, asked.filename, count_ok
    )


def moves_of(row: AuditRow) -> oracle.Moves:
    """What the audit log will show: what came, then what left."""
    added = (("add", row.added_cents),) if row.added_cents else ()
    return added + ((("remove", row.removed_cents),) if row.removed_cents else ())


def compare_accounts(ours: Account, theirs: oracle.Account, costs: Costs) -> None:
    """Everything a user has is the same, and what is reserved is held."""
    ours.check()
    assert ours.exists == theirs.known
    assert (ours.cash_cents, ours.reserved_cents) == (theirs.cash, theirs.reserved_cash)
    shares = {symbol: held for symbol, one in ours.holdings.items() if any(held := (one.free, one.reserved))}
    symbols = theirs.shares.keys() | theirs.reserved.keys()
    wanted = {symbol: (theirs.shares.get(symbol, 0), theirs.reserved.get(symbol, 0)) for symbol in symbols}
    assert shares == {symbol: held for symbol, held in wanted.items() if any(held)}
    assert {symbol: one.cost_cents for symbol, one in ours.holdings.items() if one.cost_cents} == costs.cents
    for side, pendings in ((oracle.BUYING, ours.buys.items), (oracle.SELLING, ours.sells.items)):
        mine = [(one.symbol, one.shares, one.price_cents, one.timestamp_ms, one.number) for one in pendings]
        assert mine == [
            (p.symbol, p.shares, p.price_cents, p.time_ms, p.number) for p in theirs.pendings[side]
        ]
    orders = {(symbol, SIDES[side]): trigger(order) for (symbol, side), order in ours.triggers.items()}
    assert orders == {
        (symbol, side): trigger(order) for side in (0, 1) for symbol, order in theirs.orders[side].items()
    }


def trigger(order: Any) -> tuple[int, int | None, int, int | None]:
    """Amount, price, reserved shares, and who armed it."""
    armed_by = order.number if order.price_cents is not None else None
    return order.amount_cents, order.price_cents, order.shares, armed_by


WANTED = {
    "OK", "expiry", "repeat", "BAD_REQUEST", "BAD_USER", "BAD_SYMBOL", "BAD_AMOUNT", "BAD_FILENAME", "UNKNOWN_USER",
    "INSUFFICIENT_FUNDS", "INSUFFICIENT_SHARES", "TOO_SMALL", "NOTHING_PENDING", "EXPIRED", "NO_AMOUNT_SET", "NOT_SET",
    "QUOTE_UNAVAILABLE", "sold a part",
}  # fmt: skip


def test_the_oracle_agrees() -> None:
    """Goes on until everything has happened that is to be compared."""
    Comparison.seen.clear()
    for _ in range(6):
        run_state_machine_as_test(
            Comparison,
            settings=settings(
                max_examples=200, stateful_step_count=30, deadline=None, print_blob=True,
                suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
        if (+Comparison.seen).keys() >= WANTED:
            break
    assert (+Comparison.seen).keys() >= WANTED
    assert Comparison.seen["OK"] > 1000
