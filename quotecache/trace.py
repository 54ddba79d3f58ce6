"""The way of single quotes, for DAYTRADE_LOG_LEVEL=debug: each fetch in the log, by the key of the command that asked."""

from collections.abc import Mapping

from core import log
from core.limits import MAX_SESSIONS_REMEMBERED
from quotecache.freshness import Asker, Hit


class Trace:
    """Writes down who pays for a quote. A process has one at that level only: else it costs nothing."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}

    def learn(self, names: Mapping[int, str]) -> None:
        """Names of sessions by their numbers in the database; the oldest are forgotten."""
        self._names |= names
        while len(self._names) > MAX_SESSIONS_REMEMBERED:
            del self._names[next(iter(self._names))]

    def unknown(self, session_ids: list[int]) -> list[int]:
        """Those of the sessions whose names are to be learned."""
        return [number for number in session_ids if number not in self._names]

    def key(self, session_id: int, number: int) -> str:
        """session/N of a command; `#` and the session's number in the database where its name is not known."""
        return f"{self._names.get(session_id, f'#{session_id}')}/{number}"

    def fetching(self, asker: Asker) -> None:
        """The quote server is asked."""
        key = self.key(asker.session_id, asker.number)
        log.get_logger().debug("quote fetched for it", key=key, symbol=asker.symbol, user=asker.user)

    def lost(self, asker: Asker) -> None:
        """It gave nothing in time."""
        key = self.key(asker.session_id, asker.number)
        log.get_logger().debug("quote not had", key=key, symbol=asker.symbol)

    def recorded(self, hits: list[Hit]) -> None:
        """These are durable."""
        for quote in (hit.quote for hit in hits):
            key = self.key(quote.session_id, quote.number)
            log.get_logger().debug(
                "quote recorded", key=key, symbol=quote.symbol, price_cents=quote.price_cents
            )
