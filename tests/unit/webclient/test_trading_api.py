"""The trading resources: which line each of them sends, and what each answer of the tiers becomes over HTTP."""

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from core import commands as c
from core import errors as e
from core.settings import Address, Settings
from tests.unit.webclient.balancer import Tiers
from tests.unit.webclient.resources import ORDER, RESOURCES, WRITES, Resource, name
from tests.unit.webclient.visitors import Visitor, problem
from webclient.access import Access, declared
from webclient.commands import REPLIES
from webclient.keys import command_key
from webclient.parts import NAME
from webclient.problems import TABLE, UNSUPPORTED_MEDIA_TYPE

KEY: Final = "order-0001"


@pytest.fixture
def tiers() -> Iterator[Tiers]:
    with Tiers() as one:
        yield one


@pytest.fixture
def web_settings(web_settings: Settings, tiers: Tiers, tmp_path: Path) -> Settings:
    """The worker talks to those tiers."""
    return web_settings.model_copy(update={"balancer": Address(tiers.address), "log_dir": tmp_path})


class Ann(Visitor):
    """A trader who is logged in, at her own resources."""

    def send(
        self, method: str, path: str, body: object = None, key: str | None = KEY, **options: Any
    ) -> TestResponse:
        headers = self.headers | ({} if key is None else {"Idempotency-Key": key})
        if body is not None:
            options["json"] = body
        return self._client.open(f"/api/users/ann/{path}", method=method, headers=headers, **options)


@pytest.fixture
def ann(app: APIFlask) -> Ann:
    return Ann(app, "ann")


def said(answer: TestResponse) -> dict[str, Any]:
    """The problem's details."""
    assert answer.content_type == "application/problem+json", answer.text
    details: dict[str, Any] = answer.get_json()
    return details


@pytest.mark.parametrize("one", RESOURCES, ids=name)
def test_a_resource_is_one_line_and_its_reply(tiers: Tiers, ann: Ann, one: Resource) -> None:
    tiers.says = b"OK " + one.reply
    answer = ann.send(one.method, one.path, one.body)
    assert (answer.status_code, answer.data) == (one.status, one.reply), answer.text
    assert answer.content_type == "application/json"
    ((session, number, line),) = tiers.lines
    assert line == one.line
    assert answer.headers["X-Request-Key"] == f"{session}/{number}"
    if one in WRITES:
        assert f"{session}/{number}" == str(command_key("ann", KEY))
    else:
        assert re.fullmatch("web-[0-9a-f]{16}", session)


def test_all_sixteen_commands_have_a_resource() -> None:
    assert {one.command for one in RESOURCES} | {c.DUMPLOG} == set(c.ARGUMENTS)


@pytest.mark.parametrize("one", WRITES, ids=name)
@pytest.mark.parametrize("key", [None, "short", '"also-bad', "k" * 129, "with space"])
def test_a_command_needs_a_key(tiers: Tiers, ann: Ann, one: Resource, key: str | None) -> None:
    answer = ann.send(one.method, one.path, one.body, key)
    assert problem(answer) == (400, e.BAD_REQUEST)
    assert "Idempotency-Key" in said(answer)["detail"]
    assert tiers.lines == []


def test_a_key_in_quotes_is_the_same_key(tiers: Tiers, ann: Ann) -> None:
    tiers.says = b'OK {"cash":"1.00"}'
    plain, quoted = (ann.send("POST", "deposits", {"amount": "1"}, key) for key in (KEY, f'"{KEY}"'))
    assert plain.headers["X-Request-Key"] == quoted.headers["X-Request-Key"]


@pytest.mark.parametrize("code", sorted(e.CODES - {e.UNKNOWN_COMMAND}))
def test_every_refusal_becomes_problem_details(tiers: Tiers, ann: Ann, code: str) -> None:
    tiers.says = b'ERR {"code":"%b","message":"these words"}' % code.encode()
    answer = ann.send("POST", "buys", ORDER)
    assert answer.content_type == "application/problem+json"
    assert answer.status_code == said(answer)["status"] == TABLE[code].status
    assert said(answer)["code"] == code
    assert said(answer)["type"] == f"/problems/{code}"
    assert said(answer)["instance"] == "/api/users/ann/buys"
    assert said(answer)["advice"]
    worded = code not in {e.UNKNOWN_USER, e.NO_AMOUNT_SET, e.NOT_SET}
    assert (said(answer)["detail"] == "these words") == worded
    assert answer.headers["X-Request-Key"] == str(command_key("ann", KEY))
    assert ("Retry-After" in answer.headers) == (answer.status_code == 503)


BAD_AMOUNTS: Final = [
    "0",
    "0.00",
    "-1",
    "1.001",
    "1e3",
    "",
    " 1",
    "1\n",
    "100000000000.01",
    "NaN",
    "٣",
    "1" * 16,
    "1,000",
]


@pytest.mark.parametrize("amount", BAD_AMOUNTS)
def test_what_is_no_amount(tiers: Tiers, ann: Ann, amount: str) -> None:
    for path, body, field in (
        ("deposits", {"amount": amount}, "amount"),
        ("buys", {"symbol": "ABC", "amount": amount}, "amount"),
    ):
        answer = ann.send("POST", path, body)
        assert problem(answer) == (400, e.BAD_AMOUNT)
        assert list(said(answer)["errors"]) == [field]
    answer = ann.send("PUT", "triggers/buy/ABC/price", {"price": amount})
    assert (said(answer)["code"], list(said(answer)["errors"])) == (e.BAD_AMOUNT, ["price"])
    assert tiers.lines == []


@pytest.mark.parametrize("symbol", ["", "ABCD", "A1", "ÄB", "A\n", "a b"])
def test_what_is_no_symbol(tiers: Tiers, ann: Ann, symbol: str) -> None:
    answer = ann.send("POST", "sells", {"symbol": symbol, "amount": "1"})
    assert problem(answer) == (400, e.BAD_SYMBOL)
    assert list(said(answer)["errors"]) == ["symbol"]
    assert tiers.lines == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "symbol"),
        ({"symbol": "ABC"}, "amount"),
        ({"symbol": "ABC", "amount": 100}, "amount"),
        ({"symbol": None, "amount": "1"}, "symbol"),
        ({"symbol": "ABC", "amount": "1", "price": "2"}, "price"),
        ([], "body"),
        ("x", "body"),
        (1, "body"),
    ],
)
def test_a_body_that_is_not_as_declared(tiers: Tiers, ann: Ann, body: object, field: str) -> None:
    answer = ann.send("POST", "buys", body)
    assert problem(answer) == (400, e.BAD_REQUEST)
    assert list(said(answer)["errors"]) == [field]
    assert tiers.lines == []


def test_floats_and_other_media_do_not_pass(tiers: Tiers, ann: Ann) -> None:
    def sent(data: bytes, kind: str = "application/json", path: str = "deposits") -> tuple[int, str]:
        return problem(ann.send("POST", path, data=data, content_type=kind))

    assert sent(b'{"amount":1.0}') == (400, e.BAD_REQUEST)
    assert sent(b"{") == (400, e.BAD_REQUEST)
    assert sent(b'{"amount":"1"}', path="deposits?amount=1") == (400, e.BAD_REQUEST)
    assert sent(b"amount=1", "application/x-www-form-urlencoded") == (415, UNSUPPORTED_MEDIA_TYPE)
    assert tiers.lines == []


def test_a_dump_is_sent_and_is_gone(tiers: Tiers, ann: Ann, tmp_path: Path) -> None:
    xml = b"<log>" + b"x" * 3_000_000 + b"</log>"
    tiers.says = b'OK {"path":"somewhere","events":7}'
    tiers.before_answer = lambda command: (tmp_path / command.split(",")[2]).write_bytes(xml)
    answer = ann.send("GET", "log")
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "application/xml"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="daytrade-ann.xml"'
    assert answer.content_length == len(xml)
    assert answer.data == xml
    assert list(tmp_path.glob("*.xml")) == []
    assert re.fullmatch(r"DUMPLOG,ann,web-[0-9a-f]{32}\.xml", tiers.lines[0][2])


def test_dumps_that_nobody_fetched_are_removed_later(tiers: Tiers, ann: Ann, tmp_path: Path) -> None:
    old, young, other = (tmp_path / name for name in ("web-1.xml", "web-2.xml", "testLOG"))
    for path in (old, young, other):
        path.write_text("<log/>")
    for path in (old, other):
        os.utime(path, (1, 1))
    tiers.says = b'ERR {"code":"UNKNOWN_USER","message":""}'
    assert ann.send("GET", "log").status_code == 409
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_no_answer_in_time_is_busy(
    tiers: Tiers, app: APIFlask, ann: Ann, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.extensions[NAME].lines, "_deadline_ms", 200)
    tiers.before_answer = lambda command: threading.Event().wait(0.5)
    answer = ann.send("POST", "buys/commit")
    assert (answer.status_code, said(answer)["code"], answer.headers["Retry-After"]) == (503, e.BUSY, "1")
    assert "same" in said(answer)["detail"]


def test_what_is_declared_is_what_is_answered(app: APIFlask) -> None:
    """The type that OpenAPI shows of each resource is the one by which its command's reply is read."""
    routes = {
        (method, rule.rule): declared(app.view_functions[rule.endpoint])
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
    }
    for one in RESOURCES:
        path = re.sub("abc|ABC", "<symbol>", f"/api/users/<user>/{one.path}")
        declaration = routes[one.method, path]
        assert isinstance(declaration, Access)
        assert declaration.gives is REPLIES[one.command]
        assert declaration.status == one.status
        assert declaration.key == (one in WRITES)
        assert msgspec.json.decode(one.reply, type=declaration.gives)
