"""A command on its way through the load balancer, for the resources: asked once, and its answer turned into theirs."""

from typing import Final

from flask import Response, g

from core.errors import BUSY, NO_AMOUNT_SET, NOT_SET, UNKNOWN_USER, Unavailable
from webclient.commands import Command, Refused
from webclient.keys import Key, command_key
from webclient.parts import parts
from webclient.problems import Problem

REQUEST_KEY_HEADER: Final = "X-Request-Key"
_SPEAK_OF_COMMANDS: Final = frozenset({UNKNOWN_USER, NO_AMOUNT_SET, NOT_SET})
"""Refusals whose words name commands, which mean nothing to somebody in a browser: their title says it."""


def once(command: Command, key: str) -> bytes:
    """The JSON object that the command is answered with; it is done at most once for this user and Idempotency-Key.

    Raises Problem when it is refused, or BUSY when no answer is to be had in time.
    """
    return _ask(command_key(command.user, key), command)


def read(command: Command) -> bytes:
    """The same for a command without a key: one that only reads, or may be done again."""
    return _ask(parts().lines.read_key(), command)


def _ask(key: Key, command: Command) -> bytes:
    g.request_key = str(key)
    try:
        answer = parts().lines.ask(key, command)
    except Unavailable as error:
        raise Problem(BUSY, str(error)) from error
    if isinstance(answer, Refused):
        raise Problem(answer.code, "" if answer.code in _SPEAK_OF_COMMANDS else answer.message)
    return answer.body


def name_request(response: Response) -> Response:
    """Adds under which key the tiers know the request (session/number), by which their logs and the database have it."""
    key: str | None = g.get("request_key")
    if key is not None:
        response.headers[REQUEST_KEY_HEADER] = key
    return response
