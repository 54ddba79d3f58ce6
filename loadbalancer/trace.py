"""The way of single lines through the balancer, for DAYTRADE_LOG_LEVEL=debug: one line of the log for each, by its key."""

from collections.abc import Iterable, Sequence

from core import log
from core.framing import split_number


class Trace:
    """Writes down where lines go and what comes back. The balancer has one at that level only: else it costs nothing."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = servers

    def forwarded(self, session: bytes, server: int, lines: Iterable[bytes], resent: bool) -> None:
        """Lines of a session go to a web server (the place behind the last: there is none, they wait)."""
        where = self._servers[server] if server < len(self._servers) else None
        for line in lines:
            number, body = split_number(line)
            text = body.decode("latin-1")
            key = f"{session.decode()}/{number}"
            log.get_logger().debug("forwarded", key=key, server=where, resent=resent, line=text)

    def answered(self, session: bytes, server: int, replies: bytes) -> None:
        """Whole reply lines came from a web server."""
        for line in replies.splitlines():
            number, body = split_number(line)
            outcome = body[:3].decode("latin-1").strip()
            key = f"{session.decode()}/{number}"
            log.get_logger().debug(
                "answered", key=key, server=self._servers[server], outcome=outcome, bytes=len(line)
            )
