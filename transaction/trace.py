"""The way of single commands through a shard, for DAYTRADE_LOG_LEVEL=debug: lines of the log by their key."""

from collections.abc import Collection, Sequence

from core import log
from core.codec import Request
from quotecache.trace import Trace as QuoteTrace
from transaction.batch import Entry


class Trace:
    """Writes down what is decided and what becomes of it. A shard has one at that level only: else it costs nothing."""

    def __init__(self, quotes: QuoteTrace) -> None:
        """`quotes` is told the sessions' names: what it traces knows their numbers only."""
        self._quotes = quotes

    def decided(self, taken: Sequence[Entry], decided: Sequence[Entry]) -> None:
        """A batch was taken and these of it decided; the others wait for a price, for a dump, or behind such a command."""
        done = set(map(id, decided))
        for entry in taken:
            if (request := entry.request) is None:
                continue
            if entry.session is not None:
                self._quotes.learn({entry.session.session_id: request.session})
            if id(entry) in done:
                self._say(
                    "decided",
                    request,
                    outcome=_outcome(entry),
                    batch=len(decided),
                    repeat=entry.repeat or entry.answered,
                )
            else:
                self._say("waits", request, symbol=request.symbol or None)

    def settled(self, decided: Sequence[Entry], conflicts: Collection[str], commit_s: float | None) -> None:
        """The batch is durable but for the users in conflict; `commit_s` is None when there was nothing to write."""
        commit_ms = None if commit_s is None else round(commit_s * 1000, 2)
        for entry in decided:
            if entry.request is not None:
                what = "in conflict" if entry.user in conflicts else "committed"
                self._say(what, entry.request, outcome=_outcome(entry), commit_ms=commit_ms)

    def dumped(self, request: Request, reply: str) -> None:
        """A DUMPLOG is written, or could not be."""
        self._say("dumped", request, reply=reply)

    def _say(self, event: str, request: Request, **fields: object) -> None:
        key = f"{request.session}/{request.number}"
        log.get_logger().debug(event, key=key, command=request.command, user=request.user, **fields)


def _outcome(entry: Entry) -> str:
    """OK, or the code of the refusal."""
    return (
        "OK" if entry.reply.startswith("OK") else entry.reply.removeprefix('ERR {"code":"').partition('"')[0]
    )
