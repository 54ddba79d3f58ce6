"""The four kinds of failure and the codes of a refusal.

A refusal is a value (a code in a reply). ProtocolError: a peer broke the wire format; it costs that connection.
Unavailable: a dependency is away; retried within a deadline. Anything else is a bug: logged once, the process exits.
"""

from typing import Final

BAD_REQUEST: Final = "BAD_REQUEST"
UNKNOWN_COMMAND: Final = "UNKNOWN_COMMAND"
BAD_AMOUNT: Final = "BAD_AMOUNT"
BAD_SYMBOL: Final = "BAD_SYMBOL"
BAD_USER: Final = "BAD_USER"
BAD_FILENAME: Final = "BAD_FILENAME"
UNKNOWN_USER: Final = "UNKNOWN_USER"
INSUFFICIENT_FUNDS: Final = "INSUFFICIENT_FUNDS"
INSUFFICIENT_SHARES: Final = "INSUFFICIENT_SHARES"
TOO_SMALL: Final = "TOO_SMALL"
NOTHING_PENDING: Final = "NOTHING_PENDING"
EXPIRED: Final = "EXPIRED"
NO_AMOUNT_SET: Final = "NO_AMOUNT_SET"
NOT_SET: Final = "NOT_SET"
REUSED_NUMBER: Final = "REUSED_NUMBER"
FORBIDDEN: Final = "FORBIDDEN"
QUOTE_UNAVAILABLE: Final = "QUOTE_UNAVAILABLE"
BUSY: Final = "BUSY"

CODES: Final = frozenset(
    {
        BAD_REQUEST, UNKNOWN_COMMAND, BAD_AMOUNT, BAD_SYMBOL, BAD_USER, BAD_FILENAME, UNKNOWN_USER,
        INSUFFICIENT_FUNDS, INSUFFICIENT_SHARES, TOO_SMALL, NOTHING_PENDING, EXPIRED, NO_AMOUNT_SET, NOT_SET,
        REUSED_NUMBER, FORBIDDEN, QUOTE_UNAVAILABLE, BUSY,
    }
)  # fmt: skip
"""All codes of commands.md."""

UNAUDITED: Final = frozenset({UNKNOWN_COMMAND, REUSED_NUMBER, BUSY})
"""Refusals that leave no event and no stored reply, because no command was accepted."""


class ProtocolError(Exception):
    """The peer's bytes do not follow the protocol; its connection is closed."""


class Unavailable(Exception):
    """A dependency (database, cache, quote server, another tier) cannot be reached; try again within a deadline."""
