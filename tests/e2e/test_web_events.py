"""Events of an account on a whole stack: each arrives, once, whatever breaks on the way."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from core.limits import MAX_STREAMS_PER_USER
from core.metrics import fetch
from core.settings import Address
from stack.launcher import Stack
from stack.process import wait_until
from stack.topology import WEB_CLIENT, Shape
from tests.e2e.conftest import running
from tests.e2e.listener import Listener
from tests.e2e.visitor import Visitor

PENDING_LIFE_MS = 1_200
QUOTE_LIFE_MS = 700
GENEROUS = {f"DAYTRADE_WEB_{what}_RATE": "100000" for what in ("USER", "ADDRESS", "LOGIN")}
Price = Callable[[str, str], None]


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quote server's price file."""
    return tmp_path_factory.mktemp("prices") / "prices"


@pytest.fixture(scope="module")
def price(prices: Path) -> Price:
    """Says what a stock costs from its next hit on."""
    known: dict[str, str] = {}

    def write(symbol: str, dollars: str) -> None:
        known[symbol] = dollars
        new = prices.with_suffix(".new")
        new.write_text("".join(f"{name},{text}\n" for name, text in known.items()))
        new.rename(prices)

    write("ABC", "10.00")
    return write


@pytest.fixture(scope="module")
def stack(prices: Path, price: Price, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    shape = Shape(shards=1, web_servers=1, delay="none", price=f"file:{prices}", web_client=True)
    lives = {"DAYTRADE_PENDING_LIFE_MS": str(PENDING_LIFE_MS), "DAYTRADE_QUOTE_LIFE_MS": str(QUOTE_LIFE_MS)}
    with running(shape, tmp_path_factory.mktemp("logs"), {**GENEROUS, **lives}) as one:
        yield one


@pytest.fixture
def trader(stack: Stack, request: pytest.FixtureRequest) -> Visitor:
    """A new trader with the test's name, who has 1,000.00."""
    assert stack.state.web is not None
    one = Visitor(stack.state.web, request.node.name[-60:])
    assert one.deposit("1000").status == 201
    return one


def arm(trader: Visitor, symbol: str, amount: str, dollars: str) -> None:
    """A buy trigger."""
    assert trader.own("PUT", f"triggers/buy/{symbol}/amount", {"amount": amount}).status == 200
    assert trader.own("PUT", f"triggers/buy/{symbol}/price", {"price": dollars}).status == 200


def workers(stack: Stack) -> list[int]:
    """The processes that serve."""
    process = stack.state.part(WEB_CLIENT).process
    assert process is not None
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def kill_workers(stack: Stack) -> None:
    """With -9; waits until there are new ones."""
    old = workers(stack)
    assert len(old) == 2
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: len(workers(stack)) == 2 and not set(workers(stack)) & set(old), 10)


def test_a_trigger_fires_and_an_order_expires(trader: Visitor, price: Price) -> None:
    price("F", "10.00")
    listener = Listener(trader)
    listener.hear("hello")
    arm(trader, "F", "95", "9.50")
    price("F", "9.00")
    (fire,) = listener.hear("fire")
    assert (fire["symbol"], fire["side"], fire["price"], fire["shares"], fire["cash_added"]) == (
        "F",
        "buy",
        "9.00",
        10,
        "5.00",
    )
    bought = trader.order("buys", "F", "50")
    assert bought.status == 201
    (expiry,) = listener.hear("expiry")
    assert (expiry["symbol"], expiry["side"], expiry["shares"], expiry["cash_added"]) == (
        "F",
        "buy",
        5,
        "45.00",
    )
    assert expiry["at"] >= bought.json["expires_at"]
    assert trader.account()["holdings"]["F"]["shares"] == 10
    time.sleep(1)
    assert len(listener.named("fire")) == len(listener.named("expiry")) == 1
    assert {"symbol": "F", "price": "9.00"}.items() <= listener.quotes[-1].items()
    kinds = [name for name, _ in listener.events]
    assert kinds.index("fire") < kinds.index("expiry")
    listener.close()


def test_looking_at_the_account_is_no_event(trader: Visitor) -> None:
    listener = Listener(trader)
    listener.hear("hello")
    for _ in range(5):
        trader.account()
        time.sleep(0.3)
    assert listener.named("account") == []
    trader.deposit("1")
    listener.hear("account")
    trader.account()
    time.sleep(0.6)
    assert len(listener.named("account")) == 1
    listener.close()


def test_who_comes_back_is_told_what_was_missed(trader: Visitor, price: Price) -> None:
    price("R", "10.00")
    listener = Listener(trader)
    listener.hear("hello")
    listener.close()
    arm(trader, "R", "95", "9.50")
    assert trader.order("buys", "ABC", "50").status == 201
    price("R", "9.00")
    assert wait_until(
        lambda: "R" in trader.account()["holdings"] and not trader.account()["pending_buys"], 15
    )
    for _ in range(2):
        back = Listener(trader, listener.last_id)
        back.hear("hello")
        back.wait(lambda back=back: len(back.named("fire") + back.named("expiry")) == 2)  # type: ignore[misc]
        back.close()
    anew = Listener(trader)
    anew.hear("hello")
    time.sleep(0.6)
    assert [name for name, _ in anew.events] == ["hello"]
    assert int(anew.last_id or 0) > int(back.last_id or 0) > 0
    anew.close()


def test_nothing_is_missed_when_the_workers_are_killed(stack: Stack, trader: Visitor, price: Price) -> None:
    """The listener comes back with Last-Event-ID, as a browser does, while things happen."""
    symbols = [f"K{letter}" for letter in "ABCDEF"]
    for symbol in symbols:
        price(symbol, "10.00")
    listener = Listener(trader, comes_back=True)
    listener.hear("hello")
    for symbol in symbols:
        arm(trader, symbol, "95", "9.50")
    for index, symbol in enumerate(symbols):
        if index % 2:
            kill_workers(stack)
        price(symbol, "9.00")
        time.sleep(0.4)
    listener.wait(lambda: len(listener.named("fire")) >= len(symbols), 30)
    time.sleep(0.6)
    fires = listener.named("fire")
    assert sorted(fire["symbol"] for fire in fires) == symbols
    assert [fire["id"] for fire in fires] == sorted({fire["id"] for fire in fires})
    assert listener.connections > 1
    listener.close()


def test_a_stream_ends_with_its_session(stack: Stack, trader: Visitor) -> None:
    listener = Listener(trader)
    listener.hear("hello")
    assert trader.send("DELETE", "/api/session").status == 204
    listener.ended(6)
    again = Listener(trader)
    again.ended()
    assert again.status == 401


def test_so_many_windows_and_no_more(trader: Visitor) -> None:
    """Those that were closed do not count, although nobody has sent them anything since."""
    for _ in range(3):
        listeners = [Listener(trader) for _ in range(MAX_STREAMS_PER_USER)]
        for listener in listeners:
            listener.hear("hello")
        for listener in listeners:
            listener.close()
    many = [Listener(trader) for _ in range(2 * MAX_STREAMS_PER_USER + 1)]
    assert wait_until(lambda: all(listener.status or listener.events for listener in many), 10)
    assert {listener.status for listener in many} == {None, 429}
    for listener in many:
        listener.close()


def test_who_never_reads_is_hung_up_on(stack: Stack, trader: Visitor) -> None:
    """Half a megabyte of missed expiries is to be told: somebody else gets all of it, in order."""
    with psycopg.connect(stack.state.admin_url) as connection:
        connection.execute(
            "INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol, shares)"
            " SELECT 1, %s, n, 3, 1, n, 't', 5, 'ABC', 1 FROM generate_series(1, 4000) AS n",
            [trader.user],
        )
    at = urlsplit(trader.address)
    with socket.socket() as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleeper.connect((at.hostname, at.port))
        head = {"Host": at.netloc, "Last-Event-ID": "0", **trader.headers}
        lines = [
            f"GET /api/users/{trader.user}/events HTTP/1.1",
            *(f"{name}: {value}" for name, value in head.items()),
        ]
        sleeper.sendall("\r\n".join([*lines, "", ""]).encode())
        assert wait_until(lambda: streams(stack) == 1, 10)
        reader = Listener(trader, since="0")
        told = reader.hear("expiry", 4000, 30)
        assert [event["id"] for event in told] == list(range(1, 4001))
        reader.close()
        assert wait_until(lambda: streams(stack) == 0, 10)


def streams(stack: Stack) -> float | None:
    """How many the web client counts."""
    address = stack.state.part(WEB_CLIENT).metrics
    assert address is not None
    return fetch(Address.parse(address)).total("daytrade_web_streams")


def test_streams_end_when_the_web_client_is_stopped(stack: Stack, trader: Visitor) -> None:
    """At once, not after the grace that requests under way have; and it comes back."""
    listener = Listener(trader)
    listener.hear("hello")
    process = stack.state.part(WEB_CLIENT).process
    assert process is not None
    process.signal(signal.SIGTERM)
    begun = time.monotonic()
    listener.ended()
    assert time.monotonic() - begun < 2.5
    assert stack.wait_all_up(15)
