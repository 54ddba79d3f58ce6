"""What running tiers show, against docs/metrics.md and the Grafana dashboard: the same names, each of its type and tier."""

import json
import os
import re
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from core import metrics
from core.settings import Address
from db.check import check
from stack import trail
from stack.launcher import Stack, throw_away
from stack.process import wait_until
from stack.topology import WEB_CLIENT, Shape
from tests.e2e.commandline import Command
from tests.e2e.visitor import Visitor
from workload.driver import load, replay_now
from workload.generate import generate

DOCS: Final = Path(__file__).parents[2] / "docs"
_ROW: Final = re.compile(r"^\| `(daytrade_\w+)` \| (\w+) \| ([a-z, ]+) \| .{3,} \|$", re.MULTILINE)
_NAME: Final = re.compile(r"daytrade_\w+")
_PARTS_OF_A_HISTOGRAM: Final = re.compile(r"_(bucket|sum|count)\Z")
_REPLAYS: Final = 4
"""At most so many until a fire has met a command."""
_SINCE_THE_START: Final = {"daytrade_quote_cost_usd_total", "daytrade_quoteserver_hits_total"}
"""Counters that the dashboard also shows as they are."""
_GREETINGS: Final = _REPLAYS * 20 * 80
"""More bytes than all the lines by which connections open their sessions."""
Families = dict[str, tuple[str, set[str]]]
"""Of each metric by name: its type, and the kinds of tiers that show it."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    shape = Shape(shards=2, web_servers=1, delay="none", seed=1, web_client=True)
    environ = {**os.environ, "DAYTRADE_WEB_LOGIN_RATE": "3", "DAYTRADE_LOG_LEVEL": "info"}
    with throw_away(shape, environ) as running:
        replay_now(
            load(b"".join(generate(20, 400, 1)).splitlines(keepends=True)),
            running.state.balancer_address,
            window=8,
        )
        yield running


def families(stack: Stack) -> Families:
    """What all tiers show now."""
    found: Families = {}
    for part in stack.state.parts:
        if part.metrics is None:
            continue
        with urllib.request.urlopen(f"http://{part.metrics}{metrics.PATH}", timeout=5) as answer:
            text = answer.read().decode()
        kind = part.name.rpartition("-")[0] or part.name
        for family in text_string_to_metric_families(text):
            name = family.name + "_total" if family.type == "counter" else family.name
            assert family.documentation, name
            found.setdefault(name, (family.type, set()))[1].add(kind)
    return found


def documented(all_kinds: set[str]) -> Families:
    rows = _ROW.findall((DOCS / "metrics.md").read_text())
    kinds = {name: all_kinds if tiers == "all" else set(tiers.split(", ")) for name, _, tiers in rows}
    assert len(kinds) == len(rows), "a metric stands there twice"
    return {name: (sort, kinds[name]) for name, sort, _ in rows}


def use_the_web_client(address: str) -> None:
    """Whatever it counts happens once: requests, a line, a stream, a log-in, a limit."""
    visitor = Visitor(address, "measured")
    visitor.deposit("100.00")
    stream = requests.get(
        f"{address}api/users/measured/events", headers=visitor.headers, stream=True, timeout=10
    )
    stream.close()
    for number in range(50):
        body = {"user": f"nobody{number}", "password": "not this one"}
        answer = requests.post(f"{address}api/session", json=body, timeout=10)
        if answer.status_code == requests.codes.too_many:
            return
    pytest.fail("50 log-ins in a row met no limit")


def test_the_page_lists_exactly_what_running_tiers_show(stack: Stack) -> None:
    now = stack.state
    assert now.web is not None
    use_the_web_client(now.web)
    shown = families(stack)
    kinds = {part.name.rpartition("-")[0] or part.name for part in now.parts if part.metrics}
    assert kinds == {"quoteserver", "transaction", "trigger", "webserver", "loadbalancer", WEB_CLIENT}
    page = documented(kinds)
    assert shown.keys() - page.keys() == set(), "shown and not on the page"
    assert page.keys() - shown.keys() == set(), "on the page and not shown"
    assert {name: page[name] for name in page} == {name: shown[name] for name in page}


def total(stack: Stack, name: str, **labels: str) -> float:
    """Over all tiers that show it."""
    addresses = [Address.parse(part.metrics) for part in stack.state.parts if part.metrics]
    return sum(metrics.fetch(address, 5.0).total(name, **labels) or 0.0 for address in addresses)


def paid(stack: Stack) -> float:
    return total(stack, "daytrade_quote_hits_total")


def test_conflicts_between_fires_and_shards_happen_are_counted_and_harm_nobody(stack: Stack) -> None:
    """The trigger server and the shards write the same accounts at the same time. The tiers' numbers agree with one another."""
    names = (
        "daytrade_shard_commands_total",
        "daytrade_balancer_answered_total",
        "daytrade_webserver_replies_total",
    )
    before = {name: total(stack, name) for name in names}
    taken = total(stack, "daytrade_balancer_bytes_total", direction="in")
    conflicts = fires = sent = 0.0
    size = 0
    for seed in range(2, 2 + _REPLAYS):
        lines = b"".join(generate(20, 3_000, seed)).splitlines(keepends=True)[:-1]  # without the DUMPLOG
        workload = load(lines)
        result = replay_now(workload, stack.state.balancer_address, window=8)
        sent += result.commands
        size += sum(len(own.text) for own in workload.users)
        conflicts, fires = (
            total(stack, "daytrade_shard_conflicts_total"),
            total(stack, "daytrade_trigger_fires_total"),
        )
        if conflicts and fires:
            break
    assert fires > 0, "no trigger was fired: this tests nothing"
    assert conflicts > 0, f"{fires:.0f} fires among {sent:.0f} commands met nobody"
    assert {name: total(stack, name) - before[name] for name in names} == dict.fromkeys(names, sent)
    grown = total(stack, "daytrade_balancer_bytes_total", direction="in") - taken
    assert size < grown < size + _GREETINGS
    assert wait_until(
        lambda: paid(stack) == total(stack, "daytrade_quoteserver_hits_total") > 0, 10, every=0.2
    )
    assert total(stack, "daytrade_quote_cost_usd_total") == pytest.approx(paid(stack) * 0.05)
    assert check(stack.state.audit_url) == []


def test_top_shows_every_part_and_what_it_does(stack: Stack) -> None:
    command = Command(stack.directory)
    lines = load(b"".join(generate(20, 6_000, 9)).splitlines(keepends=True)[:-1])
    replay = threading.Thread(
        target=replay_now, args=(lines, stack.state.balancer_address), kwargs={"window": 1}
    )
    with command.start("top", "--once", "--interval", "3") as shown:
        replay.start()
        words, complaints = shown.communicate(timeout=60)
    replay.join()
    assert shown.returncode == 0, complaints
    rows = {row.split()[0]: row.split()[1:] for row in words.splitlines()[1:] if row.strip()}
    assert {part.name for part in stack.state.parts} <= rows.keys()
    assert float(rows["loadbalancer"][0].replace(",", "")) > 0
    assert float(rows["transaction-0"][3]) >= 1.0, "commands in a batch"
    assert rows["postgres"][0] == "-"
    assert float(rows["postgres"][-2]) > 5, "MB of Postgres with its backends"


def test_at_the_usual_level_no_tier_writes_a_line_a_command(stack: Stack) -> None:
    """(The web client writes one a request, always.)"""
    written = {path.name: path.read_text() for path in trail.logs(stack.directory)}
    assert "transaction-0.log" in written
    assert {name for name, text in written.items() if '"key": ' in text} <= {f"{WEB_CLIENT}.log"}


def test_top_says_so_when_nothing_runs(tmp_path: Path) -> None:
    shown = Command(tmp_path)("top", "--once")
    assert shown.returncode == 3
    assert "./daytrade up" in shown.stdout


def panels() -> list[dict[str, Any]]:
    dashboard: dict[str, Any] = json.loads((DOCS / "grafana" / "daytrade.json").read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_dashboard_asks_for_nothing_that_is_not_there() -> None:
    page = documented({"all"})
    asked = {
        name for panel in panels() for target in panel["targets"] for name in _NAME.findall(target["expr"])
    }
    histograms = {name for name, (sort, _) in page.items() if sort == "histogram"}
    for name in asked:
        base = _PARTS_OF_A_HISTOGRAM.sub("", name)
        assert name in page or base in histograms, name
        assert name not in histograms, f"{name} is a histogram: ask for its buckets"
    for panel in panels():
        for target in panel["targets"]:
            counters = [
                name for name in _NAME.findall(target["expr"]) if page.get(name, ("",))[0] == "counter"
            ]
            assert "rate(" in target["expr"] or set(counters) <= _SINCE_THE_START, panel["title"]
    left_out = {
        "daytrade_process_virtual_memory_bytes", "daytrade_process_max_fds", "daytrade_shard_accounts",
        "daytrade_shard_loads_total", "daytrade_shard_lookups_total", "daytrade_trigger_found_total",
        "daytrade_quoteserver_requests_total", "daytrade_quoteserver_bad_requests_total",
        "daytrade_quoteserver_abandoned_total", "daytrade_webserver_links", "daytrade_balancer_connections_total",
    }  # fmt: skip
    assert {
        name for name in page if not any(name == a or a.startswith(f"{name}_") for a in asked)
    } == left_out


def test_panels_lie_side_by_side_and_not_one_on_another() -> None:
    dashboard: dict[str, Any] = json.loads((DOCS / "grafana" / "daytrade.json").read_text())
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        own = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not own & cells, panel["title"]
        assert all(x < 24 for x, _ in own)
        cells |= own
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
