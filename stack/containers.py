"""What differs when every tier runs in a container of its own: addresses, and secrets as mounted files.

`docker-compose.yml` is written by hand and held against this file and the topology by a test, so that they cannot drift.
"""

from pathlib import Path
from typing import Final

from core.settings import Address
from db.migrate import ROLES, migrate
from stack import secretfiles, topology
from stack.postgres import SUPERUSER
from stack.topology import QUOTE_CONTROL, QUOTE_SERVER, WEB_CLIENT, Shape, Surroundings, Tier

TIER_PORT: Final = 7000
METRICS_PORT: Final = 9000
WEB_PORT: Final = 8000
_QUOTE_PORT: Final = 4444
_MOUNT: Final = Path("/run/secrets")
DATABASE: Final = "daytrade"
POSTGRES: Final = "postgres"
VALKEY: Final = "valkey"
MIGRATE: Final = "migrate"
LOG_DIR: Final = Path("/audit")
_WEB_KEY: Final = "web.secret"


def database_url(role: str) -> str:
    """libpq URL of a role, as seen from a container."""
    server = f"postgresql://{POSTGRES}:5432/{DATABASE}"
    return secretfiles.with_role(server, role, _MOUNT / f"{role}.pgpass")


def tiers(shape: Shape) -> list[Tier]:
    """The topology with the containers' names as hosts."""
    addresses = {name: Address((name, TIER_PORT)) for name in topology.names(shape)}
    for name in [*addresses]:
        if (door := topology.metrics_door(name)) in addresses:
            addresses[door] = Address((name, METRICS_PORT))
    addresses[QUOTE_SERVER] = Address((QUOTE_SERVER, _QUOTE_PORT))
    addresses[QUOTE_CONTROL] = Address((QUOTE_SERVER, _QUOTE_PORT + 1))
    if shape.web_client:
        addresses[WEB_CLIENT] = Address((WEB_CLIENT, WEB_PORT))
    around = Surroundings(
        transaction_url=database_url("daytrade_transaction"),
        trigger_url=database_url("daytrade_trigger"),
        redis_url=f"redis://{VALKEY}:6379/0",
        redis_password_file=_MOUNT / "valkey.password",
        log_dir=LOG_DIR,
        bind="0.0.0.0",
        web_url=database_url("daytrade_web"),
        web_secret_file=_MOUNT / _WEB_KEY,
    )
    return topology.tiers(shape, addresses, around)


def write_secrets(folder: Path) -> list[Path]:
    """Random passwords in 0600 files, and what libpq and Valkey want to read them from; those that are there stay."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for role in (SUPERUSER, *ROLES):
        secretfiles.write_passfile(
            folder / f"{role}.pgpass", role, secretfiles.password(folder / f"{role}.password")
        )
    secretfiles.password(folder / _WEB_KEY)
    cache = secretfiles.password(folder / "valkey.password")
    secretfiles.write(
        folder / "valkey.conf", f'requirepass {cache}\nsave ""\nappendonly no\nmaxmemory 256mb\n'
    )
    return sorted(folder.iterdir())


def read_passwords(folder: Path = _MOUNT) -> dict[str, str]:
    """The roles' passwords. Raises OSError when one is missing."""
    return {role: (folder / f"{role}.password").read_text("utf-8").strip() for role in ROLES}


def main() -> None:
    """`python -m stack.containers`, in the container `migrate`: brings the database to the newest schema."""
    migrate(database_url(SUPERUSER), read_passwords())


if __name__ == "__main__":
    main()
