"""The topology: every tier is told where its peers are, and starts after what it needs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Address, Settings
from stack import topology
from stack.topology import BALANCER, QUOTE_SERVER, Shape, Surroundings

AROUND = Surroundings(
    transaction_url="postgresql://t@db/x",
    trigger_url="postgresql://g@db/x",
    redis_url="redis://cache/0",
    redis_password_file=Path("/secret"),
    log_dir=Path("/logs"),
)
SHAPES = st.builds(
    Shape, shards=st.integers(1, 9), web_servers=st.integers(1, 9), trigger_servers=st.integers(0, 3)
)


def plan(shape: Shape, around: Surroundings = AROUND) -> list[topology.Tier]:
    found = topology.names(shape, simulated=around.quote_server is None)
    addresses = {name: Address(("127.0.0.1", 20_000 + index)) for index, name in enumerate(found)}
    return topology.tiers(shape, addresses, around)


@given(SHAPES)
def test_every_tier_starts_after_what_it_needs_and_once(shape: Shape) -> None:
    tiers = plan(shape)
    seen: set[str] = set()
    for group in topology.levels(tiers):
        for tier in group:
            assert seen.issuperset(tier.needs)
        seen.update(tier.name for tier in group)
    assert len(seen) == len(tiers) == shape.shards + shape.web_servers + shape.trigger_servers + 2
    assert topology.levels(tiers)[-1][0].name == BALANCER


@given(SHAPES)
def test_peers_are_told_as_addresses(shape: Shape) -> None:
    tiers = {tier.name: tier for tier in plan(shape)}
    shards = [str(tiers[f"transaction-{index}"].address) for index in range(shape.shards)]
    web = [str(tiers[f"webserver-{index}"].address) for index in range(shape.web_servers)]
    assert tiers["webserver-0"].env["DAYTRADE_SHARDS"] == ",".join(shards)
    assert tiers[BALANCER].env["DAYTRADE_WEB_SERVERS"] == ",".join(web)
    assert tiers["transaction-0"].env["DAYTRADE_QUOTE_SERVER"] == str(tiers[QUOTE_SERVER].address)


def test_the_settings_understand_what_the_tiers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for tier in plan(Shape()):
        with monkeypatch.context() as patch:
            for name, value in tier.env.items():
                patch.setenv(name, value)
                assert name.removeprefix("DAYTRADE_").lower() in Settings.model_fields, name
            settings = Settings()
        assert settings.name == tier.name
        assert settings.listen == tier.address


def test_only_tiers_that_need_the_database_can_reach_it() -> None:
    told = {tier.name: tier.env.get("DAYTRADE_DATABASE_URL") for tier in plan(Shape())}
    assert {name for name, url in told.items() if url} == {"transaction-0", "transaction-1", "trigger-0"}
    assert told["trigger-0"] == AROUND.trigger_url


def test_a_quote_server_that_runs_already_is_not_simulated() -> None:
    around = Surroundings("a", "b", "c", None, Path("/l"), quote_server=Address(("quotes.example", 4444)))
    tiers = plan(Shape(), around)
    assert QUOTE_SERVER not in [tier.name for tier in tiers]
    assert tiers[0].env["DAYTRADE_QUOTE_SERVER"] == "quotes.example:4444"
