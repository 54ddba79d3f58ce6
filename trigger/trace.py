"""The way of single triggers, for DAYTRADE_LOG_LEVEL=debug: each fire in the log, by the key of the command that armed it."""

from collections.abc import Sequence

from core import log
from db import keys
from db.fires import Candidate, Connection
from quotecache.freshness import Asker
from quotecache.trace import Trace as QuoteTrace


class Trace:
    """Looks up in the database what the trigger server need not know. It has one at that level only."""

    def __init__(self, quotes: QuoteTrace) -> None:
        """`quotes` is told the names of the sessions on whose behalf quotes are asked for."""
        self._quotes = quotes

    async def asked(self, one: Connection, askers: Sequence[Asker]) -> None:
        """Quotes are about to be wanted on behalf of these."""
        if unknown := self._quotes.unknown([asker.session_id for asker in askers]):
            self._quotes.learn(await keys.session_names(one, unknown))

    async def armed(self, one: Connection, group: Sequence[Candidate]) -> keys.Armed:
        """The keys of those that are armed, before and after firing."""
        return await keys.armed(one, group)

    def fired(self, before: keys.Armed, after: keys.Armed, group: Sequence[Candidate], count: int) -> None:
        """So many of the group were fired. Who is gone was, unless more are gone: somebody cancelled in that moment."""
        gone = {key for key, number in before.items() if after.get(key) != number}
        event = "fired" if len(gone) == count else "fired or cancelled"
        for candidate in group:
            place = candidate.user, candidate.symbol, candidate.side
            if place in gone:
                quote = candidate.quote
                log.get_logger().debug(
                    event, key=before[place], user=candidate.user, symbol=candidate.symbol,
                    side="buy" if candidate.side == keys.BUY else "sell",
                    price_cents=quote.price_cents, quote_time_ms=quote.time_ms,
                )  # fmt: skip
