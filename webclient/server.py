"""The processes of the web client: gunicorn's arbiter, which is this one, and its gevent workers.

The arbiter never imports the application: a worker patches the standard library for gevent first, then imports it, so nothing
keeps what was there before. A worker that dies is replaced at once; when the arbiter dies, the kernel ends its workers.
"""

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final

from gunicorn.app.base import BaseApplication

from core import log
from core.settings import Settings
from webclient import scratch
from webclient.serverlog import ServerLog
from webclient.sharing import Shares
from webclient.worker import WebWorker

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PR_SET_PDEATHSIG: Final = 1
GRACE_S: Final = 5
"""Requests that are under way at a stop may take this long; streams end at once."""
_MAX_CONNECTIONS: Final = 4_000
"""Of one worker."""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told by our settings instead of by its command line or files."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._shares = Shares(settings.web_workers)
        super().__init__()

    def load_config(self) -> None:
        hooks = {"pre_fork": self._before_fork, "child_exit": self._after_death}
        for name, value in {**options(self.settings), **hooks}.items():
            self.cfg.set(name, value)

    def load(self) -> "WSGIApplication":
        """In the worker, after the standard library has been patched."""
        from webclient.compose import compose

        return compose(self.settings)

    def _before_fork(self, arbiter: Any, worker: WebWorker) -> None:
        worker.share = self._shares.take()

    def _after_death(self, arbiter: Any, worker: WebWorker) -> None:
        """Its connections are nobody's, and what its gauges say is no more."""
        from prometheus_client.multiprocess import mark_process_dead

        self._shares.give_back(worker.share)
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def options(settings: Settings) -> dict[str, Any]:
    """gunicorn's options."""
    return {
        "bind": str(settings.listen_address),
        "workers": settings.web_workers,
        "worker_class": WebWorker,
        "worker_connections": _MAX_CONNECTIONS,
        "proc_name": settings.name,
        "graceful_timeout": GRACE_S,
        "timeout": 30,
        "keepalive": 75,
        "limit_request_line": 4094,
        "limit_request_fields": 64,
        "limit_request_field_size": 8190,
        "forwarded_allow_ips": "",
        "control_socket_disable": True,
        "logger_class": ServerLog,
        "accesslog": None,
        "post_fork": _post_fork,
        **_tls(settings),
    }


def _tls(settings: Settings) -> dict[str, Any]:
    if settings.tls_cert is None:
        return {}
    return {"certfile": str(settings.tls_cert), "keyfile": str(settings.tls_key)}


def _post_fork(arbiter: Any, worker: Any) -> None:
    """The worker dies with the arbiter, so that the next arbiter finds the port free."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != arbiter.pid:
        sys.exit(0)


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    settings = Settings()
    log.configure(settings.name, settings.log_level)
    with scratch.folder("daytrade-web-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
        _show_metrics(settings, str(folder))
        Server(settings).run()


def _show_metrics(settings: Settings, folder: str) -> None:
    """The workers' numbers together, at DAYTRADE_METRICS. (prometheus_client looks for the folder when it is imported.)"""
    from prometheus_client.multiprocess import MultiProcessCollector

    from core import metrics

    collector = MultiProcessCollector(None, folder)  # type: ignore[no-untyped-call]
    metrics.serve(settings, "webclient", collector.collect)
