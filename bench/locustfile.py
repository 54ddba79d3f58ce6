"""What people do, for Locust: `./daytrade load`, or `locust -f bench/locustfile.py --host http://127.0.0.1:8000 [Browse Trade]`.

Four kinds of user, each answer held against the user's own books (bench._books): those who look around, those who trade, those
who set triggers, and programs that speak the line protocol to the load balancer. Times to think are those of people: seconds.
"""

import random
import secrets
import socket
import sys
import time
from typing import Any, Final

import gevent
import msgspec
from locust import User, between, events, run_single_user, task

from bench import _course
from bench._books import Books, Reply
from bench._traders import symbol
from bench._visitor import DEPOSIT_CENTS, Visitor
from core.errors import INSUFFICIENT_SHARES, TOO_SMALL
from core.money import format_cents, parse_decimal
from core.settings import Address

ORDER_CENTS: Final = (2_000_000, 5_000_000)
"""More than any share of the simulated quote server costs, so that no order is too small."""
_FAR_CENTS: Final = 1
"""No price gets there: armed triggers stay, and the books can be kept."""
_TCP_PATIENCE_S: Final = 60.0


@events.init_command_line_parser.add_listener  # type: ignore[untyped-decorator]
def _arguments(parser: Any) -> None:
    _course.arguments(parser)
    parser.add_argument(
        "--balancer", default="127.0.0.1:7000", help="HOST:PORT of the load balancer (TCP users)"
    )


@events.init.add_listener  # type: ignore[untyped-decorator]
def _prepare(environment: Any, **_: Any) -> None:
    """Exit code 1 after any failure, also one that the statistics forgot when all users had come; and when nothing was asked.

    Then the course of the load, if the options ask for one.
    """
    seen = {"answers": 0, "failures": 0}

    def count(exception: BaseException | None, **_: Any) -> None:
        seen["answers"] += 1
        seen["failures"] += exception is not None

    def judge(**_: Any) -> None:
        if seen["failures"] or not seen["answers"] or environment.runner.exceptions:
            environment.process_exit_code = 1

    environment.events.request.add_listener(count)
    environment.events.quitting.add_listener(judge)
    _course.follow(environment)


class Browse(Visitor):
    """Looks around: accounts, prices, the watch list, history."""

    weight = 5
    wait_time = between(2, 8)

    @task(4)
    def account(self) -> None:
        self.read("/account", self.books.shown)

    @task(3)
    def search(self) -> None:
        prefix = self.any_symbol()[:2]
        path = f"/symbols?prefix={prefix}&limit=20"
        self.read(path, lambda reply: _all_begin(reply, prefix), "/symbols?prefix=", own=False)

    @task(2)
    def chart(self) -> None:
        path = f"/symbols/{self.any_symbol()}/prices?limit=200"
        self.read(path, _ordered_prices, "/symbols/…/prices", own=False)

    @task(2)
    def quote(self) -> None:
        wanted = self.any_symbol()
        self.read(f"/quotes/{wanted}", lambda reply: self.books.quoted(wanted, reply), "/quotes/…")

    @task(2)
    def history(self) -> None:
        self.read("/history?limit=50", _newest_first, "/history")

    @task(1)
    def watch_list(self) -> None:
        self.read("/watchlist", lambda reply: "" if isinstance(reply.get("symbols"), list) else "no list")


class Trade(Visitor):
    """Asks for a price, orders, thinks, confirms or cancels, looks at the account, as the page does."""

    weight = 3
    wait_time = between(1, 5)

    @task(3)
    def buy(self) -> None:
        wanted, cents = self.any_symbol(), random.randrange(*ORDER_CENTS)
        self.read(f"/quotes/{wanted}", lambda reply: self.books.quoted(wanted, reply), "/quotes/…")
        body = {"symbol": wanted, "amount": format_cents(cents)}
        if self.command(
            "POST", "/buys", body, lambda reply: self.books.bought(wanted, cents, reply), status=201
        ):
            self._confirm("/buys", self.books.buy_committed, self.books.buy_cancelled)

    @task(2)
    def sell(self) -> None:
        held = [name for name, count in self.books.shares.items() if count > 1]
        if not held:
            return
        wanted = random.choice(held)
        quoted = self.read(f"/quotes/{wanted}", lambda reply: self.books.quoted(wanted, reply), "/quotes/…")
        if quoted is None:
            return
        cents = (parse_decimal(quoted["price"]) or 0) * max(1, self.books.shares[wanted] // 2)
        body = {"symbol": wanted, "amount": format_cents(cents)}
        sold = self.command(
            "POST", "/sells", body, lambda reply: self.books.sold(wanted, cents, reply), status=201,
            refusals=frozenset({TOO_SMALL, INSUFFICIENT_SHARES}),  # the price may have changed
        )  # fmt: skip
        if sold:
            self._confirm("/sells", self.books.sell_committed, self.books.sell_cancelled)

    def _confirm(self, path: str, committed: Any, cancelled: Any) -> None:
        self.read("/account", self.books.shown)
        gevent.sleep(random.uniform(1, 3))
        if random.random() < 0.8:
            self.command("POST", f"{path}/commit", None, committed)
        else:
            self.command("POST", f"{path}/cancel", None, cancelled)
        self.read("/account", self.books.shown)


class Trigger(Visitor):
    """Sets money aside, arms, looks, takes it back."""

    weight = 1
    wait_time = between(2, 6)

    @task
    def round(self) -> None:
        wanted, cents = self.any_symbol(), random.randrange(1_000, 100_000)
        path = f"/triggers/buy/{wanted}"
        aside = self.command(
            "PUT", f"{path}/amount", {"amount": format_cents(cents)},
            lambda reply: self.books.put_aside(wanted, cents, reply), "/triggers/buy/…/amount",
        )  # fmt: skip
        if aside is None:
            return
        self.command(
            "PUT", f"{path}/price", {"price": format_cents(_FAR_CENTS)},
            lambda reply: self.books.armed(wanted, _FAR_CENTS, reply), "/triggers/buy/…/price",
        )  # fmt: skip
        self.read("/account", self.books.shown)
        gevent.sleep(random.uniform(1, 3))
        self.command(
            "DELETE", path, None, lambda reply: self.books.disarmed(wanted, reply), "/triggers/buy/…"
        )


class RawTcp(User):
    """A program that speaks the line protocol: a connection and a session of its own, an order and its confirmation at a time."""

    weight = 1
    wait_time = between(0.5, 1.5)

    def on_start(self) -> None:
        """Connects, opens a session, puts money in."""
        address = Address.parse(self.environment.parsed_options.balancer)
        self._connection = socket.create_connection(address, timeout=_TCP_PATIENCE_S)
        self._replies = self._connection.makefile("rb")
        self._connection.sendall(b"SESSION %b\n" % secrets.token_hex(16).encode())
        assert self._replies.readline() == b"SESSION OK\n", "the session was not opened"
        self._number = 0
        self._user = f"load-{secrets.token_hex(6)}"
        self.books = Books()
        self._send(
            f"ADD,{self._user},{format_cents(DEPOSIT_CENTS)}",
            lambda reply: self.books.deposited(DEPOSIT_CENTS, reply),
        )
        _course.arrived.add(self._user)

    def on_stop(self) -> None:
        """Hangs up."""
        _course.arrived.discard(self._user)
        self._connection.close()

    @task
    def trade(self) -> None:
        wanted, cents = symbol(random.randrange(50)), random.randrange(*ORDER_CENTS)
        self._send(f"QUOTE,{self._user},{wanted}", lambda reply: self.books.quoted(wanted, reply))
        self._send(
            f"BUY,{self._user},{wanted},{format_cents(cents)}",
            lambda reply: self.books.bought(wanted, cents, reply),
        )
        self._send(f"COMMIT_BUY,{self._user}", self.books.buy_committed)
        self._send(f"DISPLAY_SUMMARY,{self._user}", self.books.shown)

    def _send(self, line: str, check: Any) -> None:
        self._number += 1
        began = time.perf_counter()
        self._connection.sendall(f"[{self._number}] {line}\n".encode())
        reply = self._replies.readline()
        ms = (time.perf_counter() - began) * 1000
        complaint = _complaint(reply, b"[%d] OK " % self._number, check)
        self.environment.events.request.fire(
            request_type="TCP", name=line.partition(",")[0], response_time=ms, response_length=len(reply),
            exception=ValueError(complaint) if complaint else None, context={},
        )  # fmt: skip


def _complaint(line: bytes, begin: bytes, check: Any) -> str:
    if not line.startswith(begin):
        return f"no success: {line[:200]!r}"
    return str(check(msgspec.json.decode(line[len(begin) :])))


def _all_begin(reply: Reply, prefix: str) -> str:
    found = [each["symbol"] for each in reply["symbols"]]
    return "" if all(name.startswith(prefix) for name in found) else f"{found} do not begin with {prefix}"


def _ordered_prices(reply: Reply) -> str:
    times = [each["quoted_at"] for each in reply["prices"]]
    return "" if times == sorted(times) else "the prices are not in order"


def _newest_first(reply: Reply) -> str:
    times = [each["at"] for each in reply["entries"]]
    return "" if times and times == sorted(times, reverse=True) else f"no history, newest first: {times[:3]}"


if (
    __name__ == "__main__"
):  # one user alone, under a debugger: `python -m bench.locustfile http://127.0.0.1:8000`
    Browse.host = sys.argv[1]
    run_single_user(Browse, include_length=True, include_time=True)
