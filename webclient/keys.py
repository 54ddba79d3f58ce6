"""From a client's Idempotency-Key to the (session, number) under which its command is applied once. Values only.

The pair is computed, not remembered: whatever dies and is started anew finds the same one, and the primary key of the
table `command` does the rest (commands.md, Wire format). A user is part of it, so nobody can meet another's keys.
"""

import re
from hashlib import sha256
from typing import Final

from msgspec import Struct

from core.limits import MAX_NUMBER, WEB_SESSIONS

KEY_PATTERN: Final = r'^("[!#-~]{8,128}"|[!#-~]{8,128})$'
"""8 to 128 visible ASCII characters but the double quote, in double quotes (a string of RFC 9651, as the IETF draft
"Idempotency-Key" has it) or without, which means the same."""
_KEY: Final = re.compile(KEY_PATTERN[1:-1])


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
    number = 1 + int.from_bytes(digest[1:8], "big") % MAX_NUMBER
    return Key(shared_session(digest[0] % WEB_SESSIONS), number)


def shared_session(index: int) -> str:
    """One of the WEB_SESSIONS sessions over which the commands of all users are spread."""
    return f"web-{index:02d}"


def read_session(token: bytes) -> str:
    """The session of one process's reads, which need not be found again: `web-` and 16 hexadecimal digits (8 bytes)."""
    assert len(token) == 8, "a read session's token has 8 bytes"
    return f"web-{token.hex()}"
