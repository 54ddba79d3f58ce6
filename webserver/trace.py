"""The way of single lines through a web server, for DAYTRADE_LOG_LEVEL=debug: lines of the log by their key."""

from collections.abc import Iterable

from core import log
from core.codec import Request


def key_of(request: Request) -> str:
    """session/N"""
    return f"{request.session}/{request.number}"


class Trace:
    """Writes down where requests go and what comes back. The desk has one at that level only: else it costs nothing."""

    def passed_on(self, shard: int, requests: Iterable[Request], *, up: bool) -> None:
        """Requests for a shard; when it is not `up` they wait for it."""
        for request in requests:
            log.get_logger().debug(
                "passed on" if up else "waits for the shard",
                key=key_of(request), shard=shard, command=request.command, refusal=request.refusal or None,
            )  # fmt: skip

    def replied(self, shard: int, replies: Iterable[tuple[Request, bytes]]) -> None:
        """A shard's replies."""
        for request, line in replies:
            log.get_logger().debug("replied", key=key_of(request), shard=shard, bytes=len(line))
