"""A trigger server as a process. Any number of them may run beside each other; each trigger is fired by one of them, once."""

import asyncio
from functools import partial
from typing import Final

from core import log, metrics
from core.clock import SystemClock
from core.errors import Unavailable
from core.serve import spawn
from core.settings import Settings
from db.pool import Pool, open_pool
from db.quotes import QuoteStore
from quotecache.cache import QuoteCache
from quotecache.source import QuoteSource
from quotecache.trace import Trace as QuoteTrace
from quotecache.valkey import connect
from trigger.metrics import collect
from trigger.trace import Trace
from trigger.watch import Watch

_RETRY_DATABASE_S: Final = 0.2
_STOP_WITHIN_S: Final = 2.0
"""How long a clean stop waits for what is being fired; what is cut off then has happened or not, like everything here."""


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Runs a trigger server until `stop` is set. It listens once it knows everything that is armed."""
    opening = spawn(_open_pool(settings), "pool")
    stopping = spawn(stop.wait(), "stop")
    await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not opening.done():
        opening.cancel()
        return
    pool = opening.result()
    try:
        await _serve(settings, pool, stop)
    finally:
        await pool.close()


async def _open_pool(settings: Settings) -> Pool:
    """Waits for the database."""
    while True:
        try:
            return await open_pool(settings.database_url, min_size=2, max_size=4, name=settings.name)
        except Unavailable as error:
            log.get_logger().warning("database away", error=str(error))
            await asyncio.sleep(_RETRY_DATABASE_S)


async def _serve(settings: Settings, pool: Pool, stop: asyncio.Event) -> None:
    assert settings.quote_server is not None, "DAYTRADE_QUOTE_SERVER is not set"
    clock = SystemClock()
    watch = Watch(clock, settings.name, settings.quote_life_ms, settings.trigger_poll_ms, stop)
    quotes = QuoteCache(
        connect(settings.redis_url, settings.redis_password),
        QuoteSource(settings.quote_server, clock),
        QuoteStore(pool, settings.name),
        clock,
        settings.quote_life_ms,
        watch.on_quote,
        watch.on_failure,
    )
    if log.is_debug(settings.log_level):
        quote_trace = QuoteTrace()
        quotes.follow(quote_trace)
        watch.trace = Trace(quote_trace)
    metrics.serve(settings, "trigger", partial(collect, watch, quotes))
    await quotes.start()
    watching = spawn(watch.run(pool, quotes), "watch")
    health = spawn(_health(settings, watch), "health")
    await stop.wait()
    watch.on_stop()
    await asyncio.wait({watching}, timeout=_STOP_WITHIN_S)
    for task in (watching, health):
        task.cancel()
    await asyncio.gather(watching, health, return_exceptions=True)
    await quotes.stop()


async def _health(settings: Settings, watch: Watch) -> None:
    """A port that accepts and closes: whoever can connect knows that this server watches."""
    await watch.ready.wait()
    server = await asyncio.start_server(lambda _, writer: writer.close(), *settings.listen_address)
    async with server:
        await server.serve_forever()
