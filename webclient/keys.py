"""From a client's Idempotency-Key to the (session, number) under which its command is applied once. Values only.

The pair is computed, not remembered: whatever dies and is started anew finds the same one, and the primary key of the
table `command` does the rest (commands.md, Wire format). A user is part of it, so nobody can meet another's keys. Two keys of
all that were ever sent meet with a chance of one in 180 after ten million; then the later one is told REUSED_NUMBER, and another
key will do. (Sixteen sessions would make that one in 2,900, but a worker has a connection for each session, and sixteen
connections with few lines each cost all tiers a third of their time more.)
"""

import re
from hashlib import sha256
from typing import Final

from msgspec import Struct

from core.limits import MAX_NUMBER

KEY_PATTERN: Final = r'^("[!#-~]{8,128}"|[!#-~]{8,128})$'
"""8 to 128 visible ASCII characters but the double quote, in double quotes (a string of RFC 9651, as the IETF draft
"Idempotency-Key" has it) or without, which means the same."""
_KEY: Final = re.compile(KEY_PATTERN[1:-1])


SESSION: Final = "web"
"""The session of all commands. Never to be changed, nor the rule below: a key would mean another request."""


class Key(Struct, frozen=True):
    """What names one request to the tiers: together a primary key in the database."""

    session: str
    number: int

    def __str__(self) -> str:
        return f"{self.session}/{self.number}"


def parse_key(header: str) -> str | None:
    """The key in the header Idempotency-Key, without the quotes it may stand in; None when it is not as KEY_PATTERN says."""
    return header.strip('"') if _KEY.fullmatch(header) else None


def command_key(user: str, key: str) -> Key:
    """Under what a user's command with this (parsed) key is applied."""
    digest = sha256(f"{user}\0{key}".encode()).digest()
    return Key(SESSION, 1 + int.from_bytes(digest[:8], "big") % MAX_NUMBER)


def read_session(token: bytes) -> str:
    """The session of one process's reads, which need not be found again: `web-` and 16 hexadecimal digits (8 bytes)."""
    assert len(token) == 8, "a read session's token has 8 bytes"
    return f"web-{token.hex()}"
