"""Type-ahead, recorded prices and watch lists, on real tables."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from apiflask import APIFlask

from core.limits import MAX_WATCHED
from tests.conftest import Database
from tests.unit.webclient.visitors import Visitor, problem, trader

HITS = [
    ("ABC", 1000, 50),
    ("ABC", 1010, 60),
    ("AB", 70, 55),
    ("B", 999_999_999_999, 10),
    ("ABC", 990, 70),
    ("AZ", 5, 20),
]


@pytest.fixture
def quotes(database: Database) -> None:
    hit(database, *HITS)


def hit(database: Database, *hits: tuple[str, int, int]) -> None:
    """Recorded hits, as quote.sql leaves them: an event each, and the newest of each symbol."""
    with psycopg.connect(database.admin_url) as connection:
        for number, (symbol, cents, time_ms) in enumerate(hits, 1):
            connection.execute(
                "INSERT INTO audit (timestamp_ms, username, seq, kind, session_id, number, server, command, symbol,"
                " price_cents, quote_time_ms, cryptokey) VALUES (%s, 'u', 0, 2, 1, %s, 's', 0, %s, %s, %s, 'k')",
                (time_ms, number, symbol, cents, time_ms),
            )
            connection.execute(
                "INSERT INTO quote VALUES (%s, %s, 'u', %s, 'k', 1, %s) ON CONFLICT (symbol) DO UPDATE"
                " SET price_cents = excluded.price_cents, quote_time_ms = excluded.quote_time_ms",
                (symbol, cents, time_ms, number),
            )


def symbols(answer: dict[str, list[dict[str, object]]]) -> list[object]:
    return [stock["symbol"] for stock in answer["symbols"]]


@pytest.mark.usefixtures("quotes")
def test_type_ahead(alice: Visitor) -> None:
    found = {
        prefix: symbols(alice.get("/api/symbols", prefix=prefix))
        for prefix in ("", "a", "AB", "ABC", "ABd", "Z")
    }
    assert found == {
        "": ["AB", "ABC", "AZ", "B"], "a": ["AB", "ABC", "AZ"], "AB": ["AB", "ABC"], "ABC": ["ABC"], "ABd": [], "Z": []
    }  # fmt: skip
    assert symbols(alice.get("/api/symbols", limit=2)) == ["AB", "ABC"]
    (one,) = alice.get("/api/symbols", prefix="b")["symbols"]
    assert one == {"symbol": "B", "price": "9999999999.99", "quoted_at": 10}


@pytest.mark.parametrize("prefix", ["ABCD", "%", "A_", "é", "A\x00", "A\n", "1"])
def test_what_begins_no_symbol_is_refused(alice: Visitor, prefix: str) -> None:
    response = alice.ask("GET", "/api/symbols", query_string={"prefix": prefix})
    assert problem(response) == (400, "BAD_REQUEST")


@pytest.mark.usefixtures("quotes")
def test_recorded_prices(alice: Visitor) -> None:
    assert alice.get("/api/symbols/abc/prices")["prices"] == [
        {"price": "10.00", "quoted_at": 50}, {"price": "10.10", "quoted_at": 60}, {"price": "9.90", "quoted_at": 70}
    ]  # fmt: skip
    assert [price["quoted_at"] for price in alice.get("/api/symbols/ABC/prices", limit=2)["prices"]] == [
        60,
        70,
    ]
    assert alice.get("/api/symbols/QQQ/prices") == {"prices": []}
    assert problem(alice.ask("GET", "/api/symbols/ABCD/prices")) == (400, "BAD_SYMBOL")


@pytest.mark.usefixtures("quotes")
def test_a_watch_list(alice: Visitor) -> None:
    path = "/api/users/alice/watchlist"
    assert alice.get(path) == {"symbols": []}
    for symbol in ("qq", "ABC", "qq", "A"):
        assert alice.ask("PUT", f"{path}/{symbol}").status_code == 204
    assert sorted(alice.get(path)["symbols"], key=str) == [
        {"symbol": "A", "price": None, "quoted_at": None, "before": None},
        {"symbol": "ABC", "price": "9.90", "quoted_at": 70, "before": "10.10"},
        {"symbol": "QQ", "price": None, "quoted_at": None, "before": None},
    ]
    for symbol in ("QQ", "ZZZ"):
        assert alice.ask("DELETE", f"{path}/{symbol}").status_code == 204
    assert symbols(alice.get(path)) == ["ABC", "A"]


@pytest.mark.usefixtures("quotes")
def test_the_price_before_is_the_last_other_one(database: Database, alice: Visitor) -> None:
    """However often the same one was recorded since, within reason."""
    path = "/api/users/alice/watchlist"
    for symbol in ("ABC", "B"):
        alice.ask("PUT", f"{path}/{symbol}")
    for times, before in ((range(71, 75), "10.10"), (range(75, 100), None)):
        hit(database, *(("ABC", 990, time_ms) for time_ms in times))
        assert [one["before"] for one in alice.get(path)["symbols"]] == [before, None]


def test_a_watch_list_has_an_end(app: APIFlask, alice: Visitor) -> None:
    """Also when many are added at once."""
    path = "/api/users/alice/watchlist"
    names = [first + second for first in "ABCDEFGH" for second in "ABCDEFGH"]
    with ThreadPoolExecutor(8) as threads:
        statuses = list(threads.map(lambda name: alice.ask("PUT", f"{path}/{name}").status_code, names))
    assert statuses.count(204) == MAX_WATCHED
    watched = symbols(alice.get(path))
    assert len(watched) == MAX_WATCHED
    refused = alice.ask("PUT", f"{path}/ZZ")
    assert problem(refused) == (409, "WATCHLIST_FULL")
    assert alice.ask("PUT", f"{path}/{watched[0]}").status_code == 204
    assert trader(app, "bob").ask("PUT", "/api/users/bob/watchlist/ZZ").status_code == 204


def test_a_watch_list_is_its_owners(app: APIFlask, alice: Visitor) -> None:
    bob = trader(app, "bob")
    for method, path in (("GET", ""), ("PUT", "/A"), ("DELETE", "/A")):
        assert bob.ask(method, f"/api/users/alice/watchlist{path}").status_code == 403
    assert alice.get("/api/users/alice/watchlist") == {"symbols": []}
