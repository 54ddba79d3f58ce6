"""What streams tell, look by look, over a past that the real rules and statements make."""

import asyncio

import pytest
from apiflask import APIFlask

from tests.conftest import Database
from tests.unit.db.history import history
from tests.unit.webclient.visitors import Visitor, trader
from tests.unit.webclient.watching import Looking, armed, fire, names, read, seq_of, watch
from webclient import hub as hub_module
from webclient.problems import Problem

FAILS = "SELECT pg_terminate_backend(pg_backend_pid())"


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
