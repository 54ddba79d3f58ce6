"""The legacy quote server's protocol (quote-server.md), our side of it: text in, text out.

request   SYM,userid\\n
reply     price,SYM,userid,timestamp_ms,cryptokey\\n     then the server closes
"""

import re
from typing import Final

from msgspec import Struct

from core.framing import strip_line
from core.money import parse_decimal

HIT_COST_CENTS: Final = 5
"""USD 0.05 a hit (quote-server.md)."""

# The stamp fits a bigint. The key goes into the log exactly as it came (the dump escapes it): printable, no blank, no comma.
_STAMP = re.compile(r"[0-9]{1,16}\Z")
_KEY = re.compile(r"[!-+\--~]{1,128}\Z")


class Answer(Struct, frozen=True):
    """What a valid reply says that was not known before."""

    price_cents: int
    time_ms: int
    """quoteServerTime, the server's own stamp."""
    key: str


def request_line(symbol: str, user: str) -> bytes:
    """The one line that is sent."""
    return f"{symbol},{user}\n".encode("ascii")


def parse_reply(line: bytes, symbol: str, user: str) -> Answer | None:
    """The answer in a reply line (without its LF); None when it is no hit.

    No hit (quote-server.md): anything malformed, a price that is not positive with at most two decimals, a symbol or
    user other than asked. `NA`, the refusal of a bad request, stands where the user should, and its price is none.
    """
    fields = strip_line(line).decode("ascii", "replace").split(",")
    if len(fields) != 5:
        return None
    price, its_symbol, its_user, stamp, key = fields
    cents = parse_decimal(price)
    if cents is None or cents <= 0 or its_symbol != symbol or its_user != user:
        return None
    if not _STAMP.match(stamp) or not _KEY.match(key) or int(stamp) == 0:
        return None
    return Answer(cents, int(stamp), key)
