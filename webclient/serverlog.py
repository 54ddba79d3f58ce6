"""gunicorn's own messages as lines of our log. (Requests are logged by webclient.accesslog.)"""

import logging
from typing import Any

from gunicorn.glogging import Logger

from core import log

_QUIET = logging.INFO
"""Comings and goings of workers; what is not worth a line at our usual level."""


class _Lines(logging.Handler):
    """Writes each record as one structured line."""

    def emit(self, record: logging.LogRecord) -> None:
        level = {logging.INFO: "debug", logging.CRITICAL: "error"}.get(
            record.levelno, record.levelname.lower()
        )
        getattr(log.get_logger(), level)(record.getMessage(), exc_info=record.exc_info, source="gunicorn")


class ServerLog(Logger):  # type: ignore[misc]
    """gunicorn's logger, with our lines for its two streams."""

    def setup(self, cfg: Any) -> None:
        """Called once in the arbiter; workers inherit it."""
        self.error_log.propagate = False
        self.error_log.handlers = [_Lines()]
        self.error_log.setLevel(_QUIET)
        self.access_log.handlers = []
