"""A worker of gunicorn: gevent's, but one that answers broken HTTP with problem details, waits for no slow peer for ever,
and at a stop lets idle connections go at once.
"""

import contextlib
import socket
import ssl
from functools import partial
from typing import Any, Final

import gevent
import msgspec
from gevent import Timeout
from gevent.hub import Hub
from greenlet import greenlet
from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.workers.base_async import AsyncWorker
from gunicorn.workers.ggevent import GeventWorker

from core.errors import BAD_REQUEST
from core.limits import LINGER_MS, MAX_WEB_BODY_BYTES, WEB_IDLE_S, WEB_SOCKET_S
from webclient import problems, sending, stopping
from webclient.headers import ALWAYS
from webclient.problems import Problem
from webclient.sharing import FairServer, Share

_TOO_LONG: Final = (http_errors.LimitRequestLine, http_errors.LimitRequestHeaders)


class _Idle(Timeout):
    """Ends the wait for a connection's next request: after a while, or when the worker stops."""

    def __init__(self, waiting: "dict[_Idle, greenlet]") -> None:
        super().__init__(WEB_IDLE_S, False)  # type: ignore[arg-type]  # (False: the block just ends)
        self._waiting = waiting

    def __enter__(self) -> "_Idle":
        self._waiting[self] = gevent.getcurrent()
        super().__enter__()
        return self

    def __exit__(self, *raised: Any) -> Any:
        self._waiting.pop(self, None)
        return super().__exit__(*raised)


class WebWorker(GeventWorker):  # type: ignore[misc]
    """See above."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.cfg: Any = sending.Settings(self.cfg)
        sending.install()
        self._idle: dict[_Idle, greenlet] = {}
        self.share: Share | None = None
        """What the arbiter gives before it forks."""

    def server_class(self, listener: Any, **options: Any) -> FairServer:
        """What accepts. (The library's own would take whatever it is quick enough for.)"""
        tls = {name: value for name, value in options.items() if name.startswith("ssl")}
        return FairServer(self.share, listener, partial(self.handle, listener), spawn=options["spawn"], **tls)

    def init_process(self) -> None:
        """In the forked worker: a handshake of TLS has a time limit, and one that fails is the peer's own trouble, not ours."""
        socket.setdefaulttimeout(WEB_SOCKET_S)
        Hub.NOT_ERROR = (*Hub.NOT_ERROR, ssl.SSLError, TimeoutError, ConnectionError)
        super().init_process()

    def timeout_ctx(self) -> Timeout:
        """Around the wait for, and the reading of, a request's head."""
        return _Idle(self._idle)

    def handle(self, listener: Any, client: Any, address: Any) -> None:
        """One connection. (The library's own would wait for ever for a body that does not come.)"""
        client.settimeout(WEB_SOCKET_S)
        AsyncWorker.handle(self, listener, client, address)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: streams end, idle connections close, requests under way are answered."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._let_go)

    def _let_go(self) -> None:
        stopping.begin()
        for idle, waiting in list(self._idle.items()):
            gevent.kill(waiting, idle)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """The peer's bytes are not HTTP, or more than we take."""
        code = problems.TOO_LARGE if isinstance(exc, _TOO_LONG) else BAD_REQUEST
        if not is_peers_fault(exc):
            self.log.exception("Error handling request")
            code = problems.INTERNAL
        with contextlib.suppress(OSError):  # gone already
            util.write_nonblock(client, _refusal(Problem(code)))
            _linger(client)


def _linger(client: socket.socket) -> None:
    """Takes what the peer still sends, for a moment: closed over unread bytes, a connection loses its last answer."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(LINGER_MS / 1000)
    left = MAX_WEB_BODY_BYTES
    while left > 0 and (data := client.recv(left)):
        left -= len(data)


def is_peers_fault(error: BaseException) -> bool:
    """Whether the peer's bytes are to blame, or that there are none."""
    ours = http_errors.InvalidResponseHeader | http_errors.InvalidResponseHeaderName
    return isinstance(error, http_errors.ParseException | ssl.SSLError) and not isinstance(error, ours)


def _refusal(problem: Problem) -> bytes:
    """A whole HTTP response."""
    body = msgspec.json.encode(problems.details(problem, ""))
    head = [
        f"HTTP/1.1 {problem.kind.status} {problem.kind.title}",
        "Connection: close",
        f"Content-Type: {problems.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        *(f"{name}: {value}" for name, value in ALWAYS),
    ]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
