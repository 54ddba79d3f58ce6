"""Which processes make up the system, how each is called, and what it is told. Pure: the supervisor and Docker files follow it.

loadbalancer -> webserver-0..m -> transaction-0..n -> Postgres, Valkey, quoteserver
                                  trigger-0..k     -> Postgres, Valkey, quoteserver
webclient -> loadbalancer, Postgres, Valkey
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, structs

from core.settings import Address

BALANCER: Final = "loadbalancer"
WEB_CLIENT: Final = "webclient"
QUOTE_SERVER: Final = "quoteserver"
QUOTE_CONTROL: Final = "quoteserver-control"
"""Not a tier: the quote server's second door, where it tells its own count of hits."""


class Shape(Struct, frozen=True):
    """How many of each tier there are, and how the simulated quote server behaves."""

    shards: int = 2
    web_servers: int = 2
    trigger_servers: int = 1
    delay: str = "measured"
    price: str = "walk"
    seed: int | None = None
    fault: str = ""
    record: str = ""
    """File to which the simulated quote server appends each hit; none unless named."""
    web_client: bool = False
    """Whether there is a web client in front of the load balancer."""


class Surroundings(Struct, frozen=True):
    """What the tiers need besides one another."""

    transaction_url: str
    """libpq URL of the role daytrade_transaction."""
    trigger_url: str
    """libpq URL of the role daytrade_trigger."""
    redis_url: str
    redis_password_file: Path | None
    log_dir: Path
    """The only folder into which DUMPLOG writes."""
    quote_server: Address | None = None
    """A quote server that runs already; None to simulate one."""
    bind: str | None = None
    """The address that every tier listens on; None for the host by which the others find it."""
    web_url: str = ""
    """libpq URL of the role daytrade_web."""
    web_secret_file: Path | None = None
    """The key of the web client's HMACs."""


class Tier(Struct, frozen=True):
    """One process."""

    name: str
    package: str
    """`python -m package` starts it."""
    arguments: tuple[str, ...]
    address: Address
    """Where the others find it; it is ready when this accepts."""
    env: dict[str, str]
    needs: tuple[str, ...]
    """Tiers that are started, and stopped, before and after it."""
    metrics: Address | None = None
    """Where the others find its metrics."""


def _numbered(kind: str, count: int) -> list[str]:
    return [f"{kind}-{index}" for index in range(count)]


def names(shape: Shape, simulated: bool = True) -> list[str]:
    """Everything that needs an address: the tiers in the order in which they are started, then those of their metrics."""
    doors = _doors(shape, simulated)
    return [*doors, *(metrics_door(name) for name in doors if name != QUOTE_CONTROL)]


def _doors(shape: Shape, simulated: bool) -> list[str]:
    return [
        *([QUOTE_SERVER, QUOTE_CONTROL] if simulated else []),
        *_numbered("transaction", shape.shards),
        *_numbered("trigger", shape.trigger_servers),
        *_numbered("webserver", shape.web_servers),
        BALANCER,
        *([WEB_CLIENT] if shape.web_client else []),
    ]


def metrics_door(tier: str) -> str:
    """The name under which the address of a tier's metrics stands."""
    return f"{tier}-metrics"


def metrics_targets(shape: Shape, addresses: Mapping[str, Address], simulated: bool = True) -> str:
    """What DAYTRADE_METRICS_TARGETS tells: `name=HOST:PORT` of every tier's metrics, comma-separated."""
    doors = {name: addresses.get(metrics_door(name)) for name in _doors(shape, simulated)}
    return ",".join(f"{name}={address}" for name, address in doors.items() if address is not None)


def tiers(shape: Shape, addresses: Mapping[str, Address], around: Surroundings) -> list[Tier]:
    """All processes in the order in which they are started; `addresses` by `names`."""
    return [
        _bound(tier, addresses[metrics_door(tier.name)], around)
        for tier in (
            *([] if around.quote_server else [_quote_server(shape, addresses)]),
            *_transaction_servers(shape, addresses, around),
            *_trigger_servers(shape, addresses, around),
            *_web_servers(shape, addresses),
            _balancer(shape, addresses),
            *([_web_client(shape, addresses, around)] if shape.web_client else []),
        )
    ]


def levels(all_tiers: list[Tier]) -> list[list[Tier]]:
    """The tiers in groups: those of one group need nothing but earlier groups, so they can start side by side."""
    started: set[str] = set()
    groups: list[list[Tier]] = []
    rest = all_tiers
    while rest:
        group = [tier for tier in rest if started.issuperset(tier.needs)]
        assert group, "tiers need one another in a circle"
        groups.append(group)
        started.update(tier.name for tier in group)
        rest = [tier for tier in rest if tier.name not in started]
    return groups


def _bound(tier: Tier, metrics: Address, around: Surroundings) -> Tier:
    host, port = tier.address
    env = {
        "DAYTRADE_NAME": tier.name,
        "DAYTRADE_LISTEN": f"{around.bind or host}:{port}",
        "DAYTRADE_METRICS": f"{around.bind or metrics[0]}:{metrics[1]}",
    }
    return structs.replace(tier, env=env | tier.env, metrics=metrics)


def _quote_server(shape: Shape, addresses: Mapping[str, Address]) -> Tier:
    options = ["--delay", shape.delay, "--price", shape.price]
    options += ["--control-port", str(addresses[QUOTE_CONTROL][1])]
    options += [] if shape.seed is None else ["--seed", str(shape.seed)]
    options += ["--fault", shape.fault] if shape.fault else []
    options += ["--record", shape.record] if shape.record else []
    return Tier(QUOTE_SERVER, "quotecache.legacy", tuple(options), addresses[QUOTE_SERVER], {}, ())


def _transaction_servers(
    shape: Shape, addresses: Mapping[str, Address], around: Surroundings
) -> Iterator[Tier]:
    for index, name in enumerate(_numbered("transaction", shape.shards)):
        env = {
            "DAYTRADE_SHARD": str(index),
            "DAYTRADE_SHARD_COUNT": str(shape.shards),
            "DAYTRADE_DATABASE_URL": around.transaction_url,
            "DAYTRADE_LOG_DIR": str(around.log_dir),
            **_quotes(addresses, around),
        }
        yield Tier(name, "transaction", (), addresses[name], env, _simulated(around))


def _trigger_servers(shape: Shape, addresses: Mapping[str, Address], around: Surroundings) -> Iterator[Tier]:
    for name in _numbered("trigger", shape.trigger_servers):
        env = {"DAYTRADE_DATABASE_URL": around.trigger_url, **_quotes(addresses, around)}
        yield Tier(name, "trigger", (), addresses[name], env, _simulated(around))


def _web_servers(shape: Shape, addresses: Mapping[str, Address]) -> Iterator[Tier]:
    shards = _numbered("transaction", shape.shards)
    for name in _numbered("webserver", shape.web_servers):
        yield Tier(
            name,
            "webserver",
            (),
            addresses[name],
            {"DAYTRADE_SHARDS": _list(shards, addresses)},
            tuple(shards),
        )


def _balancer(shape: Shape, addresses: Mapping[str, Address]) -> Tier:
    servers = _numbered("webserver", shape.web_servers)
    env = {"DAYTRADE_WEB_SERVERS": _list(servers, addresses)}
    return Tier(BALANCER, "loadbalancer", (), addresses[BALANCER], env, tuple(servers))


def _web_client(shape: Shape, addresses: Mapping[str, Address], around: Surroundings) -> Tier:
    assert around.web_secret_file is not None, "the web client was given no secret"
    env = {
        "DAYTRADE_BALANCER": str(addresses[BALANCER]),
        "DAYTRADE_DATABASE_URL": around.web_url,
        "DAYTRADE_LOG_DIR": str(around.log_dir),
        "DAYTRADE_METRICS_TARGETS": metrics_targets(shape, addresses, around.quote_server is None),
        "DAYTRADE_WEB_SECRET_FILE": str(around.web_secret_file),
        **_cache(around),
    }
    return Tier(WEB_CLIENT, "webclient", (), addresses[WEB_CLIENT], env, (BALANCER,))


def _simulated(around: Surroundings) -> tuple[str, ...]:
    return () if around.quote_server else (QUOTE_SERVER,)


def _quotes(addresses: Mapping[str, Address], around: Surroundings) -> dict[str, str]:
    return {
        "DAYTRADE_QUOTE_SERVER": str(around.quote_server or addresses[QUOTE_SERVER]),
        **_cache(around),
    }


def _cache(around: Surroundings) -> dict[str, str]:
    env = {"DAYTRADE_REDIS_URL": around.redis_url}
    if around.redis_password_file is not None:
        env["DAYTRADE_REDIS_PASSWORD_FILE"] = str(around.redis_password_file)
    return env


def _list(tier_names: list[str], addresses: Mapping[str, Address]) -> str:
    return ",".join(str(addresses[name]) for name in tier_names)
