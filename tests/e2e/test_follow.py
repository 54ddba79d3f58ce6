"""One command followed through the logs of every tier of a running stack that is told to write all down."""

import json
import os
import socket
from collections.abc import Iterator

import pytest

from stack import trail
from stack.launcher import Stack, throw_away
from stack.process import wait_until
from stack.topology import WEB_CLIENT, Shape
from tests.e2e.commandline import Command
from tests.e2e.visitor import Visitor

SESSION = "followed"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    shape = Shape(shards=2, web_servers=2, delay="fixed:30", price="fixed:1000", web_client=True)
    with throw_away(shape, {**os.environ, "DAYTRADE_LOG_LEVEL": "debug"}) as running:
        yield running


def say(stack: Stack, *lines: str) -> list[str]:
    """Sends numbered lines in a session of their own; their replies."""
    with socket.create_connection(stack.state.balancer_address, 10) as sock, sock.makefile("rb") as replies:
        sock.sendall(f"SESSION {SESSION}\n".encode() + b"".join(f"{line}\n".encode() for line in lines))
        assert replies.readline() == b"SESSION OK\n"
        return [replies.readline().decode() for _ in lines]


def way(stack: Stack, key: str) -> list[tuple[str, str]]:
    return [(line.tier, line.event) for line in trail.trail(trail.logs(stack.directory), key)]


def test_a_buy_is_seen_by_every_tier_in_the_order_of_its_way(stack: Stack) -> None:
    replies = say(
        stack,
        "[1] ADD,alice,100.00",
        "[2] BUY,alice,FLW,50.00",
        "[3] BUY,alice,FLW,1000.00",
        "[4] NONSENSE,alice",
    )
    assert [reply.split()[1] for reply in replies] == ["OK", "OK", "ERR", "ERR"]
    lines = trail.trail(trail.logs(stack.directory), f"{SESSION}/2")
    assert [line.timestamp for line in lines] == sorted(line.timestamp for line in lines)
    tiers = [line.tier.partition("-")[0] for line in lines]
    events = [line.event for line in lines]
    assert tiers[:2] == ["loadbalancer", "webserver"]
    assert tiers[-2:] == ["webserver", "loadbalancer"]
    assert events[:2] == ["forwarded", "passed on"]
    assert events[-3:] == ["committed", "replied", "answered"]
    assert [event for event in events if event in {"waits", "quote fetched for it", "quote recorded", "decided"}] == [
        "waits", "quote fetched for it", "quote recorded", "decided",
    ]  # fmt: skip
    details = {line.event: line.details for line in lines}
    assert details["forwarded"]["line"] == "BUY,alice,FLW,50.00"
    assert details["quote recorded"]["price_cents"] == 1000
    assert details["decided"]["outcome"] == details["committed"]["outcome"] == "OK"
    assert details["decided"]["batch"] == 3, "the two that waited behind it go with it"
    refused = {line.event: line.details for line in trail.trail(trail.logs(stack.directory), f"{SESSION}/3")}
    assert refused["committed"]["outcome"] == "INSUFFICIENT_FUNDS"
    unknown = {line.event: line.details for line in trail.trail(trail.logs(stack.directory), f"{SESSION}/4")}
    assert str(unknown["passed on"]["refusal"]).startswith("UNKNOWN_COMMAND")


def test_a_trigger_is_followed_until_it_fires(stack: Stack) -> None:
    say(
        stack, "[11] ADD,bob,100.00", "[12] SET_BUY_AMOUNT,bob,FIR,50.00", "[13] SET_BUY_TRIGGER,bob,FIR,20.00"
    )  # fmt: skip
    key = f"{SESSION}/13"
    assert wait_until(lambda: ("trigger-0", "fired") in way(stack, key), 10), way(stack, key)
    assert ("trigger-0", "quote recorded") in way(stack, key), "it was the trigger that had the price fetched"
    fired = next(line for line in trail.trail(trail.logs(stack.directory), key) if line.event == "fired")
    assert (fired.details["side"], fired.details["price_cents"]) == ("buy", 1000)


def test_a_request_of_the_web_client_is_followed_by_its_header(stack: Stack) -> None:
    web = stack.state.web
    assert web is not None
    answer = Visitor(web, "carol").deposit("10.00")
    key = answer.headers["X-Request-Key"]
    assert wait_until(lambda: (WEB_CLIENT, "request") in way(stack, key), 5)
    assert {tier.partition("-")[0] for tier, _ in way(stack, key)} == {
        WEB_CLIENT, "loadbalancer", "webserver", "transaction",
    }  # fmt: skip


def test_the_command_shows_the_way_and_says_when_there_is_none(stack: Stack) -> None:
    say(stack, "[21] ADD,dora,1.00")
    command = Command(stack.directory)
    shown = command("follow", f"{SESSION}/21")
    assert shown.returncode == 0, shown.stderr
    words = shown.stdout.split()
    assert (
        words.index("forwarded") < words.index("decided") < words.index("committed") < words.index("answered")
    )
    nothing = command("follow", f"{SESSION}/99")
    assert nothing.returncode == 1
    assert "DAYTRADE_LOG_LEVEL=debug" in nothing.stdout
    assert command("follow", "no key").returncode == 2


def test_lines_that_were_moved_aside_are_found_too(stack: Stack) -> None:
    say(stack, "[31] ADD,eve,1.00")
    folder = stack.directory / "logs"
    line = {
        "key": f"{SESSION}/31",
        "event": "earlier",
        "tier": "loadbalancer",
        "timestamp": "2000-01-01T00:00:00Z",
    }
    (folder / "loadbalancer.log.1").write_text('{"key": "cut\n' + json.dumps(line) + "\n")
    assert way(stack, f"{SESSION}/31")[0] == ("loadbalancer", "earlier")
    assert way(stack, f"{SESSION}/3") != way(stack, f"{SESSION}/31")
