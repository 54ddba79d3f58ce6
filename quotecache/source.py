"""Asks the legacy quote server (quote-server.md): one connection a quote."""

from core.clock import Clock
from core.settings import Address


class QuoteSource:
    """The client of one quote server, shared by all fetches of a process."""

    def __init__(self, address: Address, clock: Clock) -> None:
        raise NotImplementedError
