"""The shared copy of the quotes in Valkey."""

from redis.asyncio import Redis


def connect(url: str, password: str | None) -> "Redis":
    """A client for QuoteCache: it connects on first use, does not retry by itself and times out quickly."""
    raise NotImplementedError
