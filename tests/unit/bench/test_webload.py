"""The same orders by HTTP and as lines; what a run comes to."""

import re

import msgspec
import pytest

from bench import _webload
from bench._gauge import Cost
from bench._http import Answer
from bench._traders import DEPOSIT_CENTS, Crowd, Trader, symbol
from core.money import parse_decimal
from webclient.keys import parse_key

TRADERS = [Trader(f"joe-{number}", f"cookie={number}", f"csrf-{number}") for number in range(3)]


def test_lines_and_requests_say_the_same() -> None:
    crowd = Crowd(TRADERS, "00000000")
    lines = _webload.lines([trader.user for trader in TRADERS], 12, 5)
    for index, line in enumerate(lines):
        place, lane = divmod(index, 3)
        head, _, body = crowd.request(lane, place).decode().partition("\r\n\r\n")
        if place % 2:
            assert head.startswith(f"POST /api/users/joe-{lane}/buys/commit HTTP/1.1\r\n")
            assert line == f"[{5 + index}] COMMIT_BUY,joe-{lane}\n".encode()
        else:
            order = msgspec.json.decode(body)
            assert head.startswith(f"POST /api/users/joe-{lane}/buys HTTP/1.1\r\n")
            assert line == f"[{5 + index}] BUY,joe-{lane},{order['symbol']},{order['amount']}\n".encode()
            assert f"Content-Length: {len(body)}" in head
        assert f"Cookie: cookie={lane}" in head
        assert f"X-CSRF-Token: csrf-{lane}" in head


def test_every_request_has_a_key_of_its_own() -> None:
    crowds = [Crowd(TRADERS, run) for run in ("00000000", "00000001")]
    keys = [crowd.key(lane, place) for crowd in crowds for lane in range(3) for place in range(50)]
    assert len(set(keys)) == len(keys)
    assert all(parse_key(key) == key for key in keys)
    request = crowds[1].request(2, 7).decode()
    assert f"\r\nIdempotency-Key: {crowds[1].key(2, 7)}\r\n" in request


def test_the_money_lasts() -> None:
    """An account can hold it, and a trader at 100 orders a second needs a day to spend it."""
    amounts = [parse_decimal(line.decode().strip().rpartition(",")[2]) for line in _webload.deposits(["joe"])]
    assert amounts == [DEPOSIT_CENTS]
    assert all(re.fullmatch("[A-Z]{3}", symbol(number)) for number in range(200))


@pytest.mark.parametrize(("count", "whole"), [(0, 6), (8, 6), (9.1, 12), (60, 60)])
def test_everybody_has_equally_many(count: float, whole: int) -> None:
    assert _webload.whole(count, 6) == whole


def test_a_run_comes_to() -> None:
    answers = [Answer(0, n, 201 if n < 98 else 409, b"", float(n + 1)) for n in range(100)]
    step = _webload.step(50.0, answers, Cost(2.0, {"webclient": 0.1}, 0.0))
    assert (step.count, step.failed, step.per_second) == (100, 2, 50.0)
    assert (step.p50_ms, step.p95_ms, step.p99_ms) == (50.0, 95.0, 99.0)
    assert step.us_each["webclient"] == pytest.approx(1000)
