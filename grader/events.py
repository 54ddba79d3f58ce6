"""The events of a log: what one element says, with its values read."""

from typing import Final

from msgspec import Struct

USER_COMMAND: Final = "userCommand"
QUOTE_SERVER: Final = "quoteServer"
ACCOUNT_TRANSACTION: Final = "accountTransaction"
SYSTEM_EVENT: Final = "systemEvent"
ERROR_EVENT: Final = "errorEvent"
DEBUG_EVENT: Final = "debugEvent"


class RawEvent(Struct, frozen=True, gc=False):
    """One child of <log> as the parser saw it."""

    name: str
    line: int
    """Where it begins, from 1."""
    fields: dict[str, str]
    oddity: str = ""
    """What is wrong with its shape (attributes, text between fields, a field twice or with children); empty if nothing."""


class Event(Struct, frozen=True, gc=False):
    """One event. An absent value is empty or None; so is one that is there but cannot be read, and then `damaged` is set."""

    kind: str
    line: int
    timestamp_ms: int
    number: int
    command: str = ""
    user: str = ""
    symbol: str = ""
    filename: str = ""
    cents: int | None = None
    """funds or price."""
    text: str = ""
    """action, errorMessage, debugMessage or cryptokey."""
    quote_time_ms: int = 0
    damaged: bool = False
