"""The load balancer's process: an acceptor, a health checker, one I/O loop, and the main thread that waits for the end."""

import contextlib
import errno
import os
import resource
import secrets
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial

from core import log, metrics
from core.clock import SystemClock
from core.limits import DRAIN_DEADLINE_MS, MAX_CLIENT_CONNECTIONS
from core.serve import calm_memory
from core.settings import Settings
from loadbalancer.balance import Balancer
from loadbalancer.health import Checker
from loadbalancer.loop import Loop
from loadbalancer.metrics import collect
from loadbalancer.trace import Trace

_BACKLOG = 4096
_SPARE_DESCRIPTORS = 64
_STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


def main() -> None:
    """Runs the balancer until SIGTERM or SIGINT; then answers what is outstanding and returns."""
    settings = Settings()
    log.configure(settings.name, settings.log_level)
    calm_memory()
    if not settings.web_servers:
        raise ValueError("DAYTRADE_WEB_SERVERS is not set (HOST:PORT,HOST:PORT)")
    # Blocked in every thread, and waited for by this one: a handler that sets an event may find the event's lock taken.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    threading.excepthook = _die
    clock = SystemClock()
    servers = [str(address) for address in settings.web_servers]
    balancer = Balancer(servers, _new_session)
    balancer.trace = Trace(servers) if log.is_debug(settings.log_level) else None
    checker = Checker(settings.web_servers, clock)
    loop = Loop(balancer, clock, checker.lost)
    metrics.serve(settings, "loadbalancer", partial(collect, balancer, loop))
    limit = min(MAX_CLIENT_CONNECTIONS, _raise_descriptor_limit() - _SPARE_DESCRIPTORS)
    with socket.create_server(settings.listen_address, backlog=_BACKLOG) as listener:
        log.get_logger().info("starting", listen=str(settings.listen), process=os.getpid(), connections=limit)
        acceptor = Acceptor(listener, loop, limit)
        _start(acceptor.run, "acceptor")
        _start(lambda: checker.run(loop.add_link, loop.drop_link), "health")
        working = _start(loop.run, "loop")
        signal.sigwait(_STOP_SIGNALS)
        acceptor.stop()
    loop.stop()
    working.join(2 * DRAIN_DEADLINE_MS / 1000)
    checker.stop()
    log.get_logger().info("stopped")


class Acceptor:
    """Accepts clients and hands them to the loop; the surplus is closed at once."""

    def __init__(self, listener: socket.socket, loop: Loop, limit: int) -> None:
        self._listener = listener
        self._loop = loop
        self._limit = limit
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Has `run` return. May be called by another thread."""
        self._stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Accepts until stopped."""
        while not self._stopped.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._stopped.wait(0.1)  # they stay in the kernel's queue until somebody else has left
                elif not self._stopped.is_set() and error.errno != errno.ECONNABORTED:
                    raise
                continue
            if self._loop.client_count >= self._limit:
                sock.close()
            else:
                self._loop.add_client(sock)


def _new_session() -> bytes:
    return secrets.token_hex(16).encode()


def _raise_descriptor_limit() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CLIENT_CONNECTIONS + _SPARE_DESCRIPTORS
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return limit


def _start(run: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread


def _die(failure: threading.ExceptHookArgs) -> None:
    """A thread that raised is a bug: logged once, and the process ends, to be started anew."""
    log.get_logger().error(
        "thread died", thread=failure.thread and failure.thread.name, exc_info=failure.exc_value
    )
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(70)
