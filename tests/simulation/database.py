"""The fake database server: statements take time, wait for locks, and are lost on their way there or on their way back."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from core.errors import Unavailable
from tests.simulation.tables import Blocked, Tables, Transaction
from tests.simulation.world import Process, World
from transaction.store import NumberTaken

_DISTURBED_SHARE: Final = 0.7
_DISTURBANCES: Final = 12
"""About as many statements' ways as lie between a conflict and the next batch's end."""
_IDLE_IN_TRANSACTION_US: Final = 2_000_000
_LOST, _DONE_AND_LOST = "lost", "done and lost"


class Statement:
    """One request to the server."""

    __slots__ = ("epoch", "fate", "future", "name", "pool", "prepare", "transaction", "work")

    def __init__(
        self, name: str, pool: "Pool", work: Callable[[], Any], prepare: Callable[[], None], transaction: Transaction | None
    ) -> None:  # fmt: skip
        self.name = name
        self.pool = pool
        self.work = work
        self.prepare = prepare
        """Done when the statement begins, which is when its snapshot is taken."""
        self.transaction = transaction
        self.future: asyncio.Future[Any] = pool.process.create_future()
        self.epoch = pool.server.epoch
        self.fate = ""


class Server:
    """The one database server."""

    def __init__(self, world: World, tables: Tables, lost_share: float, usual_us: int) -> None:
        self.world = world
        self.tables = tables
        self.lost_share = lost_share
        """Of all statements, those whose connection dies under them: half of these before, half after they are done."""
        self.usual_us = usual_us
        self.epoch = 0
        self.away = False
        self._waiting: list[Statement] = []
        self._transactions: list[tuple[Transaction, Process]] = []
        self._listeners: list[tuple[Process, asyncio.Queue[str | None]]] = []

    def travel_us(self) -> int:
        """One way, or one statement's own time."""
        chance = self.world.chance.random
        return int(chance() * self.usual_us * (20 if chance() < 0.03 else 1)) + 20

    # Its life.

    def stop(self, duration_us: int) -> None:
        """The server dies: what is not committed is lost, and who waits for an answer will not get it."""
        self.away = True
        self.epoch += 1
        for transaction, _ in self._transactions:
            self.tables.end(transaction, commit=False)
        self._transactions.clear()
        waiting, self._waiting = self._waiting, []
        for statement in waiting:
            self._fail(statement)
        listeners, self._listeners = self._listeners, []
        for process, queue in listeners:
            self.world.after(self.travel_us(), process.call_soon, queue.put_nowait, None)
        self.world.after(duration_us, self._start)

    def _start(self) -> None:
        self.away = False

    # A statement's way.

    def send(self, statement: Statement) -> None:
        """A process sends a statement."""
        self.world.after(self.travel_us(), self._arrive, statement)

    def _arrive(self, statement: Statement) -> None:
        chance = self.world.chance.random
        if self._is_lost(statement):
            self._fail(statement)
            return
        if chance() < self.lost_share:
            statement.fate = _LOST if chance() < 0.5 else _DONE_AND_LOST
            self.world.counts[f"statement {statement.fate}"] += 1
            if statement.fate == _LOST:
                self._fail(statement)
                return
        statement.prepare()
        self.world.after(self.travel_us(), self._execute, statement)

    def _is_lost(self, statement: Statement) -> bool:
        transaction = statement.transaction
        return (
            self.away
            or statement.epoch != self.epoch
            or (transaction is not None and not transaction.is_open)
        )

    def _execute(self, statement: Statement) -> None:
        if self._is_lost(statement):
            self._fail(statement)
            return
        try:
            value = statement.work()
        except Blocked:
            self._waiting.append(statement)
            return
        except NumberTaken as error:
            self.world.note("db", statement.pool.process.name, statement.name, "number taken")
            self._answer(statement, None, error)
            return
        self.world.note("db", statement.pool.process.name, statement.name, statement.fate)
        self.world.on_event(statement.name, statement.pool.process)
        self._answer(statement, value, None)

    def _answer(self, statement: Statement, value: Any, error: Exception | None) -> None:
        if statement.fate == _DONE_AND_LOST:
            self._fail(statement)
        else:
            self.world.after(self.travel_us(), self._deliver, statement, value, error)

    def _deliver(self, statement: Statement, value: Any, error: Exception | None) -> None:
        if statement.epoch != self.epoch:
            self._fail(statement)
        else:
            statement.pool.process.call_soon(_settle, statement.future, value, error)

    def _fail(self, statement: Statement) -> None:
        """The connection is gone, and with it the transaction that was open on it."""
        if statement.transaction is not None:
            self.end(statement.transaction, commit=False)
        error = Unavailable("connection to the database lost")
        self.world.after(
            self.travel_us(), statement.pool.process.call_soon, _settle, statement.future, None, error
        )

    def retry(self) -> None:
        """A lock is gone: who waited tries again, in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        for statement in waiting:
            self._execute(statement)

    # Transactions.

    def begin(self, process: Process) -> Transaction:
        """Opens a transaction, which ends when its process dies, or does nothing for too long."""
        transaction = Transaction()
        self._transactions.append((transaction, process))
        self.world.after(_IDLE_IN_TRANSACTION_US, self.end, transaction)
        return transaction

    def end(self, transaction: Transaction, commit: bool = False) -> None:
        """Ends a transaction."""
        if transaction.is_open:
            self._transactions = [pair for pair in self._transactions if pair[0] is not transaction]
            self.tables.end(transaction, commit=commit)
            self.retry()

    def died(self, process: Process) -> None:
        """The server notices that a client is gone."""
        for transaction, owner in list(self._transactions):
            if owner is process:
                self.world.after(self.travel_us(), self.end, transaction)

    # Others.

    def disturb(self, users: Iterable[str]) -> None:
        """Perhaps somebody goes on writing these accounts for a while: their versions change, nothing else.

        Who is in conflict is then in conflict again.
        """
        if self.world.chance.random() < _DISTURBED_SHARE:
            for turn in range(_DISTURBANCES):
                self.world.after(turn * self.usual_us, self.tables.touch, users)

    # NOTIFY.

    def listen(self, process: Process, queue: "asyncio.Queue[str | None]") -> None:
        self._listeners.append((process, queue))

    def notify(self, versions: Mapping[str, int]) -> None:
        """Tells which versions of accounts a fire made."""
        payload = ",".join(f"{user} {version}" for user, version in sorted(versions.items()))
        for process, queue in self._listeners:
            self.world.after(self.travel_us(), process.call_soon, queue.put_nowait, payload)


class Pool:
    """A process's connections to the server."""

    def __init__(self, server: Server, process: Process) -> None:
        self.server = server
        self.process = process
        process.at_death.append(lambda: server.died(process))

    async def call(
        self, name: str, work: Callable[[], Any], prepare: Callable[[], None] = lambda: None,
        transaction: Transaction | None = None,
    ) -> Any:  # fmt: skip
        """A statement and its answer. Raises Unavailable; then nobody here knows whether it was done."""
        statement = Statement(name, self, work, prepare, transaction)
        self.server.send(statement)
        return await statement.future


def _settle(future: "asyncio.Future[Any]", value: Any, error: Exception | None) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(value)
