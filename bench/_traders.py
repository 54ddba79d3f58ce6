"""Traders of the web client: registered through its API, and their requests as bytes. One buys and commits in turn."""

import http.client
import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from core.errors import ProtocolError
from core.money import format_cents
from webclient.keys import Key, command_key

PASSWORD: Final = "four correct horses of battery"  # noqa: S105 (of accounts that live as long as a measurement)
DEPOSIT_CENTS: Final = 10**12
ORDER_CENTS: Final = 2_000_000
"""More than any share of the simulated quote server costs, so that no order is too small."""
SYMBOLS: Final = 50
Address = tuple[str, int]


class Trader(Struct, frozen=True):
    """Somebody who is logged in."""

    user: str
    cookie: str
    csrf: str

    def request(self, method: str, path: str, key: str = "", body: Any = None) -> bytes:
        """A whole HTTP request. The path may name the user as `{user}`."""
        content = b"" if body is None else msgspec.json.encode(body)
        lines = [
            f"{method} {path.format(user=self.user)} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Cookie: {self.cookie}",
            f"X-CSRF-Token: {self.csrf}",
        ]
        lines += [f"Idempotency-Key: {key}"] if key else []
        lines += [f"Content-Type: application/json\r\nContent-Length: {len(content)}"] if content else []
        return "\r\n".join([*lines, "", ""]).encode() + content


class Crowd:
    """Traders who buy and commit in turn; `request` is what bench._http wants."""

    def __init__(self, traders: Sequence[Trader], run: str) -> None:
        self.traders = traders
        self._run = run
        """Makes the keys new."""

    def key(self, lane: int, place: int) -> str:
        """The Idempotency-Key of a lane's request."""
        return f"{self._run}-{lane}-{place}"

    def name(self, lane: int, place: int) -> Key:
        """Under what the database knows it."""
        return command_key(self.traders[lane].user, self.key(lane, place))

    def request(self, lane: int, place: int) -> bytes:
        """BUY at even places, COMMIT_BUY at odd ones."""
        trader, key = self.traders[lane], self.key(lane, place)
        if place % 2:
            return trader.request("POST", "/api/users/{user}/buys/commit", key)
        body = {"symbol": symbol(lane + place // 2), "amount": format_cents(ORDER_CENTS)}
        return trader.request("POST", "/api/users/{user}/buys", key, body)


def symbol(number: int) -> str:
    """One of a few, so that prices are there after the first seconds."""
    return "W" + chr(ord("A") + number % SYMBOLS // 10) + chr(ord("A") + number % 10)


def register(address: Address, count: int) -> list[Trader]:
    """New traders with money, in the order of their names. Raises OSError, ProtocolError."""
    prefix = f"web-{secrets.token_hex(4)}"
    connection = http.client.HTTPConnection(*address, timeout=30)
    traders = [_register(connection, f"{prefix}-{number}") for number in range(count)]
    connection.close()
    return traders


def _register(connection: http.client.HTTPConnection, user: str) -> Trader:
    answer = _send(connection, "/api/registration", {"user": user, "password": PASSWORD}, {})
    cookies = answer.headers.get_all("Set-Cookie") or []
    cookie = next(text.partition(";")[0] for text in cookies if text.startswith("__Host-daytrade="))
    trader = Trader(user, cookie, msgspec.json.decode(answer.read())["csrf_token"])
    own = {"Cookie": cookie, "X-CSRF-Token": trader.csrf, "Idempotency-Key": "first-deposit"}
    _send(connection, f"/api/users/{user}/deposits", {"amount": format_cents(DEPOSIT_CENTS)}, own).read()
    return trader


def _send(
    connection: http.client.HTTPConnection, path: str, body: dict[str, str], headers: dict[str, str]
) -> http.client.HTTPResponse:
    given = {"Content-Type": "application/json", **headers}
    connection.request("POST", path, msgspec.json.encode(body), given)
    answer = connection.getresponse()
    if answer.status != 201:
        raise ProtocolError(f"POST {path} was answered with {answer.status}: {answer.read()[:200]!r}")
    return answer
