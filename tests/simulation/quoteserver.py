"""The fake legacy quote server: slow, with prices that move at every hit, and faulty when the schedule says so."""

from collections.abc import Callable
from typing import Final

from tests.simulation.network import End
from tests.simulation.world import World

ADDRESS: Final = ("quoteserver", 4444)
_FAULTS: Final = ("garbage", "cut", "hang", "other symbol", "drip")


class Sent:
    """A hit: a valid reply sent whole."""

    def __init__(self, symbol: str, user: str, price_cents: int, time_ms: int, key: str) -> None:
        self.symbol = symbol
        self.user = user
        self.price_cents = price_cents
        self.time_ms = time_ms
        self.key = key
        self.read_by = ""
        """The process that had the whole reply in its hands, if one had."""


class QuoteServer:
    """Answers one line a connection."""

    def __init__(self, world: World, fault_share: float, slow_us: int, cents: Callable[[], int]) -> None:
        """`slow_us`: the longest that an answer usually takes. `cents` draws a price."""
        self._world = world
        self._fault_share = fault_share
        self._slow_us = slow_us
        self._cents = cents
        self.hits: dict[str, Sent] = {}
        """By key."""

    def accepted(self, end: End) -> None:
        """A connection."""
        end.wake = lambda: self._read(end)
        self._read(end)

    def _read(self, end: End) -> None:
        if end.over:
            end.close()
        elif end.inbox and b"".join(end.inbox).endswith(b"\n"):
            symbol, user = end.receive().decode().strip().split(",")
            self._answer(end, symbol, user)

    def _answer(self, end: End, symbol: str, user: str) -> None:
        chance = self._world.chance.random
        delay_us = int(chance() * self._slow_us * (0.05 if chance() < 0.5 else 1)) + 1_000
        if chance() < self._fault_share:
            fault = _FAULTS[int(chance() * len(_FAULTS))]
            self._world.counts[f"quote server: {fault}"] += 1
            if fault != "hang":
                self._world.after(delay_us, self._misbehave, end, fault, symbol, user)
        else:
            self._world.after(delay_us, self._hit, end, symbol, user)

    def _hit(self, end: End, symbol: str, user: str, slowly: bool = False) -> None:
        if end.over or end.closed:
            return
        now_ms = self._world.now_ms()
        sent = Sent(symbol, user, self._cents(), now_ms, f"k{len(self.hits):055d}")
        self.hits[sent.key] = sent
        self._world.note("hit", symbol, sent.price_cents, sent.key[-4:])
        line = f"{sent.price_cents / 100:.2f},{symbol},{user},{now_ms},{sent.key}\n".encode()
        seen = bytearray()

        def tap(data: bytes) -> None:
            seen.extend(data)
            if seen.endswith(b"\n"):
                sent.read_by = end.peer.process.name

        end.peer.tap = tap
        for start in range(0, len(line), 40) if slowly else (0,):
            end.send(line[start : start + 40] if slowly else line)
        end.close()

    def _misbehave(self, end: End, fault: str, symbol: str, user: str) -> None:
        if end.over or end.closed:
            return
        if fault == "drip":
            self._hit(end, symbol, user, slowly=True)
            return
        stamp = self._world.now_ms()
        end.send(
            {
                "garbage": b"no,such\x00thing\n",
                "other symbol": f"1.00,{symbol}X,{user},{stamp},key\n".encode(),
                "cut": f"1.00,{symbol},{user},{stamp},unf".encode(),
            }[fault]
        )
        end.close(reset=fault == "cut")
