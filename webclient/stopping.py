"""Whether this worker is being stopped: a stream that lasts asks, and ends."""

from gevent.event import Event

_stopping = Event()


def begin() -> None:
    """From now on it is."""
    _stopping.set()


def wait(seconds: float) -> bool:
    """Waits that long, or until the worker is stopped; whether it is."""
    return _stopping.wait(seconds)


def is_stopping() -> bool:
    """Whether it is."""
    return _stopping.is_set()
