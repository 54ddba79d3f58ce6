"""The driver against a server that keeps the promises of commands.md and ill-treats its connections."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from core.framing import user_field
from tests.unit.workload.fake_server import FakeServer, Faults
from tests.unit.workload.files import course_file
from workload import driver
from workload.connection import Patience
from workload.generate import generate
from workload.measure import Result
from workload.parse import Item, parse

HASTY = Patience(connect_s=0.3, reconnect_s=0.5, silence_s=0.5)


def run(source: driver.Source, server: FakeServer, **options: object) -> Result:
    """Replays against this server, within a minute."""

    async def body() -> Result:
        async with asyncio.timeout(60), server.serve():
            return await driver.replay(source, server.address, **options)  # type: ignore[arg-type]

    return uvloop.run(body())


def numbers_by_user(text: bytes) -> dict[bytes | None, list[int]]:
    found: dict[bytes | None, list[int]] = {}
    for item in parse([text]):
        assert isinstance(item, Item)
        found.setdefault(item.user, []).append(item.number)
    return found


def check(server: FakeServer, result: Result, text: bytes) -> None:
    """Each line took effect once and was answered once; each user's in order."""
    wanted = numbers_by_user(text)
    dump = wanted.pop(None)
    assert result.commands == result.lines_to_send == sum(map(len, wanted.values())) + 1
    assert all(server.body_order(user or b"") == numbers for user, numbers in wanted.items())
    assert dump == [server.applied[-1][1]]
    assert len(server.applied) == result.commands
    assert {session for session, _, _ in server.applied} == {result.session}
    assert result.audit_log == "/logs/testLOG"
    assert result.errors.get("INSUFFICIENT_SHARES", 0) == sum(
        b.startswith(b"SELL") for _, _, b in server.applied
    )


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([1, 2, 7, None]), st.sampled_from([1, 9, None])
)
def test_replay_on_bad_connections(seed: int, window: int, connections: int | None, size: int | None) -> None:
    text = b"".join(generate(5, 150, seed))
    server = FakeServer(seed, Faults(cut=0.2, slice_bytes=size, max_cuts=4))
    result = run([text], server, window=window, connections=connections, keep_replies=True)
    check(server, result, text)
    assert result.reconnects == server.cuts
    assert server.connections <= min(connections or 6, 6) + server.cuts
    assert result.replies is not None
    replies = Counter(result.replies)
    assert replies == Counter(reply.rstrip(b"\n") for reply in server.replies.values())


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_busy_is_sent_again_in_order(seed: int) -> None:
    text = b"".join(generate(4, 60, seed))
    server = FakeServer(seed, Faults(busy=0.1, cut=0.05, max_cuts=2))
    result = run([text], server, window=1)
    check(server, result, text)
    assert result.busy <= server.busy <= result.busy + server.cuts * 60
    assert "BUSY" not in result.errors


def test_busy_within_a_window_loses_nothing() -> None:
    text = b"".join(generate(4, 200, 1))
    server = FakeServer(1, Faults(busy=0.1))
    result = run([text], server, window=5)
    assert result.busy == server.busy > 0
    assert sorted(number for _, number, _ in server.applied) == list(range(1, 201))
    assert result.commands == 200


def test_a_course_file() -> None:
    text = course_file("user2").read_bytes()
    server = FakeServer(1, Faults())
    result = run([text], server, window=8)
    check(server, result, text)
    assert (result.commands, result.users, result.window) == (10_000, 2, 8)
    assert 0 < result.p50_ms <= result.p99_ms <= result.max_ms <= result.seconds * 1000
    assert sum(each.commands for each in result.series) == 10_000


def test_a_replay_can_be_run_again_under_its_session(tmp_path: Path) -> None:
    path = tmp_path / "workload.txt"
    path.write_bytes(b"".join(generate(3, 100, 1)))
    half = b"".join(path.read_bytes().splitlines(keepends=True)[:50])
    server = FakeServer(1, Faults())

    async def body() -> tuple[Result, Result, Result]:
        async with server.serve():
            first = await driver.replay([half], server.address, session="S")
            again = await driver.replay(path, server.address, session="S", window=4)
            other = await driver.replay(path, server.address)
            return first, again, other

    first, again, other = uvloop.run(body())
    assert first.session == again.session == "S" != other.session
    own = [number for session, number, _ in server.applied if session == "S"]
    assert sorted(own) == list(range(1, 101))
    assert again.commands == other.commands == 100


def test_a_number_that_occurs_twice_is_answered_like_any_repeat() -> None:
    text = b"[1] ADD,u,1\n[2] ADD,v,1\n[1] ADD,v,5\n[2] ADD,v,1\n"
    server = FakeServer(1, Faults())
    result = run([text], server, window=9)
    assert [body for _, _, body in server.applied] == [b"ADD,u,1", b"ADD,v,1"]
    assert result.commands == 4
    assert result.errors == {"REUSED_NUMBER": 1}


def test_malformed_lines_are_counted_and_not_sent() -> None:
    server = FakeServer(1, Faults())
    result = run([b"FOO\n\n[x] ADD,u,1\nADD,u,1\n"], server)
    assert [(item.line_number, item.reason.split()[0]) for item in result.malformed] == [
        (1, "none"),
        (3, "number"),
    ]
    assert result.errors == {"MALFORMED": 2}
    assert [(number, body) for _, number, body in server.applied] == [(4, b"ADD,u,1")]


def test_nothing_to_send() -> None:
    server = FakeServer(1, Faults())
    result = run([b"\n"], server)
    assert (result.commands, result.per_second, server.connections) == (0, 0.0, 0)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b"ADD,u,1\nDUMPLOG,u,./mine\n", "/logs/mine"),
        (b"ADD,u,1\nDUMPLOG,./all\nDUMPLOG,u,./mine\n", "/logs/all"),
        (b"ADD,u,1\nDUMPLOG,./all\nDUMPLOG,./more\n", "/logs/more"),
        (b"ADD,u,1\n", None),
    ],
)
def test_the_audit_log_is_the_last_full_dump(text: bytes, path: str | None) -> None:
    assert run([text], FakeServer(1, Faults())).audit_log == path


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (Faults(refuse_session=True), "session was not opened"),
        (Faults(garbage=b"what?\n"), "not a reply: 'what\\?'"),
        (Faults(garbage=b'[99] OK {"a":1}\n'), r"\[99\], which is not outstanding.*\"a\":1"),
        (Faults(garbage=b'[0] ERR {"code":"BAD_REQUEST","message":"no"}\n'), r"\[0\].*BAD_REQUEST"),
        (Faults(silent=True), "no final reply for 0.5 s"),
        (Faults(busy=1.0), "no final reply for 0.5 s"),
    ],
)
def test_servers_that_talk_nonsense_or_nothing(faults: Faults, message: str) -> None:
    with pytest.raises(driver.ReplayFailed, match=message) as caught:
        run([b"ADD,u,1\nADD,u,2\n"], FakeServer(1, faults), patience=HASTY)
    assert caught.value.result.commands == 0
    assert caught.value.result.lines_to_send == 2


def test_a_server_that_goes_away_for_good() -> None:
    text = b"".join(generate(2, 2_000, 1))
    server = FakeServer(1, Faults())

    async def body() -> None:
        async with server.serve():
            task = asyncio.create_task(
                driver.replay([text], server.address, patience=Patience(reconnect_s=0.3))
            )
            while len(server.applied) < 500:
                await asyncio.sleep(0)
        await task

    with pytest.raises(driver.ReplayFailed, match=r"no connection to 127.0.0.1:\d+ for 0.3 s") as caught:
        uvloop.run(body())
    assert 0 < caught.value.result.commands < 2_000


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(driver.ReplayFailed, match="no connection to"):
            driver.replay_now([b"ADD,u,1\n"], taken.getsockname(), patience=HASTY)


@pytest.mark.parametrize(
    "options",
    [{"window": 0}, {"connections": 0}, {"connections": 1_000_000}, {"session": "a b"}, {"session": "é"}],
)
def test_options_out_of_range(options: driver.Options) -> None:
    with pytest.raises(ValueError, match=r"must be|no session name"):
        driver.replay_now([b"ADD,u,1\n"], ("127.0.0.1", 1), **options)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        driver.replay_now(tmp_path / "none.txt", ("127.0.0.1", 1))


def test_progress_ends_at_the_end() -> None:
    seen: list[driver.Progress] = []
    note: Callable[[driver.Progress], None] = seen.append
    run([b"ADD,u,1\n" * 50], FakeServer(1, Faults()), on_progress=note)
    assert (seen[-1].answered, seen[-1].total) == (50, 50)
    assert [p.answered for p in seen] == sorted(p.answered for p in seen)


def test_users_are_kept_on_their_connection() -> None:
    text = b"".join(b"[%d] ADD,u%d,1\n" % (n, n % 7) for n in range(1, 200))
    server = FakeServer(1, Faults())
    run([text], server, connections=3, window=2)
    assert server.connections == 3
    assert {user_field(body) for _, _, body in server.applied} == {b"u%d" % n for n in range(7)}


def test_replies_that_are_kept_can_be_read() -> None:
    result = run([b"ADD,u,1\n"], FakeServer(1, Faults()), keep_replies=True)
    assert result.replies is not None
    assert json.loads(result.replies[0].partition(b" OK ")[2]) == {"cash": "1.00"}
