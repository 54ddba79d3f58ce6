"""A client that insists: sends a line until it is answered, over as many connections as it takes. One thread, blocking."""

import contextlib
import itertools
import socket
import time
from typing import Final

from core.settings import Address
from faults.ledger import Ledger
from stack.errors import StackError

_CONNECT_S: Final = 1.0
_PAUSE_S: Final = 0.01
_BUSY_PAUSE_S: Final = 0.05
FIRST_CONNECTION: Final = 1_000_000
"""Connections of clients like this have numbers of their own in the ledger."""
_numbers = itertools.count(FIRST_CONNECTION)


def connection_number() -> int:
    """A number by which the ledger knows a connection of a strike."""
    return next(_numbers)


class NoAnswer(StackError):
    """The system did not answer a request in time."""


def ask(address: Address, session: str, lines: list[str], ledger: Ledger, seconds: float) -> list[str]:
    """The final replies to numbered lines (`[7] ADD,...`), in the order of the lines. Raises NoAnswer."""
    deadline_s = time.monotonic() + seconds
    numbers = [int(line[1 : line.index("]")]) for line in lines]
    while True:
        missing = [line for line, number in zip(lines, numbers, strict=True) if number not in ledger.replies]
        if not missing:
            return [ledger.replies[number].decode() for number in numbers]
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise NoAnswer(f"{missing[0]} and {len(missing) - 1} more got no answer within {seconds:.0f} s")
        with contextlib.suppress(OSError):
            _try(address, session, missing, ledger, left_s)
        time.sleep(_PAUSE_S)


def ask_again(address: Address, session: str, lines: list[str], ledger: Ledger, seconds: float) -> None:
    """Sends lines that were answered before once more and waits for the replies; the ledger compares. Raises NoAnswer."""
    with contextlib.suppress(OSError):
        if _try(address, session, lines, ledger, seconds):
            return
    raise NoAnswer(f"repeats of {len(lines)} requests were not all answered within {seconds:.0f} s")


def _try(address: Address, session: str, lines: list[str], ledger: Ledger, seconds: float) -> bool:
    """One connection's worth; True when every line got a reply, also BUSY. Raises OSError."""
    number = connection_number()
    with socket.create_connection(address, min(_CONNECT_S, seconds)) as connection:
        connection.settimeout(seconds)
        data = "".join(f"{line}\n" for line in lines).encode()
        try:
            ledger.sent(number, data)
            connection.sendall(b"SESSION %b\n" % session.encode() + data)
            return _read(connection, number, len(lines) + 1, ledger)
        finally:
            ledger.lost(number)


def _read(connection: socket.socket, number: int, count: int, ledger: Ledger) -> bool:
    rest = b""
    while count and (data := connection.recv(1 << 18)):
        rest += data
        whole = rest.rfind(b"\n") + 1
        ledger.answered(number, rest[:whole])
        count -= rest[:whole].count(b"\n")
        rest = rest[whole:]
    return count == 0
