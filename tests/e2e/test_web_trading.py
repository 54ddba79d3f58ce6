"""The web API on a whole stack: a trader's story through all sixteen commands, and every refusal that can be had."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.commands import ARGUMENTS
from db.check import check
from grader.check import check_log
from stack.launcher import Stack
from stack.topology import Shape
from tests.e2e.conftest import running
from tests.e2e.visitor import Visitor

PENDING_LIFE_MS = 4000
SMALL = Shape(shards=1, web_servers=1, delay="none", price="fixed:1000", web_client=True)
UNLIMITED = {f"DAYTRADE_WEB_{what}_RATE": "100000" for what in ("USER", "ADDRESS", "LOGIN")}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    environ = {**UNLIMITED, "DAYTRADE_PENDING_LIFE_MS": str(PENDING_LIFE_MS)}
    with running(SMALL, tmp_path_factory.mktemp("logs"), environ) as one:
        yield one
        assert check(one.state.audit_url, pending_life_ms=PENDING_LIFE_MS) == []


@pytest.fixture
def trader(stack: Stack, request: pytest.FixtureRequest) -> Visitor:
    """A new trader with the test's name."""
    return at(stack, request.node.name[-60:].replace("[", ".").replace("]", ""))


def at(stack: Stack, user: str) -> Visitor:
    assert stack.state.web is not None
    return Visitor(stack.state.web, user)


def test_all_sixteen_commands_in_a_traders_day(trader: Visitor, tmp_path: Path) -> None:
    assert trader.account()["history"]["newest"] == []
    assert trader.deposit("1000").json == {"cash": "1000.00"}
    quote = trader.own("GET", "quotes/abc").json
    assert (quote["symbol"], quote["price"]) == ("ABC", "10.00")
    bought = trader.order("buys", "abc", "105")
    assert bought.status == 201
    assert (bought.json["shares"], bought.json["cost"], bought.json["cash"]) == (10, "100.00", "900.00")
    assert trader.own("POST", "buys/commit").json["cash"] == "900.00"
    trader.order("buys", "ABC", "50")
    assert trader.own("POST", "buys/cancel").json["returned"] == "50.00"
    assert trader.order("sells", "ABC", "30").json["proceeds"] == "30.00"
    assert trader.own("POST", "sells/commit").json["cash"] == "930.00"
    trader.order("sells", "ABC", "20")
    assert trader.own("POST", "sells/cancel").json == {"symbol": "ABC", "shares": 2}
    assert trader.own("PUT", "triggers/buy/XYZ/amount", {"amount": "100"}).json["cash"] == "830.00"
    assert trader.own("PUT", "triggers/buy/XYZ/price", {"price": "5"}).json["price"] == "5.00"
    assert trader.own("DELETE", "triggers/buy/XYZ").json["returned"] == "100.00"
    assert trader.own("PUT", "triggers/sell/ABC/amount", {"amount": "60"}).json == {
        "symbol": "ABC",
        "amount": "60.00",
    }
    assert trader.own("PUT", "triggers/sell/ABC/price", {"price": "20"}).json["shares"] == 3
    assert trader.account()["holdings"]["ABC"] == {"shares": 4, "reserved": 3, "cost": "70.00"}
    assert trader.own("DELETE", "triggers/sell/ABC").json == {"symbol": "ABC", "shares": 3}
    log = trader.own("GET", "log")
    assert log.headers["Content-Type"] == "application/xml"
    (tmp_path / "log").write_bytes(log.body)
    report = check_log(tmp_path / "log", pending_life_ms=PENDING_LIFE_MS)
    assert [str(each) for each in report.violations] == []
    assert report.accounts[trader.user].cash_cents == 93_000
    commands = trader.account()["history"]["counts"]
    assert set(commands) == set(ARGUMENTS)
    assert all(set(outcomes) == {"OK"} for outcomes in commands.values())


def test_nothing_stays_of_a_download(stack: Stack, trader: Visitor) -> None:
    trader.deposit("1")
    assert trader.own("GET", "log").status == 200
    assert list(Path(stack.state.log_dir).glob("*web-*")) == []


def test_who_never_deposited(trader: Visitor) -> None:
    assert trader.order("buys", "ABC", "100").problem == (409, "UNKNOWN_USER")
    assert trader.own("POST", "sells/commit").problem == (409, "UNKNOWN_USER")
    assert trader.own("GET", "log").problem == (409, "UNKNOWN_USER")
    assert trader.account()["cash"] == "0.00"


def test_refusals(trader: Visitor) -> None:
    trader.deposit("100")
    assert trader.order("buys", "ABC", "100.01").problem == (409, "INSUFFICIENT_FUNDS")
    assert trader.order("buys", "ABC", "9.99").problem == (409, "TOO_SMALL")
    assert trader.order("sells", "ABC", "10").problem == (409, "INSUFFICIENT_SHARES")
    for path in ("buys/commit", "buys/cancel", "sells/commit", "sells/cancel"):
        assert trader.own("POST", path).problem == (409, "NOTHING_PENDING")
    for side in ("buy", "sell"):
        assert trader.own("PUT", f"triggers/{side}/ABC/price", {"price": "1"}).problem == (
            409,
            "NO_AMOUNT_SET",
        )
        assert trader.own("DELETE", f"triggers/{side}/ABC").problem == (409, "NOT_SET")
    assert trader.deposit("0").problem == (400, "BAD_AMOUNT")
    assert trader.order("buys", "ABCD", "10").problem == (400, "BAD_SYMBOL")
    assert trader.own("GET", "quotes/ABCD").problem == (400, "BAD_SYMBOL")
    assert trader.deposit("1", "short").problem == (400, "BAD_REQUEST")
    assert trader.account()["cash"] == "100.00"


def test_what_is_not_confirmed_in_time_has_expired(trader: Visitor) -> None:
    trader.deposit("100")
    assert trader.order("buys", "ABC", "50").json["cash"] == "50.00"
    time.sleep(PENDING_LIFE_MS / 1000 + 0.1)
    assert trader.own("POST", "buys/commit").problem == (409, "EXPIRED")
    assert trader.account()["cash"] == "100.00"


def test_a_quote_server_that_is_silent(stack: Stack, trader: Visitor) -> None:
    trader.deposit("100")
    quoteserver = stack.state.part("quoteserver").process
    assert quoteserver is not None
    os.kill(quoteserver.pid, signal.SIGSTOP)
    try:
        answer = trader.order("buys", "SIL", "50")
    finally:
        os.kill(quoteserver.pid, signal.SIGCONT)
    assert answer.problem == (503, "QUOTE_UNAVAILABLE")
    assert answer.headers["Retry-After"] == "1"
    assert trader.account()["cash"] == "100.00"
