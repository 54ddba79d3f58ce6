"""How many threads have one look again: cheaper than an event or a condition, with threads and with greenlets."""

import threading


class Bell:
    """However often it is rung before somebody looks, that is one look."""

    __slots__ = ("_lock", "_rung")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._rung = False

    def ring(self) -> None:
        """There is something to see. Whoever rings holds a lock that all who ring share."""
        if not self._rung:
            self._rung = True
            self._lock.release()

    def wait(self) -> None:
        """Until it is rung; what was there to see before that is seen now. One thread only."""
        self._lock.acquire()
        self._rung = False
