"""A throw-away stack with the web client, and the hands that move it: prices, other traders, kills, what the database says."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import dict_row

from db.check import Violation, check
from stack import webbuild
from stack.launcher import Stack, throw_away
from stack.state import State
from stack.topology import Shape
from webclient.accounts import put_supervisor

PASSWORD: Final = "seven green otters hum"
QUOTE_LIFE_MS: Final = 1_500
"""A price that the test changes is seen within this and a quarter of a second, as soon as a trigger wants it."""
_STANDING: Final = {"ABC": "20.00", "ABD": "31.50", "ACE": "8.25", "XYZ": "112.40"}
"""Stocks that somebody has asked for before: type-ahead finds them."""


@dataclass
class Market:
    """A running market."""

    stack: Stack
    folder: Path
    pending_life_ms: int
    prices: dict[str, str] = field(default_factory=lambda: dict(_STANDING))

    @property
    def state(self) -> State:
        return self.stack.state

    @property
    def url(self) -> str:
        """The web client's first page, without the slash at the end."""
        return str(self.state.web).rstrip("/")

    def price(self, symbol: str, dollars: str) -> None:
        """From its next hit on, that is what the stock costs."""
        self.prices[symbol] = dollars
        write_prices(self.folder, self.prices)

    def reset(self) -> None:
        """All prices are again what they were at the beginning, in the cache, too."""
        if self.prices != _STANDING:
            self.prices = dict(_STANDING)
            write_prices(self.folder, self.prices)
            time.sleep(QUOTE_LIFE_MS / 1000)

    def lines(self, *lines: str) -> list[str]:
        """What the load balancer answers to somebody with `nc`."""
        with socket.create_connection(self.state.balancer_address, timeout=20) as connection:
            connection.sendall("".join(f"{line}\n" for line in lines).encode())
            with connection.makefile("r", encoding="utf-8") as answers:
                return [answers.readline().rstrip("\n") for _ in lines]

    def supervisor(self, name: str) -> str:
        """A supervisor's log-in, whose password is PASSWORD."""
        put_supervisor(self.state.admin_url, name, PASSWORD)
        return name

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """What the database holds."""
        with psycopg.connect(self.state.audit_url, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def violations(self) -> list[Violation]:
        """Invariants that do not hold."""
        return check(self.state.audit_url, QUOTE_LIFE_MS, self.pending_life_ms)


def write_prices(folder: Path, prices: Mapping[str, str]) -> Path:
    """The quote server's price file, replaced whole."""
    path, new = folder / "prices", folder / "prices.new"
    new.write_text("".join(f"{symbol},{dollars}\n" for symbol, dollars in prices.items()), "ascii")
    new.rename(path)
    return path


@contextlib.contextmanager
def open_market(folder: Path, pending_life_ms: int = 60_000) -> Iterator[Market]:
    """A market of its own with its data, pages and prices; `folder` takes the prices and the audit logs."""
    webbuild.build()
    prices = write_prices(folder, _STANDING)
    (folder / "log").mkdir()
    shape = Shape(web_client=True, delay="none", price=f"file:{prices}")
    environ = {
        **os.environ,
        "DAYTRADE_LOG_DIR": str(folder / "log"),
        "DAYTRADE_QUOTE_LIFE_MS": str(QUOTE_LIFE_MS),
        "DAYTRADE_PENDING_LIFE_MS": str(pending_life_ms),
        "DAYTRADE_WEB_LOGIN_RATE": "1000",
    }
    with throw_away(shape, environ) as stack:
        market = Market(stack, folder, pending_life_ms)
        market.lines(*(f"QUOTE,someone,{symbol}" for symbol in _STANDING))
        yield market
