"""Structured logs: one JSON object a line on standard error, with the tier's name in each."""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

import msgspec
import structlog


def configure(name: str, level: str = "info") -> None:
    """Sets up logging for this process. Call once, at the start of a tier."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _naming(name),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # whole lines: processes share a file
        cache_logger_on_first_use=True,
    )


def _dumps(event: structlog.typing.EventDict, default: Callable[[Any], Any]) -> str:
    """The line. What is not Unicode, or too long for a number of 64 bits, the standard library can write down too."""
    try:
        return msgspec.json.encode(event, enc_hook=default).decode()
    except (UnicodeEncodeError, OverflowError):
        return json.dumps(event, default=default)


def _naming(name: str) -> structlog.typing.Processor:
    """Puts the tier's name into each line. (A bound variable would be unknown to threads and greenlets started elsewhere.)"""

    def add(logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["tier"] = name
        return event

    return add


def is_debug(level: str) -> bool:
    """Whether the way of each command is to be written down. Asked once, at the start: who does it costs others nothing."""
    return level.upper() == "DEBUG"


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The process's logger."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
