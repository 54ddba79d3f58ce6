"""The planted bugs: single lines of the pure modules as a tired engineer might have written them. The tests must find each.

A line that is changed for good reasons is changed here too; one that no test misses asks for a test, not for leaving it out.
"""

from typing import Final

from tests.mutation.forge import Bug
from tests.mutation.web_bugs import WEB


def _unit(package: str, *files: str) -> tuple[str, ...]:
    return tuple(f"tests/unit/{package}/test_{file}.py" for file in files)


_MONEY: Final = _unit("core", "money")
_IDS: Final = _unit("core", "ids")
_FRAMING: Final = _unit("core", "framing")
_DECIDE: Final = _unit("transaction", "decide")
_RULES: Final = _unit("transaction", "rules")
_COSTS: Final = _unit("transaction", "account_costs")
_BATCH: Final = _unit("transaction", "batch")
_BALANCE: Final = _unit("loadbalancer", "balance", "balance_random")
_DESK: Final = _unit("webserver", "desk")
_VALIDATE: Final = _unit("webserver", "validate")
_PLAN: Final = _unit("workload", "plan")

_CORE: Final = (
    Bug(
        "an amount of nothing is an amount", "core.money",
        "return 0 < cents <= MAX_AMOUNT_CENTS",
        "return 0 <= cents <= MAX_AMOUNT_CENTS",
        _MONEY,
    ),
    Bug(
        "cents under ten lose their zero", "core.money",
        '_HUNDREDTHS: Final = tuple([f"{cents:02d}" for cents in range(100)])',
        '_HUNDREDTHS: Final = tuple([f"{cents}" for cents in range(100)])',
        _MONEY,
    ),
    Bug(
        "a symbol may end in a line feed", "core.ids",
        r'_SYMBOL = re.compile(r"[A-Za-z]{1,3}\Z")',
        r'_SYMBOL = re.compile(r"[A-Za-z]{1,3}$")',
        _IDS,
    ),
    Bug(
        "the largest number is out of range", "core.framing",
        "return (number if 1 <= number <= MAX_NUMBER else 0), body",
        "return (number if 1 <= number < MAX_NUMBER else 0), body",
        _FRAMING,
    ),
    Bug(
        "a frame that ends with the chunk waits for the next", "core.framing",
        "if end > size:",
        "if end >= size:",
        _FRAMING,
    ),
    Bug(
        "the commands' stored codes move by one", "core.commands",
        "{name: code for code, name in enumerate(ARGUMENTS, start=1)}",
        "{name: code for code, name in enumerate(ARGUMENTS, start=0)}",
        _unit("core", "commands"),
    ),
)  # fmt: skip

_TRANSACTION: Final = (
    Bug(
        "a pending lives one millisecond less than 60 s", "transaction.pendings",
        "while count < len(items) and items[count].timestamp_ms < oldest_ms:",
        "while count < len(items) and items[count].timestamp_ms <= oldest_ms:",
        _DECIDE,
    ),
    Bug(
        "an expired buy keeps the money", "transaction.decide",
        "account.move_cash(pending.value_cents, -pending.value_cents)",
        "account.move_cash(0, -pending.value_cents)",
        _DECIDE,
    ),
    Bug(
        "a buy for all the cash looks at no price", "transaction.decide",
        "return account.exists and account.cash_cents >= (request.cents or 0)",
        "return account.exists and account.cash_cents > (request.cents or 0)",
        _DECIDE,
    ),
    Bug(
        "a dump of everything asks for an account", "transaction.decide",
        "if not account.exists and request.command not in FOR_STRANGERS and request.user:",
        "if not account.exists and request.command not in FOR_STRANGERS:",
        _RULES,
    ),
    Bug(
        "a hit of one's own is logged as a use of the cache too", "transaction.decide",
        "price.cents if price and not price.own_hit else None,",
        "price.cents if price else None,",
        _RULES,
    ),
    Bug(
        "after an expiry a COMMIT says that nothing was pending", "transaction.pendings",
        "self.expired = True",
        "self.expired = False",
        _DECIDE,
    ),
    Bug(
        "a buy is rounded up to a whole share", "transaction.rules",
        "shares = amount // price.cents",
        "shares = -(-amount // price.cents)",
        _RULES,
    ),
    Bug(
        "COMMIT takes the oldest pending", "transaction.pendings",
        "return self.items[-1] if self.items else None",
        "return self.items[0] if self.items else None",
        _RULES,
    ),
    Bug(
        "a cancelled buy stays reserved", "transaction.rules",
        "account.move_cash(pending.value_cents, -pending.value_cents)",
        "account.move_cash(pending.value_cents, 0)",
        _RULES,
    ),
    Bug(
        "a new trigger amount may not spend the old reserve", "transaction.rules",
        "if account.cash_cents + returned < amount:",
        "if account.cash_cents < amount:",
        _RULES,
    ),
    Bug(
        "the last share cannot be sold", "transaction.rules",
        "if shares > free:",
        "if shares >= free:",
        _RULES,
    ),
    Bug(
        "a sell trigger that is set again reserves twice", "transaction.rules",
        "account.move_shares(symbol, old.shares - shares, shares - old.shares)",
        "account.move_shares(symbol, -shares, shares)",
        _RULES,
    ),
    Bug(
        "the reserve may push the cash over what a column holds", "transaction.rules",
        "return account.cash_cents + account.reserved_cents + cents <= MAX_CASH_CENTS",
        "return account.cash_cents + cents <= MAX_CASH_CENTS",
        _DECIDE,
    ),
    Bug(
        "nobody looks after a sell that expires while a buy is pending", "transaction.account",
        "return bool(buys and buys[0].timestamp_ms < time_ms) or bool(",
        "return bool(buys and buys[0].timestamp_ms < time_ms) or not buys and bool(",
        _unit("transaction", "batch_edges"),
    ),
    Bug(
        "a summary shows a trigger that is gone", "transaction.account",
        "self.shown.triggers.stale.add(key)",
        "self.shown.triggers.stale.discard(key)",
        _unit("transaction", "summary"),
    ),
    Bug(
        "a sale takes a cent too much of the cost", "transaction.account",
        "holding.cost_cents -= holding.cost_cents * shares // (holding.free + holding.reserved)",
        "holding.cost_cents -= -(-holding.cost_cents * shares // (holding.free + holding.reserved))",
        _COSTS,
    ),
    Bug(
        "shares that are not reserved have no part of the cost", "transaction.account",
        "holding.cost_cents -= holding.cost_cents * shares // (holding.free + holding.reserved)",
        "holding.cost_cents -= holding.cost_cents * shares // holding.reserved",
        _COSTS,
    ),
    Bug(
        "what is bought costs what was bought last", "transaction.account",
        "holding.cost_cents = min(holding.cost_cents + cents, MAX_COST_CENTS)",
        "holding.cost_cents = min(cents, MAX_COST_CENTS)",
        _COSTS,
    ),
    Bug(
        "what was paid for shares is lost", "transaction.rules",
        "account.buy_shares(pending.symbol, pending.shares, pending.value_cents)",
        "account.move_shares(pending.symbol, pending.shares, 0)",
        _COSTS,
    ),
    Bug(
        "an expiry tells no shares", "transaction.decide",
        "shares=pending.shares,",
        "shares=0,",
        _DECIDE,
    ),
    Bug(
        "the history holds one command less", "transaction.account",
        "if len(recent) > HISTORY_LENGTH:",
        "if len(recent) >= HISTORY_LENGTH:",
        _unit("transaction", "account"),
    ),
    Bug(
        "outcomes of different commands are counted together", "transaction.account",
        "_COUNT_STRIDE: Final = 32",
        "_COUNT_STRIDE: Final = 16",
        _unit("transaction", "account"),
    ),
    Bug(
        "the version of a written account stays", "transaction.batch",
        "account.version += 1",
        "account.version += 0",
        _BATCH,
    ),
    Bug(
        "a refused DISPLAY_SUMMARY is not final", "transaction.batch",
        "again = request.command in c.REPEATABLE and not outcome.audit.error",
        "again = request.command in c.REPEATABLE",
        _BATCH,
    ),
    Bug(
        "a number that comes twice in a batch is answered whatever it asks", "transaction.batch",
        "if first.request.body != entry.request.body:",
        "if first.request.user != entry.request.user:",
        _BATCH,
    ),
    Bug(
        "time runs backwards with the clock", "transaction.batch",
        "now_ms = max(self._now_ms, account.timestamp_ms)",
        "now_ms = self._now_ms",
        _BATCH,
    ),
    Bug(
        "which side expired is stored the wrong way round", "transaction.columns",
        "[account.buys.expired + 2 * account.sells.expired for account in changed]",
        "[2 * account.buys.expired + account.sells.expired for account in changed]",
        _unit("transaction", "columns"),
    ),
    Bug(
        "who waited leaves the parking backwards", "transaction.parking",
        "return list(queue)",
        "return list(reversed(queue))",
        _unit("transaction", "parking"),
    ),
    Bug(
        "the newest number in the database counts as unseen", "transaction.sessions",
        "if number <= self.floor:",
        "if number < self.floor:",
        _unit("transaction", "sessions"),
    ),
    Bug(
        "numbers that are forgotten count as unseen", "transaction.sessions",
        "self.floor = self._highest_in(middle)",
        "self.floor = middle << _WORD_SHIFT",
        _unit("transaction", "sessions"),
    ),
    Bug(
        "the summary shows the oldest pendings", "transaction.pendings",
        'return ",".join(map(word, reversed(items[-MAX_PENDINGS_SHOWN:])))',
        'return ",".join(map(word, reversed(items[:MAX_PENDINGS_SHOWN])))',
        _unit("transaction", "pendings"),
    ),
    Bug(
        "the summary goes on showing what expired", "transaction.pendings",
        "del items[:count], self._texts[:count]",
        "del items[:count]",
        _unit("transaction", "pendings"),
    ),
    Bug(
        "a stock that is sold out leaves its place to nobody", "transaction.listing",
        "del keys[place]",
        "pass",
        _unit("transaction", "listing"),
    ),
)  # fmt: skip

_ON_THE_WAY: Final = (
    Bug(
        "the highest number is found as text", "loadbalancer.balance",
        "if number > highest:",
        "if str(number) > str(highest):",
        _BALANCE,
    ),
    Bug(
        "lines overtake those that are held back", "loadbalancer.balance",
        "if number in lane or (holds and user_of(field) in holds):",
        "if number in lane:",
        _BALANCE,
    ),
    Bug(
        "what a dead server may have done is sent as new", "loadbalancer.balance",
        "([line for number, line in lines if number not in unsent], LINK_RESENT),",
        "([line for number, line in lines if number not in unsent], LINK_LINES),",
        _BALANCE,
    ),
    Bug(
        "the connection closes on replies that were not taken", "loadbalancer.client",
        "return self.finished and not self.backlog and not self.waiting_bytes and not self.output.size",
        "return self.finished and not self.backlog and not self.waiting_bytes",
        _unit("loadbalancer", "client", "balance"),
    ),
    Bug(
        "a late answer lowers the highest number", "loadbalancer.session",
        "session.highest = max(session.highest, highest)",
        "session.highest = highest",
        _unit("loadbalancer", "session", "balance"),
    ),
    Bug(
        "a trailing blank sends a user elsewhere", "loadbalancer.route",
        'user = field.rstrip(b" \\t\\r")',
        "user = field",
        _unit("loadbalancer", "route"),
    ),
    Bug(
        "the shards' highest number is the lowest", "webserver.desk",
        'self._tell(question, LINK_HIGHEST, b"%d" % max(question.answers.values()))',
        'self._tell(question, LINK_HIGHEST, b"%d" % min(question.answers.values()))',
        _DESK,
    ),
    Bug(
        "what another web server may have sent is answered BUSY", "webserver.desk",
        "self._flush(None)",
        "self._flush(now_ms)",
        _DESK,
    ),
    Bug(
        "a known user's negative amount is let through", "webserver.validate",
        "return cents if cents is not None and is_amount(cents) else 0",
        "return cents if cents is not None else 0",
        _VALIDATE,
    ),
    Bug(
        "a dump of everything needs a user", "webserver.validate",
        "if command == DUMPLOG and len(words) == 1:",
        "if command == DUMPLOG and len(words) == 2:",
        _VALIDATE,
    ),
    Bug(
        "BUSY overtakes an earlier request of the user", "webserver.pending",
        "kept = {request.user for request in self.sent.values()}",
        "kept: set[str] = set()",
        _unit("webserver", "pending"),
    ),
    Bug(
        "what follows a full dump goes out with it", "workload.layout",
        "if not numbers.add(number) or barrier_before or user is None:",
        "if not numbers.add(number) or user is None:",
        _unit("workload", "layout"),
    ),
    Bug(
        "new lines overtake one that was BUSY", "workload.plan",
        "if end <= start or queue.again:",
        "if end <= start:",
        _PLAN,
    ),
    Bug(
        "the median is one rank too high", "workload.measure",
        "return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]",
        "return ordered[min(len(ordered) - 1, -(-len(ordered) * percent // 100))]",
        _unit("workload", "measure"),
    ),
    Bug(
        "a trigger does not fire at its very price", "trigger.rules",
        "return (buy is not None and price_cents <= buy) or (sell is not None and price_cents >= sell)",
        "return (buy is not None and price_cents < buy) or (sell is not None and price_cents > sell)",
        _unit("trigger", "rules"),
    ),
    Bug(
        "a quote of exactly 60 s is too old", "quotecache.freshness",
        "return now_ms - quote.time_ms <= life_ms",
        "return now_ms - quote.time_ms < life_ms",
        _unit("quotecache", "freshness"),
    ),
    Bug(
        "another user's quote is taken for one's own hit", "quotecache.protocol",
        "if cents is None or cents <= 0 or its_symbol != symbol or its_user != user:",
        "if cents is None or cents <= 0 or its_symbol != symbol:",
        _unit("quotecache", "protocol"),
    ),
    Bug(
        "a want expires while its hit is being paid for", "quotecache.wanted",
        "if want.ask_ms is not None and want.deadline_ms <= now_ms",
        "if want.deadline_ms <= now_ms",
        _unit("quotecache", "wanted"),
    ),
)  # fmt: skip

BUGS: Final = (*_CORE, *_TRANSACTION, *_ON_THE_WAY, *WEB)
