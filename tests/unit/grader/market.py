"""A small forward simulator: random workloads through the oracle, a fake quote server, fires and expiries, as a log.

It knows how a right log looks, and with `bugs` how the log of a wrong system would. Its time is its own.
"""

import random
from dataclasses import dataclass, field, replace
from html import escape

from core.money import format_cents, parse_decimal
from grader import oracle
from grader.lines import Line, parse_line
from grader.oracle import BUYING, SELLING, Account, Command, Moves, Outcome

START_MS = 1_795_000_000_000
POLL_MS = 250
SYMBOLS = ("ABC", "S", "XY", "QQQ", "TRI")
NO_TRIGGER_SERVER = "no trigger server"
COMMIT_OLDEST = "commits take the oldest pending"
KEEP_EXPIRED = "nothing expires"
EXPIRE_EARLY = "pendings expire after half their life"
OLD_QUOTES = "quotes are used for ten minutes"
CACHE_AS_HIT = "a cached quote is logged as a hit"

Fields = dict[str, str]


@dataclass
class Record:
    """A command, hit, expiry or fire with its events, as they stand together in a log."""

    kind: str
    time_ms: int
    user: str
    number: int
    sequence: int
    events: list[tuple[str, Fields]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return any(kind == name for kind, _ in self.events)

    def all(self, name: str) -> list[Fields]:
        return [fields for kind, fields in self.events if kind == name]

    @property
    def head(self) -> Fields:
        return self.events[0][1]

    @property
    def command(self) -> str:
        return self.head.get("command", "")


@dataclass
class Quote:
    symbol: str
    cents: int
    time_ms: int
    user: str
    number: int
    key: str
    line: Line | None
    """The command that waited for it; None for a trigger's."""


def render(records: list[Record]) -> bytes:
    """The log, a line an event, in the order of a dump: time, user, the account's sequence."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<log>"]
    for record in sorted(records, key=lambda one: (one.time_ms, one.user, one.sequence)):
        for kind, fields in record.events:
            values = {"timestamp": str(record.time_ms)} | fields
            body = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in values.items())
            lines.append(f"<{kind}>{body}</{kind}>")
    return "\n".join([*lines, "</log>", ""]).encode()


class Market:
    """Runs `commands` random commands of `users` users. `records` and `lines` are what came of it."""

    def __init__(
        self, seed: int, users: int = 3, commands: int = 200, bugs: frozenset[str] = frozenset()
    ) -> None:
        self.random = random.Random(seed)
        self.bugs = bugs
        self.now_ms = START_MS
        self.records: list[Record] = []
        self.accounts: dict[str, Account] = {}
        self.users = [f"user{index}" for index in range(users)]
        self.lines = self._workload(commands)
        self._armed: dict[tuple[str, int, str], int] = {}
        self._quotes: dict[str, Quote] = {}
        self._prices = {symbol: self.random.randrange(1_000, 9_000) for symbol in SYMBOLS}
        self._sequence = 0
        self._next_poll_ms = START_MS + POLL_MS
        self._quote_life_ms = 600_000 if OLD_QUOTES in bugs else 60_000
        self._pending_life_ms = 30_000 if EXPIRE_EARLY in bugs else 60_000
        parsed = [parse_line(line, place) for place, line in enumerate(self.lines, start=1)]
        for place, line in enumerate(parsed):
            if line is not None and not (line.command == "DUMPLOG" and not line.user):
                self._advance(self._pause_ms())
                self._maybe_ahead(parsed[place + 1 : place + 6])
                self._run(line)
        self._advance(15_000)

    def xml(self) -> bytes:
        return render(self.records)

    def workload(self) -> str:
        return "\n".join([*self.lines, ""])

    # The workload.

    def _workload(self, commands: int) -> list[str]:
        rng = self.random
        lines = [
            f"[{number}] ADD,{user},{rng.randrange(2_000, 9_000)}.00"
            for number, user in enumerate(self.users, 1)
        ]
        while len(lines) < commands:
            lines.append(f"[{len(lines) + 1}] {self._request()}")
        return [*lines, f"[{len(lines) + 1}] DUMPLOG,./testLOG"]

    def _request(self) -> str:
        rng = self.random
        user, symbol = rng.choice(self.users), rng.choice(SYMBOLS)
        amount = f"{rng.randrange(1, 700)}.{rng.randrange(100):02d}"
        if rng.random() < 0.06:
            return rng.choice(
                (
                    f"ADD,{user},-5.00", f"BUY,{user},{symbol},1.234", f"QUOTE,{user},TOOLONG", f"COMMIT_BUY,{user},x",
                    f"SELL,nobody,{symbol},5.00", f"ADD,{user},0", f"BUY,{user}", f"ADD,bad user!,{amount}",
                    f"QUOTE,stranger,{symbol}", f"DUMPLOG,{user},..", f"DUMPLOG,{user},./{user}.xml", f"BUY,{user},{symbol},0.01",
                    f"SELL,{user},{symbol},0.01", f"BUY,{user},{symbol},99999.00", f"SELL,{user},{symbol},99999.00",
                )
            )  # fmt: skip
        commands = {
            f"ADD,{user},{amount}": 4, f"QUOTE,{user},{symbol}": 6, f"BUY,{user},{symbol},{amount}": 22,
            f"COMMIT_BUY,{user}": 14, f"CANCEL_BUY,{user}": 4, f"SELL,{user},{symbol},{amount}": 12,
            f"COMMIT_SELL,{user}": 8, f"CANCEL_SELL,{user}": 3, f"SET_BUY_AMOUNT,{user},{symbol},{amount}": 6,
            f"SET_BUY_TRIGGER,{user},{symbol},{rng.randrange(10, 70)}.50": 6, f"CANCEL_SET_BUY,{user},{symbol}": 2,
            f"SET_SELL_AMOUNT,{user},{symbol},{amount}": 7, f"SET_SELL_TRIGGER,{user},{symbol},{rng.randrange(10, 70)}.50": 7,
            f"CANCEL_SET_SELL,{user},{symbol}": 2, f"DISPLAY_SUMMARY,{user}": 3,
        }  # fmt: skip
        return rng.choices(list(commands), weights=list(commands.values()))[0]

    def _pause_ms(self) -> int:
        return self.random.choices((0, 3, 40, 900, 8_000, 59_990, 60_400), weights=(20, 30, 30, 14, 4, 1, 1))[
            0
        ]

    # What happens by itself.

    def _advance(self, by_ms: int) -> None:
        until_ms = self.now_ms + by_ms
        while self._next_poll_ms <= until_ms:
            self.now_ms = self._next_poll_ms
            self._next_poll_ms += POLL_MS
            for user in self.accounts:
                self._expire(user)
            if NO_TRIGGER_SERVER not in self.bugs:
                self._poll_triggers()
        self.now_ms = until_ms

    def _expire(self, user: str) -> None:
        if KEEP_EXPIRED in self.bugs:
            return
        account = self.accounts[user]
        for side, pending in oracle.due(account, self.now_ms, self._pending_life_ms):
            name = ("CANCEL_BUY", "CANCEL_SELL")[side]
            record = self._record("expiry", user, pending.number)
            record.events.append(self._event("systemEvent", record, command=name, stockSymbol=pending.symbol))
            self._add_moves(record, oracle.expire(account, side, pending))

    def _poll_triggers(self) -> None:
        for symbol in sorted({symbol for _, _, symbol in self._armed}):
            if self._cached(symbol) is None:
                waiting = min((since, key) for key, since in self._armed.items() if key[2] == symbol)
                user, side, _ = waiting[1]
                self._hit(symbol, user, self.accounts[user].orders[side][symbol].number)
            quote = self._cached(symbol)
            assert quote is not None
            for user, side, armed_symbol in sorted(self._armed):
                order = self.accounts[user].orders[side].get(symbol) if armed_symbol == symbol else None
                if order is not None and order.fires_at(side, quote.cents):
                    self._fire(user, side, symbol, order.number, quote.cents)

    def _fire(self, user: str, side: int, symbol: str, number: int, cents: int) -> None:
        name = ("SET_BUY_TRIGGER", "SET_SELL_TRIGGER")[side]
        record = self._record("fire", user, number)
        event = self._event(
            "systemEvent", record, command=name, stockSymbol=symbol, funds=format_cents(cents)
        )
        record.events.append(event)
        self._add_moves(record, oracle.fire(self.accounts[user], side, symbol, cents))
        del self._armed[user, side, symbol]

    # Quotes.

    def _cached(self, symbol: str) -> Quote | None:
        quote = self._quotes.get(symbol)
        return quote if quote and self.now_ms - quote.time_ms <= self._quote_life_ms else None

    def _hit(self, symbol: str, user: str, number: int, line: Line | None = None) -> Quote:
        rng = self.random
        self._prices[symbol] = max(100, int(self._prices[symbol] * rng.uniform(0.6, 1.7)) % 12_000)
        key = f"{rng.getrandbits(256):064x}="
        quote = Quote(symbol, self._prices[symbol], self.now_ms - rng.randrange(3), user, number, key, line)
        self._quotes[symbol] = quote
        self._log_hit(quote, user, number)
        return quote

    def _log_hit(self, quote: Quote, user: str, number: int) -> None:
        record = Record("hit", self.now_ms, user, number, 0)
        self.records.append(record)
        values = {
            "price": format_cents(quote.cents), "stockSymbol": quote.symbol, "username": user,
            "quoteServerTime": str(quote.time_ms), "cryptokey": quote.key,
        }  # fmt: skip
        record.events.append(("quoteServer", {"server": "quotes", "transactionNum": str(number)} | values))

    def _maybe_ahead(self, later: list[Line | None]) -> None:
        if self.random.random() < 0.1:
            for line in later:
                if (
                    line is not None
                    and line.command in oracle.PRICED
                    and line.symbol
                    and line.user in self.accounts
                ):
                    if self._cached(line.symbol) is None:
                        self._hit(line.symbol, line.user, line.number, line)
                    return

    # Commands.

    def _run(self, line: Line) -> None:
        account = self.accounts.get(line.user) or Account()
        if line.user in self.accounts:
            self._expire(line.user)
        command = Command(
            line.command,
            line.number,
            self.now_ms,
            line.user,
            line.symbol,
            line.cents,
            line.filename,
            line.count_ok,
        )
        self._maybe_take_oldest(account, command)
        quote = None
        outcome = oracle.apply(account, command)
        if outcome.priced:
            quote = self._cached(line.symbol)
            if quote is None:
                quote = self._hit(line.symbol, line.user, line.number, line)
            elif CACHE_AS_HIT in self.bugs and quote.line is not line:
                self._log_hit(quote, line.user, line.number)
                quote = replace(quote, user=line.user, number=line.number, line=line)
            outcome = oracle.apply(account, command, quote.cents)
        if account.known:
            self.accounts[line.user] = account
        self._log_command(line, outcome, quote)
        self._note_trigger(line, account)

    def _maybe_take_oldest(self, account: Account, command: Command) -> None:
        for side, name in ((BUYING, "COMMIT_BUY"), (SELLING, "COMMIT_SELL")):
            pendings = account.pendings[side]
            if command.name == name and COMMIT_OLDEST in self.bugs and command.count_ok and pendings:
                pendings.append(pendings.pop(0))

    def _log_command(self, line: Line, outcome: Outcome, quote: Quote | None) -> None:
        record = self._record("command", line.user, line.number)
        arguments: Fields = {}
        if line.symbol:
            arguments["stockSymbol"] = line.symbol
        if line.filename:
            arguments["filename"] = line.filename
        if line.cents is not None:
            arguments["funds"] = format_cents(line.cents)
        record.events.append(self._event("userCommand", record, command=line.command, **arguments))
        if quote is not None and quote.line is not line:
            price = {"stockSymbol": line.symbol, "funds": format_cents(quote.cents)}
            record.events.append(self._event("systemEvent", record, command=line.command, **price))
        self._add_moves(record, outcome.moves)
        if outcome.code is not None:
            message = f"{outcome.code}: refused"
            error = self._event("errorEvent", record, command=line.command, **arguments, errorMessage=message)
            record.events.append(error)

    def _note_trigger(self, line: Line, account: Account) -> None:
        for side in (BUYING, SELLING):
            key = (line.user, side, line.symbol)
            order = account.orders[side].get(line.symbol)
            if order is None or order.price_cents is None:
                self._armed.pop(key, None)
            elif key not in self._armed or order.number == line.number:
                self._armed[key] = self.now_ms

    # Events.

    def _record(self, kind: str, user: str, number: int) -> Record:
        self._sequence += 1
        record = Record(kind, self.now_ms, user, number, self._sequence)
        self.records.append(record)
        return record

    def _event(self, kind: str, record: Record, command: str = "", **values: str) -> tuple[str, Fields]:
        fields = {"server": "sim", "transactionNum": str(record.number)}
        if command:
            fields["command"] = command
        if record.user:
            fields["username"] = record.user
        return kind, fields | values

    def _add_moves(self, record: Record, moves: Moves) -> None:
        for action, cents in moves:
            event = self._event("accountTransaction", record, action=action, funds=format_cents(cents))
            record.events.append(event)


def cents_of(fields: Fields) -> int:
    """funds or price of an event."""
    cents = parse_decimal(fields.get("funds") or fields["price"])
    assert cents is not None
    return cents
