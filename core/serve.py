"""How an asyncio tier is run: uvloop, a clean stop on SIGTERM and SIGINT, and no task that dies unseen."""

import asyncio
import contextlib
import ctypes
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import uvloop

from core import log
from core.settings import Settings

_tasks: set[asyncio.Task[Any]] = set()
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""glibc's mallopt(3)."""
_MMAP_BYTES, _TRIM_BYTES = 4 * 1024 * 1024, 16 * 1024 * 1024


def spawn(coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
    """Starts a background task and keeps it referenced. If it raises, that is a bug: it is logged and the process exits."""
    task = asyncio.get_running_loop().create_task(coroutine, name=name)
    _tasks.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: "asyncio.Task[Any]") -> None:
    _tasks.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.get_logger().error("task died", task=task.get_name(), exc_info=error)
        sys.stderr.flush()
        os._exit(70)


def calm_memory() -> None:
    """To be called once everything is imported, by every process on the path of a command.

    What reference counts do not free is little here, but Python looks for it after every 700 objects: a tenth of a shard's
    time. Now it looks after 50,000, and never again through what was imported. And glibc gives every buffer over 128 KB
    back to the kernel, which clears each page anew for the next one: a tenth of a web server's time. Now it keeps 16 MB.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with contextlib.suppress(OSError, AttributeError):  # another C library does as it likes
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_BYTES)


def run(main: Callable[[Settings, asyncio.Event], Awaitable[None]]) -> None:
    """Runs a tier until it is told to stop. `main` gets the settings and the event that is set by SIGTERM or SIGINT."""
    settings = Settings()
    log.configure(settings.name, settings.log_level)
    calm_memory()

    async def body() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        log.get_logger().info("starting", listen=str(settings.listen), process=os.getpid())
        await main(settings, stop)
        log.get_logger().info("stopped")

    uvloop.run(body())
