"""A store on a real database that fails or waits at its commits as a test says."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from core.errors import Unavailable
from db.pool import Pool
from transaction.account import Account
from transaction.columns import Column
from transaction.store import Store

Commit = Callable[[], Awaitable[set[str]]]
Step = Callable[[Commit], Awaitable[set[str]]]


class ScriptedStore(Store):
    """A store whose next commits go as the test says: each step is given the real commit to do, or not."""

    def __init__(self, pool: Pool, server: str) -> None:
        super().__init__(pool, server)
        self.script: list[Step] = []
        self.loads_fail = 0
        """How many of the next loads find the database away."""
        self.at_load: Callable[[], None] | None = None
        """Called in the middle of the next load."""

    async def commit(self, columns: dict[str, Column]) -> set[str]:
        commit = partial(super().commit, columns)
        return await (self.script.pop(0)(commit) if self.script else commit())

    async def load(self, users: list[str]) -> list[Account]:
        if self.loads_fail:
            self.loads_fail -= 1
            raise Unavailable("as the test wants it")
        accounts = await super().load(users)
        if self.at_load:
            self.at_load()
            self.at_load = None
        return accounts


async def lost_before(commit: Commit) -> set[str]:
    """The connection breaks before anything is written."""
    raise Unavailable("as the test wants it")


async def lost_after(commit: Commit) -> set[str]:
    """Everything is durable, but nobody says so."""
    await commit()
    raise Unavailable("as the test wants it")


def meanwhile(action: Callable[[], Awaitable[Any]], then: Step | None = None) -> Step:
    """Something happens between deciding and writing."""

    async def step(commit: Commit) -> set[str]:
        await action()
        return await (then(commit) if then else commit())

    return step
