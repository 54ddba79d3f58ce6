"""What web servers answer, as far as the balancer looks at it. Values only."""

import re

from core.errors import ProtocolError

_REPLY_NUMBER = re.compile(rb"(?m)^\[([0-9]{1,16})\].*\n")
"""A whole line, so that no search goes over the bytes of long replies (that took five times as long)."""


def reply_numbers(text: bytes) -> list[int]:
    """The numbers of whole reply lines, in order. Raises ProtocolError for anything else."""
    numbers = list(map(int, _REPLY_NUMBER.findall(text)))
    if len(numbers) != text.count(b"\n") or not text.endswith(b"\n"):
        raise ProtocolError("replies that are not whole lines with their numbers")
    return numbers


def highest_number(text: bytes) -> int:
    """A session's highest number. Raises ProtocolError for anything else."""
    if not text.isdigit() or len(text) > 16:
        raise ProtocolError("a highest number that is none")
    return int(text)
