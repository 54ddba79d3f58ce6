"""The sixteen commands: their names, their arguments and their numbers in the database (commands.md)."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ADD: Final = "ADD"
QUOTE: Final = "QUOTE"
BUY: Final = "BUY"
COMMIT_BUY: Final = "COMMIT_BUY"
CANCEL_BUY: Final = "CANCEL_BUY"
SELL: Final = "SELL"
COMMIT_SELL: Final = "COMMIT_SELL"
CANCEL_SELL: Final = "CANCEL_SELL"
SET_BUY_AMOUNT: Final = "SET_BUY_AMOUNT"
CANCEL_SET_BUY: Final = "CANCEL_SET_BUY"
SET_BUY_TRIGGER: Final = "SET_BUY_TRIGGER"
SET_SELL_AMOUNT: Final = "SET_SELL_AMOUNT"
SET_SELL_TRIGGER: Final = "SET_SELL_TRIGGER"
CANCEL_SET_SELL: Final = "CANCEL_SET_SELL"
DUMPLOG: Final = "DUMPLOG"
DISPLAY_SUMMARY: Final = "DISPLAY_SUMMARY"

USER: Final = "user"
SYMBOL: Final = "symbol"
AMOUNT: Final = "amount"
FILENAME: Final = "filename"

ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        ADD: (USER, AMOUNT),
        QUOTE: (USER, SYMBOL),
        BUY: (USER, SYMBOL, AMOUNT),
        COMMIT_BUY: (USER,),
        CANCEL_BUY: (USER,),
        SELL: (USER, SYMBOL, AMOUNT),
        COMMIT_SELL: (USER,),
        CANCEL_SELL: (USER,),
        SET_BUY_AMOUNT: (USER, SYMBOL, AMOUNT),
        CANCEL_SET_BUY: (USER, SYMBOL),
        SET_BUY_TRIGGER: (USER, SYMBOL, AMOUNT),
        SET_SELL_AMOUNT: (USER, SYMBOL, AMOUNT),
        SET_SELL_TRIGGER: (USER, SYMBOL, AMOUNT),
        CANCEL_SET_SELL: (USER, SYMBOL),
        DUMPLOG: (USER, FILENAME),
        DISPLAY_SUMMARY: (USER,),
    }
)
"""The arguments of each command in order. DUMPLOG may also come with the file name alone (the supervisor's dump)."""

CODES: Final[Mapping[str, int]] = MappingProxyType(
    {name: code for code, name in enumerate(ARGUMENTS, start=1)}
)
"""The smallint that stands for a command in the database, 1 to 16, in the order above; never to be renumbered."""

REPEATABLE: Final = frozenset({DISPLAY_SUMMARY, DUMPLOG})
"""Commands that are done again when their number is sent again (and audited once): no reply is stored, except a
refusal, which is final."""
