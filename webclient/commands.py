"""A typed command into its line, and a reply line into what it says (commands.md). Values only.

A reply is believed only when it is the reply that this very command has; anything else is a ProtocolError, which costs
the connection. What is right is handed on byte for byte: the web client adds nothing to what the transaction tier said.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec import Struct

from core import commands as c
from core.errors import CODES, ProtocolError
from core.ids import is_user, parse_filename, parse_symbol
from core.money import format_cents, is_amount, parse_decimal
from webclient import replies as r

REPLIES: Final[Mapping[str, type[Struct]]] = MappingProxyType(
    {
        c.ADD: r.Cash,
        c.QUOTE: r.Quote,
        c.BUY: r.Buy,
        c.COMMIT_BUY: r.BuyCommitted,
        c.CANCEL_BUY: r.BuyCancelled,
        c.SELL: r.Sell,
        c.COMMIT_SELL: r.SellCommitted,
        c.CANCEL_SELL: r.SellCancelled,
        c.SET_BUY_AMOUNT: r.BuyAmountSet,
        c.CANCEL_SET_BUY: r.BuyTriggerCancelled,
        c.SET_BUY_TRIGGER: r.BuyTriggerSet,
        c.SET_SELL_AMOUNT: r.SellAmountSet,
        c.SET_SELL_TRIGGER: r.SellTriggerSet,
        c.CANCEL_SET_SELL: r.SellTriggerCancelled,
        c.DUMPLOG: r.Dump,
        c.DISPLAY_SUMMARY: r.Summary,
    }
)
"""What each command is answered with when it succeeds."""


class Command(Struct, frozen=True):
    """One command with its arguments, each well-formed; those that it does not take are empty."""

    name: str
    """One of the sixteen."""
    user: str = ""
    symbol: str = ""
    amount_cents: int = 0
    """Amount or trigger price."""
    filename: str = ""


class Done(Struct, frozen=True):
    """The command succeeded; `body` is its reply's JSON object as it came."""

    body: bytes


class Refused(Struct, frozen=True):
    """The command was refused: a code of core.errors, and words for the one who sent it."""

    code: str
    message: str


Answer = Done | Refused

_decoders: Final = {name: msgspec.json.Decoder(kind) for name, kind in REPLIES.items()}
_refusal: Final = msgspec.json.Decoder(Refused)


def body_of(command: Command) -> bytes:
    """`COMMAND,arg,arg`, spelled in one way only: equal commands are equal bodies, which is what a repeated number needs."""
    words = [command.name]
    for argument in c.ARGUMENTS[command.name]:
        word = _word(command, argument)
        if word:
            words.append(word)
        else:
            assert argument == c.USER, f"{command.name} without its {argument}"
            assert command.name == c.DUMPLOG, "only the supervisor's dump names no user"
    return ",".join(words).encode()


def _word(command: Command, argument: str) -> str:
    """The argument as it stands on the line. A caller that did not validate it is a bug, never a line of its own making."""
    match argument:
        case c.USER:
            assert not command.user or is_user(command.user)
            return command.user
        case c.SYMBOL:
            assert parse_symbol(command.symbol) == command.symbol
            return command.symbol
        case c.AMOUNT:
            assert is_amount(command.amount_cents)
            return format_cents(command.amount_cents)
        case _:
            assert parse_filename(command.filename) == command.filename
            return command.filename


def parse_amount(text: str) -> int | None:
    """Cents of a valid amount or trigger price; None for anything else."""
    cents = parse_decimal(text)
    return cents if cents is not None and is_amount(cents) else None


def read_answer(name: str, text: bytes) -> Answer:
    """What follows `[N] ` in the reply to the command of this name. Raises ProtocolError when that is no reply to it."""
    kind, _, body = text.partition(b" ")
    try:
        if kind == b"OK":
            _decoders[name].decode(body)
            return Done(body)
        if kind == b"ERR" and (refused := _refusal.decode(body)).code in CODES:
            return refused
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ProtocolError(f"no reply to {name}: {text[:200]!r}") from error
    raise ProtocolError(f"no reply to {name}: {text[:200]!r}")
