"""The topology: every tier is told where its peers are, and starts after what it needs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.settings import Address, Settings
from stack import topology
from stack.topology import BALANCER, QUOTE_SERVER, WEB_CLIENT, Shape, Surroundings, Tier

AROUND = Surroundings(
    transaction_url="postgresql://t@db/x",
    trigger_url="postgresql://g@db/x",
    redis_url="redis://cache/0",
    redis_password_file=Path("/secret"),
    log_dir=Path("/logs"),
    web_url="postgresql://w@db/x",
    web_secret_file=Path("/key"),
)
SHAPES = st.builds(
    Shape,
    shards=st.integers(1, 9),
    web_servers=st.integers(1, 9),
    trigger_servers=st.integers(0, 3),
    web_client=st.booleans(),
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
    assert (
        len(seen)
        == len(tiers)
        == shape.shards + shape.web_servers + shape.trigger_servers + 2 + shape.web_client
    )
    assert topology.levels(tiers)[-1][0].name == (WEB_CLIENT if shape.web_client else BALANCER)


@given(SHAPES)
def test_peers_are_told_as_addresses(shape: Shape) -> None:
    tiers = {tier.name: tier for tier in plan(shape)}
    shards = [str(tiers[f"transaction-{index}"].address) for index in range(shape.shards)]
    web = [str(tiers[f"webserver-{index}"].address) for index in range(shape.web_servers)]
    assert tiers["webserver-0"].env["DAYTRADE_SHARDS"] == ",".join(shards)
    assert tiers[BALANCER].env["DAYTRADE_WEB_SERVERS"] == ",".join(web)
    assert tiers["transaction-0"].env["DAYTRADE_QUOTE_SERVER"] == str(tiers[QUOTE_SERVER].address)


def test_the_settings_understand_what_the_tiers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for tier in plan(Shape(web_client=True)):
        with monkeypatch.context() as patch:
            for name, value in tier.env.items():
                patch.setenv(name, value)
                assert name.removeprefix("DAYTRADE_").lower() in Settings.model_fields, name
            settings = Settings()
        assert settings.name == tier.name
        assert settings.listen == tier.address
        assert settings.metrics == tier.metrics


@given(SHAPES)
def test_who_watches_is_told_where_every_tier_shows_its_metrics(shape: Shape) -> None:
    tiers = plan(shape)
    addresses = {name: Address(("127.0.0.1", 20_000 + at)) for at, name in enumerate(topology.names(shape))}
    told = Settings(metrics_targets=topology.metrics_targets(shape, addresses)).metrics_targets  # type: ignore[arg-type]
    assert told == {tier.name: tier.metrics for tier in tiers}
    used = [address for tier in tiers for address in (tier.address, tier.metrics)]
    assert len(set(used)) == len(used)


def test_only_tiers_that_need_the_database_can_reach_it() -> None:
    told = {tier.name: tier.env.get("DAYTRADE_DATABASE_URL") for tier in plan(Shape(web_client=True))}
    assert {name for name, url in told.items() if url} == {
        "transaction-0", "transaction-1", "trigger-0", WEB_CLIENT,
    }  # fmt: skip
    assert told["trigger-0"] == AROUND.trigger_url
    assert told[WEB_CLIENT] == AROUND.web_url


def test_a_quote_server_that_runs_already_is_not_simulated() -> None:
    around = Surroundings("a", "b", "c", None, Path("/l"), quote_server=Address(("quotes.example", 4444)))
    tiers = plan(Shape(), around)
    assert QUOTE_SERVER not in [tier.name for tier in tiers]
    assert tiers[0].env["DAYTRADE_QUOTE_SERVER"] == "quotes.example:4444"


def test_the_smallest_system_word_for_word() -> None:
    """Names, programs, arguments, addresses, environment and what each waits for."""
    shape = Shape(1, 1, 1, "fixed:5", "hash", seed=9, fault="hang:0.1", record="/hits")
    [quotes, shard, trigger, web, balancer] = plan(shape)
    assert topology.names(shape) == [
        "quoteserver", "quoteserver-control", "transaction-0", "trigger-0", "webserver-0", "loadbalancer",
        "quoteserver-metrics", "transaction-0-metrics", "trigger-0-metrics", "webserver-0-metrics",
        "loadbalancer-metrics",
    ]  # fmt: skip
    arguments = "--delay fixed:5 --price hash --control-port 20001 --seed 9 --fault hang:0.1 --record /hits"
    own = {
        "DAYTRADE_NAME": "quoteserver",
        "DAYTRADE_LISTEN": "127.0.0.1:20000",
        "DAYTRADE_METRICS": "127.0.0.1:20006",
    }
    assert quotes == Tier("quoteserver", "quotecache.legacy", tuple(arguments.split()), at(0), own, (), at(6))
    prices = {
        "DAYTRADE_REDIS_URL": "redis://cache/0",
        "DAYTRADE_REDIS_PASSWORD_FILE": "/secret",
        "DAYTRADE_QUOTE_SERVER": "127.0.0.1:20000",
    }
    own = prices | {
        "DAYTRADE_NAME": "transaction-0",
        "DAYTRADE_LISTEN": "127.0.0.1:20002",
        "DAYTRADE_METRICS": "127.0.0.1:20007",
        "DAYTRADE_SHARD": "0",
        "DAYTRADE_SHARD_COUNT": "1",
        "DAYTRADE_DATABASE_URL": "postgresql://t@db/x",
        "DAYTRADE_LOG_DIR": "/logs",
    }
    assert shard == Tier("transaction-0", "transaction", (), at(2), own, ("quoteserver",), at(7))
    own = prices | {
        "DAYTRADE_NAME": "trigger-0",
        "DAYTRADE_LISTEN": "127.0.0.1:20003",
        "DAYTRADE_METRICS": "127.0.0.1:20008",
        "DAYTRADE_DATABASE_URL": "postgresql://g@db/x",
    }
    assert trigger == Tier("trigger-0", "trigger", (), at(3), own, ("quoteserver",), at(8))
    own = {
        "DAYTRADE_NAME": "webserver-0",
        "DAYTRADE_LISTEN": "127.0.0.1:20004",
        "DAYTRADE_METRICS": "127.0.0.1:20009",
        "DAYTRADE_SHARDS": "127.0.0.1:20002",
    }
    assert web == Tier("webserver-0", "webserver", (), at(4), own, ("transaction-0",), at(9))
    own = {
        "DAYTRADE_NAME": "loadbalancer",
        "DAYTRADE_LISTEN": "127.0.0.1:20005",
        "DAYTRADE_METRICS": "127.0.0.1:20010",
        "DAYTRADE_WEB_SERVERS": "127.0.0.1:20004",
    }
    assert balancer == Tier("loadbalancer", "loadbalancer", (), at(5), own, ("webserver-0",), at(10))


def test_the_web_client_word_for_word() -> None:
    *_, web = plan(Shape(1, 1, 0, web_client=True))
    shown = ("quoteserver", "transaction-0", "webserver-0", "loadbalancer", "webclient")
    assert web.env == {
        "DAYTRADE_NAME": "webclient",
        "DAYTRADE_LISTEN": "127.0.0.1:20005",
        "DAYTRADE_METRICS": "127.0.0.1:20010",
        "DAYTRADE_BALANCER": "127.0.0.1:20004",
        "DAYTRADE_DATABASE_URL": "postgresql://w@db/x",
        "DAYTRADE_REDIS_URL": "redis://cache/0",
        "DAYTRADE_REDIS_PASSWORD_FILE": "/secret",
        "DAYTRADE_LOG_DIR": "/logs",
        "DAYTRADE_WEB_SECRET_FILE": "/key",
        "DAYTRADE_METRICS_TARGETS": ",".join(
            f"{name}=127.0.0.1:{port}" for port, name in enumerate(shown, 20_006)
        ),
    }
    assert (web.package, web.arguments, web.needs) == ("webclient", (), (BALANCER,))


def test_a_web_client_without_a_secret_is_a_mistake_of_ours() -> None:
    with pytest.raises(AssertionError, match="no secret"):
        plan(Shape(web_client=True), Surroundings("a", "b", "c", None, Path("/l"), web_url="d"))


def at(index: int) -> Address:
    return Address(("127.0.0.1", 20_000 + index))


def test_nothing_is_told_that_is_not_there() -> None:
    """No seed, fault, record or password; a quote server that runs already needs no start; all may listen everywhere."""
    around = Surroundings("a", "b", "c", None, Path("/l"), Address(("quotes.example", 4444)), bind="0.0.0.0")
    shard, trigger, web, balancer = plan(Shape(1, 1, 1), around)
    assert shard.needs == trigger.needs == ()
    assert "DAYTRADE_REDIS_PASSWORD_FILE" not in shard.env
    assert [tier.env["DAYTRADE_LISTEN"] for tier in (shard, trigger, web, balancer)] == [
        f"0.0.0.0:{20_000 + place}" for place in range(4)
    ]
    assert balancer.env["DAYTRADE_WEB_SERVERS"] == str(web.address)
    quotes = plan(Shape())[0]
    assert quotes.arguments == ("--delay", "measured", "--price", "walk", "--control-port", "20001")
