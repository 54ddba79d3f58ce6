"""What a supervisor sees and does, on real tables, files and metrics."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask

from core import metrics
from core.metrics import counter, counters
from core.settings import Address, Settings
from tests.conftest import Database
from tests.unit.loadbalancer.tiers import free_port
from tests.unit.webclient.balancer import Tiers
from tests.unit.webclient.visitors import Visitor, problem, supervisor, trader


@pytest.fixture
def balancer() -> Iterator[Tiers]:
    with Tiers() as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where dumps are written."""
    return tmp_path / "dumps"


@pytest.fixture
def silent() -> Iterator[Address]:
    """A tier that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield Address(one.getsockname())


@pytest.fixture
def web_settings(web_settings: Settings, balancer: Tiers, folder: Path, silent: Address) -> Settings:
    """With two tiers that show metrics, one that is not there, and one that is silent."""
    targets = {}
    for name, kind, shown in (("transaction-0", "transaction", _shard), ("trigger-0", "trigger", _trigger)):
        targets[name] = Address(("127.0.0.1", free_port()))
        metrics.serve(Settings(name=name, metrics=targets[name]), kind, shown)
    targets |= {"webserver-1": Address(("127.0.0.1", free_port())), "loadbalancer": silent}
    changed = {"balancer": Address(balancer.address), "log_dir": folder, "metrics_targets": targets}
    return web_settings.model_copy(update=changed)


def _shard() -> list[Any]:
    outcomes = {"BUY": 7.0, "ADD": 3.0}
    return [
        counters("daytrade_shard_commands_total", "Commands.", "command", outcomes),
        counter("daytrade_shard_conflicts_total", "Conflicts.", 2),
        counter("daytrade_quote_hits_total", "Hits.", 5),
        counter("daytrade_quote_cost_usd_total", "Cost.", 0.25),
    ]


def _trigger() -> list[Any]:
    return [
        counter("daytrade_trigger_fires_total", "Fires.", 4),
        counter("daytrade_quote_hits_total", "Hits.", 2),
        counter("daytrade_quote_cost_usd_total", "Cost.", 0.1),
    ]


@pytest.fixture
def boss(app: APIFlask) -> Visitor:
    return supervisor(app)


def test_log_ins_and_trading_accounts_together(database: Database, app: APIFlask, boss: Visitor) -> None:
    trader(app, "alice")
    with psycopg.connect(database.admin_url) as connection:
        for name, cents in (("Zed", 0), ("alice", 123456), ("mallory", 5)):
            connection.execute(
                "INSERT INTO account VALUES (%s, 1, %s, 7, 1, 1, '[]', '[]', 0, '')", (name, cents)
            )
    everybody = boss.get("/api/supervisor/users")
    assert everybody["next"] is None
    rows = {row["user"]: row for row in everybody["users"]}
    assert list(rows) == ["Zed", "alice", "boss", "mallory"]
    assert rows["mallory"] == {
        "user": "mallory", "role": None, "created_at": None, "last_login_at": None, "disabled": False,
        "cash": "0.05", "reserved": "0.07",
    }  # fmt: skip
    assert (rows["alice"]["role"], rows["alice"]["cash"]) == ("trader", "1234.56")
    assert rows["boss"]["role"] == "supervisor"
    assert rows["boss"]["cash"] is None
    assert abs(rows["boss"]["last_login_at"] - time.time() * 1000) < 60_000


def test_users_page_by_page_and_by_a_part_of_their_name(database: Database, boss: Visitor) -> None:
    names = sorted(f"{word}.{number:02}" for word in ("Ann", "bob", "-joANna_") for number in range(8))
    with psycopg.connect(database.admin_url) as connection:
        for name in names:
            connection.execute("INSERT INTO account VALUES (%s, 1, 0, 0, 1, 1, '[]', '[]', 0, '')", [name])
    for search, found in (
        ("", [*names, "boss"]),
        ("aNN", [name for name in names if "ann" in name.lower()]),
        ("%", None),
    ):
        seen: list[str] = []
        after = ""
        while found is not None:
            page = boss.get("/api/supervisor/users", search=search, after=after, limit=3)
            assert len(page["users"]) <= 3
            seen += [row["user"] for row in page["users"]]
            after = page["next"]
            if after is None:
                assert seen == sorted(found)
                break
    assert problem(boss.ask("GET", "/api/supervisor/users?search=%25")) == (400, "BAD_REQUEST")
    assert boss.get("/api/supervisor/users", search="nobody") == {"users": [], "next": None}


def test_a_user_is_disabled_and_let_in_again(app: APIFlask, boss: Visitor) -> None:
    alice = trader(app, "alice")
    answer = boss.ask("PATCH", "/api/supervisor/users/alice", json={"disabled": True})
    assert (answer.status_code, answer.json and answer.json["disabled"]) == (200, True)
    assert problem(alice.ask("GET", "/api/symbols")) == (401, "UNAUTHENTICATED")
    with pytest.raises(AssertionError):
        trader(app, "alice")
    answer = boss.ask("PATCH", "/api/supervisor/users/alice", json={"disabled": False})
    assert answer.json is not None
    assert answer.json["disabled"] is False
    assert trader(app, "alice").ask("GET", "/api/symbols").status_code == 200
    assert problem(alice.ask("GET", "/api/symbols")) == (401, "UNAUTHENTICATED")


def test_who_cannot_be_disabled(boss: Visitor) -> None:
    assert problem(boss.ask("PATCH", "/api/supervisor/users/boss", json={"disabled": True})) == (
        403,
        "FORBIDDEN",
    )
    assert problem(boss.ask("PATCH", "/api/supervisor/users/nobody", json={"disabled": True})) == (
        404,
        "NOT_FOUND",
    )
    for body in ({}, {"disabled": "yes"}, {"disabled": True, "role": "supervisor"}):
        answer = boss.ask("PATCH", "/api/supervisor/users/nobody", json=body)
        assert problem(answer) == (400, "BAD_REQUEST")


def test_all_tiers_at_a_glance(boss: Visitor) -> None:
    begun = time.monotonic()
    seen = boss.get("/api/supervisor/tiers")
    assert time.monotonic() - begun < 5
    assert seen["totals"] == {
        "commands_total": 10, "quote_hits_total": 7, "quote_cost_usd": "0.35", "fires_total": 4, "conflicts_total": 2
    }  # fmt: skip
    tiers = {tier["name"]: tier for tier in seen["tiers"]}
    assert [(name, tier["kind"], tier["up"]) for name, tier in tiers.items()] == [
        ("transaction-0", "transaction", True),
        ("trigger-0", "trigger", True),
        ("webserver-1", "webserver", False),
        ("loadbalancer", "loadbalancer", False),
    ]
    shard = tiers["transaction-0"]
    assert shard["commands_total"] == 10
    assert tiers["trigger-0"]["commands_total"] is None
    assert shard["memory_bytes"] > 10_000_000
    assert 0 < shard["uptime_seconds"] < 36_000
    assert shard["cpu_seconds"] > 0
    assert tiers["webserver-1"]["memory_bytes"] is None


def test_tiers_are_not_asked_more_than_once_a_second(boss: Visitor) -> None:
    """And one that has not answered yet is not asked again."""
    looked = boss.parts.tiers
    first = looked.look()
    assert looked.look() is first
    looked._seen_ms -= 1_000
    assert looked.look() is not first
    assert len(looked._asked) <= 1


def test_a_dump_is_written_listed_and_sent(boss: Visitor, balancer: Tiers, folder: Path) -> None:
    assert boss.get("/api/supervisor/dumps") == {"dumps": []}
    balancer.says = b'OK {"path":"/x/all.xml","events":17}'
    made = boss.ask("POST", "/api/supervisor/dumps", json={"filename": "all.xml"})
    assert (made.status_code, made.json) == (
        201, {"filename": "all.xml", "events": 17, "url": "/api/supervisor/dumps/all.xml"}
    )  # fmt: skip
    assert boss.ask("POST", "/api/supervisor/dumps", json={"filename": "a", "user": "bob"}).status_code == 201
    assert [line for _, _, line in balancer.lines] == ["DUMPLOG,all.xml", "DUMPLOG,bob,a"]
    folder.mkdir()
    (folder / "all.xml").write_bytes(b"<log>\n" * 100_000)
    os.utime(folder / "all.xml", (17, 17.5))
    (folder / "newer").write_bytes(b"")
    listed = boss.get("/api/supervisor/dumps")["dumps"]
    assert [dump["filename"] for dump in listed] == ["newer", "all.xml"]
    assert listed[1] == {"filename": "all.xml", "bytes": 600_000, "written_at": 17_500}
    sent = boss.ask("GET", "/api/supervisor/dumps/all.xml")
    assert sent.data == b"<log>\n" * 100_000
    assert sent.headers["Content-Disposition"] == 'attachment; filename="all.xml"'
    assert (sent.mimetype, sent.headers["Content-Length"]) == ("application/xml", "600000")


def test_what_the_tiers_refuse_is_told(boss: Visitor, balancer: Tiers) -> None:
    balancer.says = b'ERR {"code":"UNKNOWN_USER","message":"there is no account bob"}'
    answer = boss.ask("POST", "/api/supervisor/dumps", json={"filename": "a", "user": "bob"})
    assert problem(answer) == (409, "UNKNOWN_USER")


def test_nothing_else_of_the_machine_is_sent(boss: Visitor, folder: Path, balancer: Tiers) -> None:
    """ASVS 5.0, 5.3.2 and 5.4.1: no path, no link, nothing unfinished, and not the files that are for others."""
    secret = folder.parent / "secret"
    (folder / "folder").mkdir(parents=True)
    (folder / "inside").symlink_to(secret)
    (folder / "gone").symlink_to(folder.parent / "nothing")
    os.mkfifo(folder / "pipe")
    for name in (
        ".all.xml.0123.part~",
        f"web-{'0' * 32}.xml",
        "odd name",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
    ):
        (folder / name).write_text("no")
    (folder / "fine").write_text("yes")
    assert [dump["filename"] for dump in boss.get("/api/supervisor/dumps")["dumps"]] == ["fine"]
    tried = [
        "..%2Fsecret", "../secret", "..", ".", "%2e%2e", "inside", "gone", "pipe", "folder", "fine/", "fine%00", "fine%0a",
        ".all.xml.0123.part~", f"web-{'0' * 32}.xml", "odd%20name", "%C3%A9", "x" * 129, "C:\\secret", str(secret),
    ]  # fmt: skip
    for name in tried:
        answer = boss.ask("GET", f"/api/supervisor/dumps/{name}")
        assert answer.status_code in {400, 404, 405}, name
        assert answer.mimetype == "application/problem+json", name
    for name in ("", "..", "a/b", "../x", "a b", "x" * 129, "a\n", f"web-{'0' * 32}.xml"):
        answer = boss.ask("POST", "/api/supervisor/dumps", json={"filename": name})
        assert answer.status_code == 400, name
    assert balancer.lines == []


def test_none_of_it_is_for_traders(app: APIFlask) -> None:
    alice = trader(app, "alice")
    for method, path in (
        ("GET", "users"), ("PATCH", "users/alice"), ("GET", "tiers"), ("GET", "history"), ("GET", "history.csv"),
        ("POST", "dumps"), ("GET", "dumps"), ("GET", "dumps/x"),
    ):  # fmt: skip
        assert problem(alice.ask(method, f"/api/supervisor/{path}", json={})) == (403, "FORBIDDEN"), path
