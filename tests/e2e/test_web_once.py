"""Exactly once, from the browser's end: the same key, whatever is sent twice and whatever dies meanwhile."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from db.check import check
from stack.launcher import Stack
from stack.process import wait_until
from tests.e2e.conftest import running
from tests.e2e.test_web_trading import SMALL, UNLIMITED, at
from tests.e2e.visitor import Answer, Visitor

KEY = "the-same-key"
_THREADS = 24
_KILLS = ("loadbalancer", "loadbalancer", "webserver-0", "webclient", "transaction-0", "loadbalancer")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(SMALL, tmp_path_factory.mktemp("logs"), UNLIMITED) as one:
        yield one
        assert check(one.state.audit_url) == []


@pytest.fixture
def trader(stack: Stack, request: pytest.FixtureRequest) -> Visitor:
    """A new trader with the test's name and 1,000.00."""
    made = at(stack, request.node.name[:60])
    made.deposit("1000")
    return made


def kill(stack: Stack, name: str) -> None:
    """kill -9, and wait until it is back."""
    before = stack.state.part(name)
    assert before.process is not None
    before.process.signal(signal.SIGKILL)
    assert wait_until(lambda: stack.state.part(name).restarts > before.restarts, 30)
    assert stack.wait_all_up(30)


def buy(trader: Visitor) -> Answer:
    return trader.insist("POST", "buys", {"symbol": "ABC", "amount": "100"}, KEY)


def is_done_once(trader: Visitor, answers: list[Answer]) -> bool:
    """All answers are the same, and one buy was made."""
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers["X-Request-Key"] for answer in answers}) == 1
    account = trader.account()
    return account["cash"] == "900.00" and len(account["pending_buys"]) == 1


def test_sent_twice(trader: Visitor) -> None:
    assert is_done_once(trader, [buy(trader), buy(trader)])


def test_sent_many_times_at_once(trader: Visitor) -> None:
    with ThreadPoolExecutor(_THREADS) as threads:
        assert is_done_once(trader, list(threads.map(lambda _: buy(trader), range(_THREADS))))


def test_sent_again_after_the_web_client_died(stack: Stack, trader: Visitor) -> None:
    first = buy(trader)
    kill(stack, "webclient")
    assert is_done_once(trader, [first, buy(trader)])


def test_sent_again_after_the_cache_forgot_everything(stack: Stack, trader: Visitor) -> None:
    first = buy(trader)
    redis.Redis.from_url(stack.state.redis_url, password=_password(stack)).flushall()
    assert is_done_once(trader, [first, buy(trader)])


def _password(stack: Stack) -> str | None:
    file = stack.state.redis_password_file
    return None if file is None else Path(file).read_text().strip()


def test_sent_again_after_the_way_behind_it_died(stack: Stack, trader: Visitor) -> None:
    first = buy(trader)
    kill(stack, "loadbalancer")
    kill(stack, "transaction-0")
    assert is_done_once(trader, [first, buy(trader)])


def test_the_same_key_for_something_else(trader: Visitor) -> None:
    first = buy(trader)
    assert trader.order("buys", "ABC", "200", KEY).problem == (422, "REUSED_NUMBER")
    assert trader.order("buys", "ABD", "100", KEY).problem == (422, "REUSED_NUMBER")
    assert trader.own("POST", "buys/commit", key=KEY).problem == (422, "REUSED_NUMBER")
    assert is_done_once(trader, [first, buy(trader)])


def test_the_same_meaning_in_other_words_is_the_same_request(trader: Visitor) -> None:
    first = buy(trader)
    assert is_done_once(trader, [first, trader.order("buys", "abc", "0100.00", KEY)])


def test_a_refusal_is_final_for_its_key(trader: Visitor) -> None:
    poor = trader.order("buys", "ABC", "1000.01", KEY)
    assert poor.problem == (409, "INSUFFICIENT_FUNDS")
    trader.deposit("1000")
    assert trader.order("buys", "ABC", "1000.01", KEY).body == poor.body
    assert trader.account()["cash"] == "2000.00"


def test_another_traders_same_key_is_another_request(stack: Stack, trader: Visitor) -> None:
    other = at(stack, "somebody-else")
    other.deposit("1000")
    assert is_done_once(trader, [buy(trader)])
    assert is_done_once(other, [buy(other)])


def test_everything_outstanding_is_answered_once_whatever_is_killed(stack: Stack) -> None:
    """Traders deposit and buy without a pause while tiers are killed; a request without an answer is sent again."""
    traders = [at(stack, f"busy-{index}") for index in range(_THREADS)]
    over = threading.Event()
    done: list[Counter[str]] = [Counter() for _ in traders]
    with ThreadPoolExecutor(_THREADS) as threads:
        running = [
            threads.submit(_trade, trader, count, over) for trader, count in zip(traders, done, strict=True)
        ]
        for name in _KILLS:
            time.sleep(0.5)
            kill(stack, name)
        time.sleep(0.5)
        over.set()
        for each in running:
            each.result()
    for trader, count in zip(traders, done, strict=True):
        account = trader.account()
        counts = account["history"]["counts"]
        assert counts["ADD"] == {"OK": count["deposits"]}
        assert counts["BUY"] == {"OK": count["buys"]}
        assert counts["COMMIT_BUY"] == {"OK": count["buys"]}
        assert account["cash"] == f"{10 * count['deposits'] - 10 * count['buys']}.00"
    assert all(count["buys"] > 10 for count in done), done
    assert sum(count["lost"] for count in done) > 0, "nothing was under way when the web client was killed"


def _trade(trader: Visitor, count: Counter[str], over: threading.Event) -> None:
    def sent(path: str, body: object = None) -> None:
        count["keys"] += 1
        answer = trader.insist("POST", path, body, f"key-{count['keys']:08d}", count)
        assert answer.status in {200, 201}, answer

    while not over.is_set():
        sent("deposits", {"amount": "10"})
        count["deposits"] += 1
        sent("buys", {"symbol": "ABC", "amount": "10"})
        sent("buys/commit")
        count["buys"] += 1
