"""Names on the wire: which users, symbols, sessions and file names are well-formed, and which shard owns a user."""

import re
import zlib

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_SYMBOL = re.compile(r"[A-Za-z]{1,3}\Z")
_FILENAME = re.compile(r"[A-Za-z0-9_.-]{1,128}\Z")


def is_user(text: str) -> bool:
    """1-64 of `A-Za-z0-9_.-` (commands.md, Accounts)."""
    return _NAME.match(text) is not None


def is_session(text: str) -> bool:
    """1-64 of `A-Za-z0-9_.-` (commands.md, Wire format)."""
    return _NAME.match(text) is not None


def parse_symbol(text: str) -> str | None:
    """The symbol in upper case; None unless it is 1-3 of `A-Za-z`."""
    return text.upper() if _SYMBOL.match(text) else None


def parse_filename(text: str) -> str | None:
    """What follows the last `/`, when that is a name a log file may have; else None (commands.md, Files)."""
    name = text.rpartition("/")[2]
    return name if _FILENAME.match(name) and name not in {".", ".."} else None


def shard_of(key: str, shards: int) -> int:
    """The transaction shard, 0 to shards - 1, that owns a user. Salted, so that it is independent of the balancer's choice."""
    return zlib.crc32(b"shard:" + key.encode("utf-8", "surrogateescape")) % shards
