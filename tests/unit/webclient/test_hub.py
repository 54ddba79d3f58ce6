"""What streams tell, look by look, over a past that the real rules and statements make."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask

from core.clock import SystemClock
from core.limits import MAX_STREAMS_PER_USER
from tests.conftest import Database
from tests.unit.db.history import History, history
from tests.unit.webclient.visitors import Visitor, trader
from webclient import hub as hub_module
from webclient.hub import Hub
from webclient.parts import NAME
from webclient.problems import Problem
from webclient.sessions import token_digest
from webclient.stream import Line, Stream

Event = tuple[str, dict[str, Any]]
FAILS = "SELECT pg_terminate_backend(pg_backend_pid())"


class Looking(Hub):
    """A hub that looks when it is told to, and not by itself."""

    def _start(self) -> None:
        """No thread."""


@pytest.fixture
def hub(app: APIFlask) -> Iterator[Looking]:
    made = Looking(app.extensions[NAME].pool, SystemClock())
    yield made
    made.close()


@pytest.fixture
def alice(app: APIFlask) -> Visitor:
    return trader(app, "alice")


def watch(hub: Hub, who: Visitor, since: int | None = None, line: Line | None = None) -> Stream:
    return hub.open(who.user, token_digest(who.identity.token), since, line or Line(None))


def read(stream: Stream) -> list[Event]:
    """All that waits to be sent, as (name, data); an event's id is in its data."""
    events: list[Event] = []
    while stream._waiting:
        for block in next(stream).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if line)
            if "event" in fields:
                number = {"id": int(fields["id"])} if "id" in fields else {}
                events.append((fields["event"], json.loads(fields["data"]) | number))
    return events


def names(events: list[Event]) -> list[str]:
    return [name for name, _ in events]


def seq_of(database: Database, user: str) -> int:
    with psycopg.connect(database.admin_url) as connection:
        row = connection.execute("SELECT seq FROM account WHERE username = %s", [user]).fetchone()
    return row[0] if row else 0


async def armed(past: History, user: str = "alice", symbol: str = "ABC") -> None:
    """A buy trigger at 9.00 that costs 100.00."""
    await past.send(
        f"ADD,{user},1000.00",
        f"SET_BUY_AMOUNT,{user},{symbol},100.00",
        f"SET_BUY_TRIGGER,{user},{symbol},9.00",
    )


async def fire(past: History, cents: int, symbol: str = "ABC") -> None:
    """The price crosses, and what is armed fires."""
    past.now_ms += 61_000
    past.prices[symbol] = cents
    await past.send(f"QUOTE,stranger,{symbol}")
    assert await past.fire() == 1


def test_a_fire_is_told_once(database: Database, hub: Looking, alice: Visitor) -> None:
    async def story() -> None:
        async with history(database) as past:
            await armed(past)
            stream = watch(hub, alice)
            hub.look()
            assert read(stream) == [("hello", {"user": "alice", "id": seq_of(database, "alice")})]
            hub.look()
            assert read(stream) == []
            await fire(past, 800)
            hub.look()
            fired, account, quote = read(stream)
            assert fired == ("fire", {
                "symbol": "ABC", "side": "buy", "price": "8.00", "shares": 12, "cash_added": "4.00", "at": past.now_ms,
                "number": 3, "id": seq_of(database, "alice"),
            })  # fmt: skip
            assert account == ("account", {})
            assert quote == ("quote", {"symbol": "ABC", "price": "8.00", "quoted_at": past.now_ms - 5})
            hub.look()
            assert read(stream) == []

    asyncio.run(story())


def test_an_expiry_is_told(database: Database, hub: Looking, alice: Visitor) -> None:
    async def story() -> None:
        async with history(database) as past:
            await past.send("ADD,alice,1000.00", "BUY,alice,ABC,25.00")
            stream = watch(hub, alice)
            hub.look()
            read(stream)
            past.now_ms += 61_000
            await past.expire()
            hub.look()
            expired, account = [event for event in read(stream) if event[0] != "quote"]
            assert expired == ("expiry", {
                "symbol": "ABC", "side": "buy", "shares": 2, "cash_added": "20.00", "at": past.now_ms, "number": 2,
                "id": seq_of(database, "alice"),
            })  # fmt: skip
            assert account == ("account", {})

    asyncio.run(story())


def test_what_shows_the_account_is_no_change_of_it(database: Database, hub: Looking, alice: Visitor) -> None:
    """Else each `account` event would cause the next: a page answers it with DISPLAY_SUMMARY."""

    async def story() -> None:
        async with history(database) as past:
            await past.send("ADD,alice,1000.00", "BUY,alice,ABC,25.00", "COMMIT_BUY,alice")
            stream = watch(hub, alice)
            hub.look()
            assert names(read(stream)) == ["hello"]
            hub.look()
            assert names(read(stream)) == ["quote"]
            await past.send(
                "DISPLAY_SUMMARY,alice", "QUOTE,alice,ABC", "BUY,alice,ABC,99999.00", "ADD,alice,-1.00"
            )
            hub.look()
            assert read(stream) == []
            changes = ["ADD,alice,1.00", "BUY,alice,ABC,25.00", "CANCEL_BUY,alice", "SELL,alice,ABC,15.00", "COMMIT_SELL,alice",
                       "SET_BUY_AMOUNT,alice,XYZ,5.00", "SET_BUY_TRIGGER,alice,XYZ,1.00", "SET_BUY_TRIGGER,alice,XYZ,1.01",
                       "CANCEL_SET_BUY,alice,XYZ", "SET_SELL_AMOUNT,alice,ABC,11.00",
                       "SET_SELL_TRIGGER,alice,ABC,10.50"]  # fmt: skip
            for change in changes:
                past.now_ms += 1
                assert (await past.send(change))[0].startswith("OK"), change
                hub.look()
                assert read(stream) == [("account", {})], change

    asyncio.run(story())


def test_the_first_deposit_is_a_change(database: Database, hub: Looking, alice: Visitor) -> None:
    async def story() -> None:
        async with history(database) as past:
            stream = watch(hub, alice)
            hub.look()
            assert read(stream) == [("hello", {"user": "alice", "id": 0})]
            await armed(past)
            await fire(past, 800)
            hub.look()
            assert names(read(stream)) == ["fire", "account"]

    asyncio.run(story())


def test_who_comes_back_is_told_what_was_missed_and_nothing_twice(
    database: Database, hub: Looking, alice: Visitor
) -> None:
    async def story() -> None:
        async with history(database) as past:
            await armed(past)
            stays = watch(hub, alice)
            hub.look()
            place = read(stays)[0][1]["id"]
            missed = []
            for cents in (800, 700):
                await fire(past, cents)
                await armed(past)
                hub.look()
                missed += [data["id"] for name, data in read(stays) if name == "fire"]
            back, fresh = watch(hub, alice, since=place), watch(hub, alice, since=missed[0])
            beyond, anew = watch(hub, alice, since=10**17), watch(hub, alice)
            hub.look()
            assert [data["id"] for name, data in read(back) if name in {"hello", "fire"}] == [place, *missed]
            assert [data["id"] for name, data in read(fresh) if name in {"hello", "fire"}] == [
                missed[0],
                missed[1],
            ]
            now = seq_of(database, "alice")
            for stream in (beyond, anew):
                assert [data["id"] for name, data in read(stream) if name in {"hello", "fire"}] == [now]
            assert read(stays) == []
            await fire(past, 600)
            hub.look()
            for stream in (stays, back, fresh, beyond, anew):
                assert names(read(stream)).count("fire") == 1

    asyncio.run(story())


def test_more_than_one_look_reads_at_once(
    database: Database, hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has missed a lot is told it bit by bit, in order."""
    monkeypatch.setattr("webclient.audience.MAX_EVENTS_A_LOOK", 3)

    async def story() -> None:
        async with history(database) as past:
            await past.send("ADD,alice,1000.00", *["BUY,alice,ABC,15.00"] * 10)
            past.now_ms += 61_000
            await past.expire()
            stream = watch(hub, alice, since=0)
            told: list[int] = []
            for _ in range(4):
                hub.look()
                told += [data["number"] for name, data in read(stream) if name == "expiry"]
            assert told == list(range(2, 12))

    asyncio.run(story())


def test_quotes_of_what_is_watched_held_pending_and_ordered(
    database: Database, hub: Looking, app: APIFlask, alice: Visitor
) -> None:
    bob = trader(app, "bob")

    async def story() -> None:
        async with history(database) as past:
            await past.send("ADD,alice,1000.00", "BUY,alice,H,20.00", "COMMIT_BUY,alice", "BUY,alice,P,20.00")
            await past.send("SET_BUY_AMOUNT,alice,T,10.00", "QUOTE,zoe,T", "QUOTE,zoe,W", "QUOTE,zoe,N")
            assert alice.ask("PUT", "/api/users/alice/watchlist/W").status_code == 204
            stream, other = watch(hub, alice), watch(hub, bob)
            hub.look()
            hub.look()
            shown = [data for name, data in read(stream) if name == "quote"]
            assert sorted(data["symbol"] for data in shown) == ["H", "P", "T", "W"]
            assert {data["price"] for data in shown} == {"10.00"}
            assert names(read(other)) == ["hello"]
            again = watch(hub, alice)
            hub.look()
            assert sorted(data["symbol"] for name, data in read(again) if name == "quote") == [
                "H",
                "P",
                "T",
                "W",
            ]
            past.now_ms += 61_000
            past.prices |= {"W": 1234, "N": 1}
            await past.send("QUOTE,zoe,W", "QUOTE,zoe,N", "QUOTE,zoe,H")
            hub.look()
            told = sorted((data["symbol"], data["price"]) for _, data in read(stream))
            assert told == [("H", "10.00"), ("W", "12.34")]

    asyncio.run(story())


def test_a_watch_list_that_changes_elsewhere(
    database: Database, hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In another process: it is looked at now and then."""
    monkeypatch.setattr("webclient.hub.STREAM_CHECK_MS", 0)

    async def story() -> None:
        async with history(database) as past:
            await past.send("QUOTE,zoe,A", "QUOTE,zoe,B")
            stream = watch(hub, alice)
            hub.look()
            assert alice.ask("PUT", "/api/users/alice/watchlist/A").status_code == 204
            hub.look()
            hub.look()
            assert names(read(stream)) == ["hello", "quote"]
            assert alice.ask("DELETE", "/api/users/alice/watchlist/A").status_code == 204
            assert alice.ask("PUT", "/api/users/alice/watchlist/B").status_code == 204
            hub.look()
            hub.look()
            assert [data["symbol"] for _, data in read(stream)] == ["B"]
            past.now_ms += 61_000
            await past.send("QUOTE,zoe,A")
            hub.look()
            assert read(stream) == []

    asyncio.run(story())


def test_a_stock_that_somebody_else_watches_already(
    database: Database, hub: Looking, app: APIFlask, alice: Visitor
) -> None:
    """Its quote is known, so none will come: who gets an interest in it is told at once."""
    bob = trader(app, "bob")

    async def story() -> None:
        async with history(database) as past:
            await past.send("ADD,alice,1000.00", "QUOTE,zoe,A")
            assert bob.ask("PUT", "/api/users/bob/watchlist/A").status_code == 204
            watch(hub, bob)
            stream = watch(hub, alice)
            hub.look()
            hub.look()
            assert names(read(stream)) == ["hello"]
            await past.send("BUY,alice,A,20.00")
            hub.look()
            assert names(read(stream)) == ["account", "quote"]

    asyncio.run(story())


def test_no_more_than_so_many_of_one_user(hub: Looking, app: APIFlask, alice: Visitor) -> None:
    streams = [watch(hub, alice) for _ in range(MAX_STREAMS_PER_USER)]
    with pytest.raises(Problem, match="RATE_LIMITED"):
        watch(hub, alice)
    watch(hub, trader(app, "bob"))
    streams[2].close()
    watch(hub, alice)
    with pytest.raises(Problem, match="RATE_LIMITED"):
        watch(hub, alice)


def test_no_more_than_so_many_at_all(hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webclient.hub.MAX_STREAMS", 2)
    first, _ = watch(hub, alice), watch(hub, alice)
    with pytest.raises(Problem, match="UNAVAILABLE"):
        watch(hub, alice)
    first.close()
    watch(hub, alice)


def test_streams_end_with_their_session(
    hub: Looking, app: APIFlask, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Log-out, and a user who is disabled (which ends their sessions); others go on."""
    monkeypatch.setattr("webclient.hub.STREAM_CHECK_MS", 0)
    bob, carol = trader(app, "bob"), trader(app, "carol")
    of_alice, of_bob, of_carol = watch(hub, alice), watch(hub, bob), watch(hub, carol)
    hub.look()
    assert alice.ask("DELETE", "/api/session").status_code == 204
    with alice.parts.pool.connection() as one:
        one.execute("UPDATE login SET disabled = true WHERE username = 'carol'")
    hub.look()
    for ended in (of_alice, of_carol):
        assert names(read(ended)) == ["hello"]
        assert list(ended) == []
    assert not of_bob.is_gone()


def test_an_idle_session_is_not_renewed_by_its_stream(
    database: Database, hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser comes back at once when the stream ends: by then the session must have ended for everybody."""
    monkeypatch.setattr("webclient.hub.STREAM_CHECK_MS", 0)
    stream = watch(hub, alice)
    for minutes, ended in ((31, False), (33, True)):
        with psycopg.connect(database.admin_url) as connection:
            now = SystemClock().now_ms()
            connection.execute("UPDATE web_session SET seen_ms = %s", [now - minutes * 60_000])
        hub.look()
        assert stream.is_gone() is ended


def test_nothing_is_lost_by_a_look_that_fails(
    database: Database, hub: Looking, alice: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last of its queries finds no database."""

    async def story() -> None:
        async with history(database) as past:
            await armed(past)
            stream = watch(hub, alice)
            hub.look()
            read(stream)
            await fire(past, 800)
            with monkeypatch.context() as broken:
                broken.setattr(hub_module, "_SQL", {**hub_module._SQL, "quotes": FAILS})
                with pytest.raises(Problem, match="UNAVAILABLE"):
                    hub.look()
            assert read(stream) == []
            hub.look()
            assert names(read(stream)) == ["fire", "account", "quote"]

    asyncio.run(story())


def test_who_reads_too_slowly_is_hung_up_on(hub: Looking, alice: Visitor) -> None:
    class Counted(Line):
        hung_up = 0

        def hang_up(self) -> None:
            self.hung_up += 1

    line = Counted(None)
    stream = watch(hub, alice, line=line)
    hub.look()
    stream.tell([], b"x" * 100_000)
    assert not stream.is_gone()
    stream.tell([], b"x" * 100_000)
    assert stream.is_gone()
    assert line.hung_up == 1
    stream.close()
    assert hub._count == 0
