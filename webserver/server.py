"""The web server's process: listens to load balancers, keeps a connection to every shard, stops cleanly."""

import asyncio
import os
import sys
from functools import partial
from typing import Any

from core import log, metrics
from core.clock import SystemClock
from core.limits import DRAIN_DEADLINE_MS, RECONNECT_MS
from core.serve import spawn
from core.settings import Address, Settings
from webserver.desk import Desk
from webserver.links import BalancerLink, BalancerLinks, ShardLink
from webserver.metrics import collect
from webserver.trace import Trace

_CONNECT_S = 1.0
_TICK_S = 0.25


async def main(settings: Settings, stop: asyncio.Event) -> None:
    """Runs until `stop` is set; then answers what is outstanding."""
    if not settings.shards:
        raise ValueError("DAYTRADE_SHARDS is not set (HOST:PORT,HOST:PORT)")
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_die)
    links = BalancerLinks(Desk(len(settings.shards)), SystemClock())
    links.desk.trace = Trace() if log.is_debug(settings.log_level) else None
    metrics.serve(settings, "webserver", partial(collect, links))
    host, port = settings.listen_address
    listener = await loop.create_server(partial(BalancerLink, links), host, port, backlog=1024)
    tasks = [
        spawn(_keep_linked(shard, address, links), f"shard {shard}")
        for shard, address in enumerate(settings.shards)
    ]
    tasks.append(spawn(_tick(links), "tick"))
    await stop.wait()
    listener.close()
    links.stop()
    await _drain(links)
    for task in tasks:
        task.cancel()


async def _keep_linked(shard: int, address: Address, links: BalancerLinks) -> None:
    """Connects to a shard, again and again."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, link = await loop.create_connection(partial(ShardLink, shard, links), *address)
        except OSError:  # a TimeoutError is one too
            pass
        else:
            await link.closed
        await asyncio.sleep(RECONNECT_MS / 1000)


async def _tick(links: BalancerLinks) -> None:
    """Looks after what has waited too long."""
    while True:
        await asyncio.sleep(_TICK_S)
        links.desk.expire(links.clock.monotonic_ms())
        links.watch_fullness()


async def _drain(links: BalancerLinks) -> None:
    """Waits for the answers that are due and for the load balancers to take them, but not for ever."""
    deadline_ms = links.clock.monotonic_ms() + DRAIN_DEADLINE_MS
    while not links.desk.idle and links.clock.monotonic_ms() < deadline_ms:
        await asyncio.sleep(0.01)
    for link in list(links.open):
        link.close()
    while links.open and links.clock.monotonic_ms() < deadline_ms:
        await asyncio.sleep(0.01)


def _die(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a callback raised is a bug: logged once, and the process ends. A socket's own trouble costs that socket only."""
    error = context.get("exception")
    log.get_logger().error("callback failed", what=context.get("message"), exc_info=error)
    if not isinstance(error, OSError):
        sys.stderr.flush()
        os._exit(70)
