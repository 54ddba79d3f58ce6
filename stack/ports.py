"""Free TCP ports on the loopback address, below the range from which the kernel takes ports for outgoing connections."""

import random
import socket
import sys
from typing import Final

from stack.errors import StackError

LOOPBACK: Final = "127.0.0.1"
_FIRST: Final = 20_000
_BEHIND_LAST: Final = 32_768
_TRIES: Final = 200


class Reservation:
    """A port nobody else will pick: a socket of ours is bound to it, but does not listen.

    On Linux a server that sets SO_REUSEADDR (all of ours do) can listen there all the same, also after it was restarted,
    while the bind test of another stack fails. Elsewhere both would fail, so the port is let go at once.
    """

    def __init__(self, port: int) -> None:
        """Raises OSError when the port is taken."""
        self.port = port
        self._socket = _bound(port, reuse=True)
        if sys.platform != "linux":
            self.release()

    def release(self) -> None:
        """Lets others have it."""
        self._socket.close()


def _bound(port: int, reuse: bool) -> socket.socket:
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
        bound.bind((LOOPBACK, port))
    except OSError:
        bound.close()
        raise
    return bound


def reserve() -> Reservation:
    """Some free port. Raises StackError when none is found."""
    for _ in range(_TRIES):
        port = random.randrange(_FIRST, _BEHIND_LAST)
        try:
            _bound(port, reuse=False).close()
            return Reservation(port)
        except OSError:
            continue
    raise StackError(
        f"No free port between {_FIRST} and {_BEHIND_LAST - 1}: stop some of the programs that listen there."
    )


def reserve_first(port: int) -> Reservation:
    """This port unless somebody listens there, else some other. Connections of an earlier listener may still be closing."""
    try:
        with _bound(port, reuse=True) as trial:
            trial.listen()
        return Reservation(port)
    except OSError:
        return reserve()


def accepts(address: tuple[str, int], timeout_seconds: float = 0.5) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection(address, timeout_seconds):
            return True
    except OSError:
        return False
