"""The simulator's doors: quotes on one port, its own count of hits on another.

A hit is a valid reply sent whole. It is counted when its last byte is handed to the socket, so whoever has read a reply
finds it counted; a client that reset its connection before that is not charged.
"""

import asyncio
import json
import os
import socket
import struct
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from typing import Final, cast

from msgspec import Struct, structs

from core.clock import Clock
from core.framing import strip_line
from core.ids import is_user, parse_symbol
from core.limits import MAX_CLIENT_CONNECTIONS, MAX_QUOTE_REPLY_BYTES
from core.money import format_cents
from quotecache.legacy.delays import Delay
from quotecache.legacy.faults import CUT, DRIP, DRIP_PAUSE_MS, GARBAGE, HANG, REFUSE, Faults
from quotecache.legacy.prices import Last, Price
from quotecache.legacy.record import Record

_LONGEST_S: Final = 90
"""No connection stays open longer: neither a client that sends nothing, nor one that hangs by a fault."""

_KEY_BYTES: Final = 42
"""In base64 they are the 56 characters of a key."""

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class _Symbol(Struct):
    """What the server remembers of one symbol."""

    requests: int = 0
    hits: int = 0
    last_cents: int = 0
    last_ms: int = 0
    """When the last hit was, monotonic."""


class Totals(Struct, frozen=True):
    """What a server has counted since its start."""

    hits: int
    requests: int
    bad_requests: int
    abandoned: int
    faults: dict[str, int]
    """By kind."""
    open: int
    """Connections at this moment."""


class LegacyServer:
    """What all connections share: profiles, the memory of each symbol, the counts."""

    def __init__(
        self, delay: Delay, price: Price, faults: Faults, clock: Clock, record: Record | None = None
    ) -> None:
        self.delay = delay
        self.faults = faults
        self.open = 0
        self._price = price
        self._clock = clock
        self._record = record or Record(None, clock)
        self._symbols: dict[str, _Symbol] = {}
        self._met: Counter[str] = Counter()
        self._bad_requests = 0
        self._abandoned = 0

    def quote_door(self) -> asyncio.Protocol:
        """A protocol for one connection to the quote port."""
        return _Conversation(self)

    def control_door(self) -> asyncio.Protocol:
        """A protocol for one connection to the control port: the counts as one line of JSON, then the end."""
        return _Control(self)

    def request(self, symbol: str) -> tuple[int, str | None]:
        """Takes note of a request: its place among the symbol's, from 1, and the fault that it meets."""
        memory = self._symbols.setdefault(symbol, _Symbol())
        memory.requests += 1
        fault = self.faults.draw(symbol, memory.requests)
        if fault is not None:
            self._met[fault] += 1
            self._record.fault(fault, symbol)
        return memory.requests, fault

    def price_cents(self, symbol: str) -> int:
        """The price of the symbol's next hit, which this may or may not become."""
        memory = self._symbols[symbol]
        age_ms = self._clock.monotonic_ms() - memory.last_ms
        last = Last(memory.last_cents, age_ms) if memory.hits else None
        return self._price(symbol, memory.hits + 1, last)

    def reply(self, cents: int, symbol: str, user: str) -> bytes:
        """A valid reply, stamped now, with a key that never was before: also a restarted server repeats none."""
        key = b64encode(os.urandom(_KEY_BYTES)).decode()
        return f"{format_cents(cents)},{symbol},{user},{self._clock.now_ms()},{key}\n".encode()

    def refusal(self, symbol: str) -> bytes:
        """The reply to a bad request."""
        self._bad_requests += 1
        return self.reply(0, symbol, "NA")

    def hit(self, symbol: str, cents: int, reply: bytes) -> None:
        """Counts a hit at that price, whose whole reply is given."""
        _, _, user, _, key = reply.decode().rstrip("\n").split(",")
        self._record.hit(symbol, user, key)
        memory = self._symbols[symbol]
        memory.hits += 1
        memory.last_cents, memory.last_ms = cents, self._clock.monotonic_ms()

    def abandoned(self) -> None:
        """Counts a client that was gone before its reply."""
        self._abandoned += 1

    def counts(self) -> dict[str, object]:
        """What the control port says."""
        by_symbol = {symbol: memory.hits for symbol, memory in self._symbols.items() if memory.hits}
        return {**structs.asdict(self.totals()), "by_symbol": by_symbol}

    def totals(self) -> Totals:
        """The counts without the symbols. Another thread may ask."""
        memories = list(self._symbols.values())
        return Totals(
            hits=sum(memory.hits for memory in memories),
            requests=sum(memory.requests for memory in memories),
            bad_requests=self._bad_requests,
            abandoned=self._abandoned,
            faults=dict(self._met),
            open=self.open,
        )


class _Conversation(asyncio.Protocol):
    """One connection: a request, a pause, a reply, the end."""

    def __init__(self, server: LegacyServer) -> None:
        self._server = server
        self._received = b""
        self._asked = False
        self._done = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._server.open += 1
        self._limit = asyncio.get_running_loop().call_later(_LONGEST_S, self._transport.abort)
        if self._server.open > MAX_CLIENT_CONNECTIONS:
            self._transport.abort()

    def eof_received(self) -> bool:
        """`nc -N` closes its half after the request and still wants the reply."""
        return self._asked

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.open -= 1
        self._limit.cancel()
        if self._timer is not None:
            self._timer.cancel()
        if self._asked and not self._done:
            self._server.abandoned()

    def data_received(self, data: bytes) -> None:
        if self._asked:
            return
        self._received += data
        line, end, _ = self._received.partition(b"\n")
        if end or len(self._received) > MAX_QUOTE_REPLY_BYTES:
            self._asked = True
            self._request(strip_line(line).decode("ascii", "replace"))

    def _request(self, line: str) -> None:
        name, _, user = line.partition(",")
        symbol = parse_symbol(name)
        if symbol is None or not is_user(user):
            self._finish(self._server.refusal(name[:3] if name.isalnum() and name.isascii() else ""))
            return
        self._symbol, self._as_asked, self._user = symbol, name, user
        self._place, fault = self._server.request(symbol)
        delay_ms = self._server.delay(symbol, self._place)
        if fault == REFUSE:
            self._reset()
        elif fault != HANG:
            self._later(delay_ms, self._answer, fault)

    def _answer(self, fault: str | None) -> None:
        cents = self._server.price_cents(self._symbol)
        reply = self._server.reply(cents, self._as_asked, self._user)
        if fault == GARBAGE:
            self._finish(self._server.faults.garbage(reply, self._symbol, self._place))
        elif fault == CUT:
            self._finish(self._server.faults.cut(reply, self._symbol, self._place))
        elif fault == DRIP:
            self._drip(cents, reply, 0)
        else:
            self._whole(cents, reply, 0)

    def _drip(self, cents: int, reply: bytes, sent: int) -> None:
        if sent == len(reply) - 1:
            self._whole(cents, reply, sent)
        elif not self._transport.is_closing():
            self._transport.write(reply[sent : sent + 1])
            self._later(DRIP_PAUSE_MS, self._drip, cents, reply, sent + 1)

    def _whole(self, cents: int, reply: bytes, sent: int) -> None:
        """Sends what is left of the reply, of which so many bytes are sent: a hit."""
        if not self._transport.is_closing():
            self._server.hit(self._symbol, cents, reply)
            self._finish(reply[sent:])

    def _finish(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._done = True
            self._transport.write(data)
            self._transport.close()

    def _reset(self) -> None:
        self._done = True
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    def _later(self, delay_ms: int, what: Callable[..., None], *arguments: object) -> None:
        """After the delay; at once when there is none."""
        if delay_ms <= 0:
            what(*arguments)
        else:
            self._timer = asyncio.get_running_loop().call_later(delay_ms / 1000, what, *arguments)


class _Control(asyncio.Protocol):
    """One connection to the control port."""

    def __init__(self, server: LegacyServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        door = cast("asyncio.Transport", transport)
        door.write(json.dumps(self._server.counts()).encode() + b"\n")
        door.close()
