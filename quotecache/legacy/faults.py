"""How the quote server fails: `garbage:0.1,hang:0.05` makes one request in ten garbage and one in twenty hang."""

from typing import Final

from quotecache.legacy.chance import uniform

REFUSE: Final = "refuse"
"""The connection is reset as soon as the request is there."""
HANG: Final = "hang"
"""No reply ever; the connection stays open."""
GARBAGE: Final = "garbage"
"""A reply that is no valid reply to the request."""
DRIP: Final = "drip"
"""A valid reply, byte by byte; a hit once the last byte has left."""
CUT: Final = "cut"
"""A part of a reply, then the end."""

KINDS: Final = (REFUSE, HANG, GARBAGE, DRIP, CUT)

DRIP_PAUSE_MS: Final = 20
"""Between two bytes of a drip; a whole reply takes about 2 s."""


class Faults:
    """Which request meets which fault: for each symbol's k-th request always the same with the same seed."""

    def __init__(self, rates: dict[str, float], seed: int) -> None:
        self._rates = rates
        self._seed = seed

    @classmethod
    def parse(cls, text: str, seed: int) -> "Faults":
        """`kind:rate,kind:rate`, or nothing at all. Raises ValueError for anything else and for a sum over 1."""
        rates: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            kind, _, rate = part.strip().partition(":")
            if kind not in KINDS or kind in rates:
                raise ValueError(f"fault {part!r} is none of {', '.join(KINDS)}, or is named twice")
            rates[kind] = float(rate)
            if not 0 <= rates[kind] <= 1:
                raise ValueError(f"fault {part!r}: its rate is not between 0 and 1")
        if sum(rates.values()) > 1 + 1e-9:
            raise ValueError("the rates of the faults add up to more than 1")
        return cls(rates, seed)

    def draw(self, symbol: str, k: int) -> str | None:
        """The fault of a symbol's k-th request, counted from 1; None as a rule."""
        if not self._rates:
            return None
        drawn = uniform("fault", self._seed, symbol, k)
        for kind, rate in self._rates.items():
            if drawn < rate:
                return kind
            drawn -= rate
        return None

    def garbage(self, reply: bytes, symbol: str, k: int) -> bytes:
        """A reply that must not be taken for a hit, made from the valid `reply` (with its LF)."""
        price, its_symbol, user, stamp, key = reply.rstrip(b"\n").split(b",")
        choices = (
            b"\x00\xff\x8b\x1f" * 20 + b"\n",
            b"\n",
            b"<html><body>503 Service Unavailable</body></html>\n",
            b",".join((b"-" + price, its_symbol, user, stamp, key)) + b"\n",
            b",".join((b"0.00", its_symbol, user, stamp, key)) + b"\n",
            b",".join((price + b"5", its_symbol, user, stamp, key)) + b"\n",
            b",".join((b"1e2", its_symbol, user, stamp, key)) + b"\n",
            b",".join((price, b"?" + its_symbol, user, stamp, key)) + b"\n",
            b",".join((price, its_symbol, user + b"x", stamp, key)) + b"\n",
            b",".join((b"0.00", its_symbol, b"NA", stamp, key)) + b"\n",
            b",".join((price, its_symbol, user, b"yesterday", key)) + b"\n",
            b",".join((price, its_symbol, user, stamp)) + b"\n",
            b"7" * 5_000,
        )
        return choices[int(uniform("garbage", self._seed, symbol, k) * len(choices))]

    def cut(self, reply: bytes, symbol: str, k: int) -> bytes:
        """A true prefix of `reply`, without its LF; may be empty."""
        return reply[: int(uniform("cut", self._seed, symbol, k) * len(reply))]
