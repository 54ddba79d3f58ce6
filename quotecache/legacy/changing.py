"""Profiles that change while the server runs: `--delay`, `--fault` and `--price file:F` follow what the file says now.

For whoever wants to see what a system does when the quote server turns slow, or fails for a while (`./daytrade chaos`), or when
a price moves (tests/web). Such a file is replaced whole, by a rename.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, Generic, TypeVar

from quotecache.legacy.delays import Delay, parse_delay
from quotecache.legacy.faults import Faults
from quotecache.legacy.prices import Last, Price, listed, parse_file, parse_price

_FILE: Final = "file:"

_Profile = TypeVar("_Profile")


def delay(text: str, seed: int) -> Delay:
    """The delay profile that `text` names, `file:F` included. Raises ValueError, and OSError for a file that is not there."""
    if not text.startswith(_FILE):
        return parse_delay(text, seed)
    followed = _Followed(Path(text.removeprefix(_FILE)), lambda said: parse_delay(said, seed))

    def now_said(symbol: str, k: int) -> int:
        return followed.now()(symbol, k)

    return now_said


def price(text: str, seed: int) -> Price:
    """The price profile that `text` names, `file:F` included. Raises ValueError, and OSError for a file that is not there."""
    if not text.startswith(_FILE):
        return parse_price(text, seed)
    followed = _Followed(Path(text.removeprefix(_FILE)), parse_file)

    def now_said(symbol: str, k: int, last: Last | None) -> int:
        return listed(followed.now(), symbol, k)

    return now_said


def faults(text: str, seed: int) -> Faults:
    """The fault profile that `text` names, `file:F` included. Raises ValueError, and OSError for a file that is not there."""
    if not text.startswith(_FILE):
        return Faults.parse(text, seed)
    return _FollowedFaults(Path(text.removeprefix(_FILE)), seed)


class _Followed(Generic[_Profile]):
    """What a file says, read again when it was replaced. Raises ValueError when it makes no sense any more."""

    def __init__(self, path: Path, parse: Callable[[str], _Profile]) -> None:
        self._path = path
        self._parse = parse
        self._stamp = self._look()
        self._profile = parse(path.read_text("ascii").strip())

    def now(self) -> _Profile:
        stamp = self._look()
        if stamp != self._stamp:
            self._stamp = stamp
            self._profile = self._parse(self._path.read_text("ascii").strip())
        return self._profile

    def _look(self) -> tuple[int, int]:
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino


class _FollowedFaults(Faults):
    """Faults whose rates stand in a file."""

    def __init__(self, path: Path, seed: int) -> None:
        super().__init__({}, seed)
        self._followed = _Followed(path, lambda said: Faults.parse(said, seed))

    def draw(self, symbol: str, k: int) -> str | None:
        return self._followed.now().draw(symbol, k)
