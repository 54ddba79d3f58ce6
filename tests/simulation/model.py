"""The independent sequential model: one user's rows, one after the other, through the grader's oracle.

It says for each command which code and which changes of cash it must have, and what its stored reply must tell; for each
expiry and fire that it was due; and what the account must hold at the end. It shares no code with the transaction tier.
"""

import json
from collections.abc import Iterable
from typing import Any, Final

from core import commands as c
from core.errors import BAD_REQUEST, QUOTE_UNAVAILABLE
from core.money import format_cents
from grader import oracle
from grader.oracle import BUYING, SELLING
from tests.simulation.batches import StoredAccount, StoredRow
from tests.simulation.costs import Costs
from tests.simulation.tables import COMMAND, EXPIRY, FIRE
from tests.simulation.world import Broken

NAMES: Final = ("", *c.ARGUMENTS)
_GIVES_BACK: Final = frozenset({c.COMMIT_BUY, c.CANCEL_BUY, c.COMMIT_SELL, c.CANCEL_SELL})


class Model:
    """One user, as the oracle has them."""

    def __init__(self, user: str, pending_life_ms: int) -> None:
        self.user = user
        self.account = oracle.Account()
        self._costs = Costs()
        self._life_ms = pending_life_ms
        self._seq = 0
        self._time_ms = 0

    def follow(self, rows: Iterable[StoredRow], own_prices: dict[tuple[int, int], int]) -> None:
        """The user's rows in the order in which they became durable. `own_prices`: of commands that used their own hit."""
        for row in rows:
            self._keep_order(row)
            if row.kind == COMMAND:
                self._command(row, own_prices.get((row.session_id, row.number)))
            elif row.kind == EXPIRY:
                self._expiry(row)
            elif row.kind == FIRE:
                self._fire(row)

    def _fail(self, row: StoredRow, why: str) -> None:
        raise Broken(f"{self.user} [{row.number}] {NAMES[row.command]}: {why}")

    def _keep_order(self, row: StoredRow) -> None:
        if self.account.known and row.seq != self._seq + 1:
            self._fail(row, f"has sequence {row.seq} after {self._seq}")
        if self.account.known and row.timestamp_ms < self._time_ms:
            self._fail(row, f"has timestamp {row.timestamp_ms} after {self._time_ms}")
        self._seq, self._time_ms = row.seq, row.timestamp_ms

    def _command(self, row: StoredRow, own_price: int | None) -> None:
        late = oracle.due(self.account, row.timestamp_ms, self._life_ms)
        if late:
            self._fail(row, f"[{late[0][1].number}] should have expired before")
        code = row.error.partition(":")[0] or None
        asked = oracle.Command(
            NAMES[row.command], row.number, row.timestamp_ms, row.user, row.symbol, row.funds_cents, row.filename,
            code != BAD_REQUEST,
        )  # fmt: skip
        price = row.price_cents if row.price_cents is not None else own_price
        outcome = oracle.apply(self.account, asked, None if code == QUOTE_UNAVAILABLE else price)
        if outcome.code != code:
            self._fail(row, f"ended with {code or 'OK'} and must with {outcome.code or 'OK'}")
        if _moves(row) != outcome.moves:
            self._fail(row, f"moved {_moves(row)} and must {outcome.moves}")
        if row.shares:
            self._fail(row, f"tells of {row.shares} shares")
        if outcome.taken is not None:
            self._settle(asked.name, outcome.taken)
        if row.reply is not None:
            self._reply(row, outcome, price)

    def _settle(self, command: str, taken: oracle.Pending) -> None:
        if command == c.COMMIT_BUY:
            self._costs.buy(taken.symbol, taken.shares, taken.price_cents)
        elif command == c.COMMIT_SELL:
            self._costs.sell(taken.symbol, taken.shares)

    def _reply(self, row: StoredRow, outcome: oracle.Outcome, price: int | None) -> None:
        assert row.reply is not None
        word, _, text = row.reply.partition(" ")
        told = json.loads(text)
        if word == "ERR":
            if told["code"] != outcome.code:
                self._fail(row, f"is answered {told['code']}")
            return
        for name, value in self._expected(row, outcome, price).items():
            if told.get(name) != value:
                self._fail(row, f"is answered {name} = {told.get(name)}, which must be {value}")

    def _expected(self, row: StoredRow, outcome: oracle.Outcome, price: int | None) -> dict[str, Any]:
        command, account = NAMES[row.command], self.account
        expected: dict[str, Any] = {"symbol": row.symbol} if row.symbol else {}
        if command in (
            c.ADD,
            c.BUY,
            c.COMMIT_BUY,
            c.CANCEL_BUY,
            c.COMMIT_SELL,
            c.SET_BUY_AMOUNT,
            c.CANCEL_SET_BUY,
        ):
            expected["cash"] = format_cents(account.cash)
        if command == c.QUOTE and price is not None:
            expected["price"] = format_cents(price)
        if command in (c.BUY, c.SELL):
            pending = account.pendings[BUYING if command == c.BUY else SELLING][-1]
            expected |= {"shares": pending.shares, "price": format_cents(pending.price_cents)}
            expected["expires_at"] = row.timestamp_ms + self._life_ms
        if command in _GIVES_BACK and outcome.taken is not None:
            expected |= {"symbol": outcome.taken.symbol, "shares": outcome.taken.shares}
        return expected

    def _expiry(self, row: StoredRow) -> None:
        side = BUYING if NAMES[row.command] == c.CANCEL_BUY else SELLING
        for due_side, pending in oracle.due(self.account, row.timestamp_ms, self._life_ms):
            if (due_side, pending.number) == (side, row.number):
                if (oracle.expire(self.account, side, pending), pending.shares) != (_moves(row), row.shares):
                    self._fail(row, f"expired and moved {_moves(row)} and {row.shares} shares")
                return
        self._fail(row, "expired, and was not due")

    def _fire(self, row: StoredRow) -> None:
        side = BUYING if NAMES[row.command] == c.SET_BUY_TRIGGER else SELLING
        order = self.account.orders[side].get(row.symbol)
        if order is None or order.price_cents is None or order.number != row.number:
            self._fail(row, f"fired on {row.symbol}, and was not armed")
        assert order is not None
        assert row.price_cents is not None
        if not order.fires_at(side, row.price_cents):
            self._fail(row, f"fired at {row.price_cents}, beyond its {order.price_cents}")
        shares = order.amount_cents // row.price_cents if side == BUYING else order.shares
        if (oracle.fire(self.account, side, row.symbol, row.price_cents), shares) != (
            _moves(row),
            row.shares,
        ):
            self._fail(row, f"fired and moved {_moves(row)} and {row.shares} shares")
        if side == BUYING:
            self._costs.buy(row.symbol, shares, row.price_cents)
        else:
            self._costs.sell(row.symbol, shares)

    def compare(self, stored: StoredAccount | None) -> None:
        """The account in the database is what the model says."""
        account = self.account
        if (stored is not None) != account.known:
            raise Broken(f"{self.user} has {'an' if stored else 'no'} account")
        if stored is None:
            return
        ours: list[Any] = [
            account.cash,
            account.reserved_cash,
            self._holdings(),
            [
                [[p.symbol, p.shares, p.price_cents, p.time_ms, p.number] for p in side]
                for side in account.pendings
            ],
            {
                (s, n + 1): (o.amount_cents, o.price_cents, o.shares)
                for n in (0, 1)
                for s, o in account.orders[n].items()
            },
        ]
        theirs: list[Any] = [
            stored.cash_cents,
            stored.reserved_cents,
            {symbol: held for symbol, held in sorted(stored.holdings.items()) if any(held)},
            [[[*p[:4], p[5]] for p in json.loads(text)] for text in (stored.buys, stored.sells)],
            {key: order[:3] for key, order in stored.orders.items()},
        ]
        for mine, other in zip(ours, theirs, strict=True):
            if mine != other:
                raise Broken(f"{self.user} has {other} at the end, and must have {mine}")

    def _holdings(self) -> dict[str, tuple[int, int, int]]:
        account, cents = self.account, self._costs.cents
        return {
            symbol: held
            for symbol in sorted(account.shares.keys() | account.reserved.keys() | cents.keys())
            if any(
                held := (account.shares.get(symbol, 0), account.reserved.get(symbol, 0), cents.get(symbol, 0))
            )
        }


def _moves(row: StoredRow) -> oracle.Moves:
    """What the audit log will show: what came, then what left."""
    added = (("add", row.added_cents),) if row.added_cents else ()
    return added + ((("remove", row.removed_cents),) if row.removed_cents else ())
