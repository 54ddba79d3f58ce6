"""Requests that a certain process must serve: when one is answered, that process works again."""

import itertools
from collections.abc import Callable
from string import ascii_uppercase
from typing import Final

from core.settings import Address
from faults.arena import ANSWER_S, Arena, pause
from faults.client import NoAnswer
from loadbalancer.route import Router

_SYMBOLS: Final = itertools.cycle(
    ["".join(letters) for letters in itertools.product(ascii_uppercase, repeat=2)]
)
"""Two letters: those of generated workloads have three, so nobody else asks for these."""
_ANY_PRICE: Final = "5000.00"
_LOOK_MS: Final = 20


def works(arena: Arena, name: str) -> None:
    """Returns when a request that needs the process of that name has been answered OK. Raises NoAnswer."""
    kind, _, index = name.partition("-")
    probe = _PROBES[kind]
    probe(arena, int(index or 0))


def _shard(arena: Arena, index: int) -> None:
    _expect_ok(arena.ask(f"ADD,{arena.user(index)},1.00"))


def _all_shards(arena: Arena, index: int) -> None:
    _expect_ok(arena.ask(*(f"ADD,{arena.user(shard)},1.00" for shard in range(arena.state.shape.shards))))


def _web_server(arena: Arena, index: int) -> None:
    """A user whom the balancer sends that way while all web servers are up."""
    addresses = [arena.part(name).address for name in arena.names("webserver")]
    router = Router([str(Address.parse(address)) for address in addresses])
    for server in range(len(addresses)):
        router.set_up(server, True)
    user = next(user for user in iter(arena.user, "") if router.owner(user.encode()) == index)
    _expect_ok(arena.ask(f"ADD,{user},1.00"))


def _quote(arena: Arena, index: int) -> None:
    """A symbol that nobody has asked for within a quote's life: it takes the cache, and a hit."""
    _expect_ok(arena.ask(f"QUOTE,{arena.user()},{next(_SYMBOLS)}"))


def _trigger(arena: Arena, index: int) -> None:
    """A trigger whose price is reached whatever the quote: it is gone when somebody has fired it."""
    user, symbol = arena.user(), next(_SYMBOLS)
    _expect_ok(
        arena.ask(
            f"ADD,{user},{_ANY_PRICE}",
            f"SET_BUY_AMOUNT,{user},{symbol},{_ANY_PRICE}",
            f"SET_BUY_TRIGGER,{user},{symbol},{_ANY_PRICE}",
        )
    )
    for _ in range(int(ANSWER_S * 1000 / _LOOK_MS)):
        (summary,) = arena.ask(f"DISPLAY_SUMMARY,{user}")
        if '"reserved":"0.00"' in summary:
            return
        pause(_LOOK_MS)
    raise NoAnswer(f"the trigger of {user} on {symbol} did not fire within {ANSWER_S:.0f} s")


def quote_symbol() -> str:
    """A symbol that the workload does not use, and no probe within a quote's life."""
    return next(_SYMBOLS)


def _expect_ok(replies: list[str]) -> None:
    for reply in replies:
        if not reply.startswith("OK"):
            raise NoAnswer(f"a request that must be done was refused: {reply[:200]}")


_PROBES: Final[dict[str, Callable[[Arena, int], None]]] = {
    "postgres": _all_shards,
    "valkey": _quote,
    "quoteserver": _quote,
    "transaction": _shard,
    "trigger": _trigger,
    "webserver": _web_server,
    "loadbalancer": _shard,
}
