"""Which web server a user's lines go to: rendezvous hashing over the healthy ones.

Each pair (server, user) has a weight; the healthy server of the greatest weight owns the user. So a server's death moves
its own users only, and its return moves exactly those back. The hash is not that of core.ids.shard_of: one web server
gets users of every shard. Values only: no socket, no clock.
"""

from collections.abc import Sequence
from hashlib import blake2b

from core.limits import MAX_ROUTES_REMEMBERED


class Router:
    """The owner of each user among the servers that are up. Servers are known by their place in the list."""

    __slots__ = ("_names", "_remembered", "_up", "known", "nowhere")

    def __init__(self, names: Sequence[str], remembered: int = MAX_ROUTES_REMEMBERED) -> None:
        self._names = [name.encode() for name in names]
        self._up = [False] * len(names)
        self._remembered = remembered
        self.nowhere = len(names)
        """What `owner` says while no server is up."""
        self.known: dict[bytes, int] = {}
        """User fields as they came -> owner, for those asked lately. Look here first, then ask `owner`."""

    def set_up(self, server: int, up: bool) -> None:
        """Notes that a server came or went."""
        self._up[server] = up
        self.known.clear()

    def any_up(self) -> bool:
        """Whether there is a server at all."""
        return any(self._up)

    def owner(self, field: bytes) -> int:
        """The server for a user field as it stands on the line (trailing blanks do not count); `nowhere` if none is up."""
        found = self.known.get(field)
        if found is None:
            user = field.rstrip(b" \t\r")
            candidates = [server for server, up in enumerate(self._up) if up]
            found = max(candidates, key=lambda server: self._weight(server, user), default=self.nowhere)
            if len(self.known) >= self._remembered:
                self.known.clear()
            if len(field) <= 128:
                self.known[field] = found
        return found

    def _weight(self, server: int, user: bytes) -> bytes:
        return blake2b(user, key=self._names[server][:64], digest_size=8).digest()
