"""The shared copy of the quotes in Valkey (any server that speaks Redis), and the locks of those who are fetching.

    quote:SYM        the newest quote as JSON, until its life is over
    quote-lock:SYM   the token of the process that is fetching it
    quote-era        there since the first call; missing: everything was lost (see ask.lua)
    quotes:DB        the channel on which new quotes are told; with the database's number, for channels belong to none

Each operation is one script and may be repeated: an answer that was lost costs nothing. All raise Unavailable.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence, Set
from pathlib import Path
from typing import Final

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as LostConnection
from redis.exceptions import TimeoutError as TooLate

from core.errors import Unavailable
from core.limits import QUOTE_EMPTIED_PAUSE_MS, QUOTE_LOCK_MS
from quotecache.freshness import Quote, remaining_ms

_ERA: Final = "quote-era"
_PAUSE: Final = "quote-pause"
_STANDING: Final[dict[int, bool | None]] = {1: True, 0: False, -1: None}
"""What ask.lua answers for a symbol without a quote."""
_ANSWER_S: Final = 2
_CONNECT_S: Final = 1

_Value = str | bytes | int

_encode = msgspec.json.Encoder().encode
_decode_one = msgspec.json.Decoder(Quote).decode
_decode_many = msgspec.json.Decoder(list[Quote]).decode


def connect(url: str, password: str | None) -> "Redis":
    """A client for QuoteCache: it connects on first use, does not retry by itself and times out quickly."""
    return Redis.from_url(
        url,
        password=password,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=_ANSWER_S,
        socket_connect_timeout=_CONNECT_S,
    )


class SharedQuotes:
    """One process's access to the shared quotes. The process is known by a token of its own."""

    def __init__(self, redis: "Redis", life_ms: int) -> None:
        self._redis = redis
        self._life_ms = life_ms
        self._token = secrets.token_hex(16)
        self._channel = f"quotes:{redis.connection_pool.connection_kwargs.get('db') or 0}"
        self._known = False
        # One call at a time, and so one connection.
        self._turn = asyncio.Lock()
        self._ask, self._hold, self._share = (
            redis.register_script(_script(n)) for n in ("ask", "hold", "share")
        )

    async def ask(self, symbols: Sequence[str], now_ms: int) -> list[Quote | bool | None]:
        """For each symbol a fresh quote; or True: we are to fetch it now; or False: somebody else is fetching it.

        None: all was lost a moment ago, so whoever is fetching it has to say so first; to be asked again very soon.
        """
        known = "1" if self._known else "0"
        self._known = True  # also if the answer is lost: it may have been heard
        arguments: list[_Value] = [
            self._token,
            QUOTE_LOCK_MS,
            now_ms,
            self._life_ms,
            QUOTE_EMPTIED_PAUSE_MS,
            known,
        ]
        answers = await self._call(self._ask, lambda: [_ERA, _PAUSE, *_pairs(symbols)], arguments)
        return [_decode_one(answer) if isinstance(answer, bytes) else _STANDING[answer] for answer in answers]

    async def hold(self, held: Set[str]) -> None:
        """Renews our locks of these symbols, and puts them back where they were lost.

        `held` is read only when the call's turn comes: a lock that was given up before is not put back.
        """
        arguments: list[_Value] = [self._token, QUOTE_LOCK_MS, QUOTE_EMPTIED_PAUSE_MS]
        await self._call(self._hold, lambda: [_ERA, _PAUSE, *map(_lock_key, held)], arguments)
        self._known = True

    async def share(self, quotes: Sequence[Quote], given_up: Sequence[str], now_ms: int) -> None:
        """Stores durable quotes and tells everybody; gives up our locks of their symbols and of those in `given_up`.

        A quote is kept for what is left of its life; one that is over is not stored.
        """
        arguments: list[_Value] = [self._token, self._channel, _encode(quotes) if quotes else b""]
        for quote in quotes:
            arguments += [_encode(quote), remaining_ms(quote, now_ms, self._life_ms)]
        arguments += [b"", 0] * len(given_up)
        symbols = [*(quote.symbol for quote in quotes), *given_up]
        await self._call(self._share, lambda: list(_pairs(symbols)), arguments)

    async def told(self) -> AsyncGenerator[list[Quote], None]:
        """What others (and we) shared, from now on. First an empty list: from here on nothing is missed.

        Begins with a call, so that this process counts as one that has been here, and notices at once that all was lost.
        """
        try:
            async with self._redis.pubsub() as channel:
                await channel.subscribe(self._channel)
                async for message in channel.listen():
                    if message["type"] == "message":
                        yield _decode_many(message["data"])
                    else:
                        await self.ask([], 0)
                        yield []
        except (LostConnection, TooLate, OSError) as error:
            raise Unavailable(f"cache: {error}") from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._redis.aclose()

    async def _call(
        self, script: AsyncScript, keys: Callable[[], list[str]], arguments: Sequence[_Value]
    ) -> Sequence[bytes | int]:
        try:
            async with self._turn:
                answers: Sequence[bytes | int] | None = await script(keys=keys(), args=arguments)
                return answers or ()
        except (LostConnection, TooLate, OSError) as error:
            raise Unavailable(f"cache: {error}") from error


def _pairs(symbols: Iterable[str]) -> Iterable[str]:
    for symbol in symbols:
        yield f"quote:{symbol}"
        yield _lock_key(symbol)


def _lock_key(symbol: str) -> str:
    return f"quote-lock:{symbol}"


def _script(name: str) -> str:
    return (Path(__file__).parent / "scripts" / f"{name}.lua").read_text("ascii")
