"""docker-compose.yml held against the topology, the embedded services and the Dockerfile: they say the same."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from stack import containers
from stack.containers import MIGRATE, POSTGRES, VALKEY
from stack.postgres import SETTINGS, SUPERUSER
from stack.topology import BALANCER, WEB_CLIENT, Shape

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
TIERS = {tier.name: tier for tier in containers.tiers(Shape(web_client=True))}
_ONLY_EMBEDDED = {"listen_addresses"}


def mounted(name: str) -> set[str]:
    return {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}


def test_the_same_tiers_and_services() -> None:
    assert set(SERVICES) == set(TIERS) | {POSTGRES, VALKEY, MIGRATE}


@pytest.mark.parametrize("name", TIERS)
def test_a_tier_is_called_and_told_the_same(name: str) -> None:
    tier, service = TIERS[name], SERVICES[name]
    assert service["command"] == ["python", "-m", tier.package, *tier.arguments]
    assert service.get("environment", {}) == tier.env
    assert set(service.get("depends_on", {})) - {MIGRATE, VALKEY} == set(tier.needs)


@pytest.mark.parametrize("name", TIERS)
def test_every_secret_that_is_named_is_mounted_and_no_other(name: str) -> None:
    named = set(re.findall(r"/run/secrets/[a-z_.]+", " ".join(TIERS[name].env.values())))
    assert mounted(name) == named


def test_secrets_are_those_that_are_made(tmp_path: Path) -> None:
    made = {path.name for path in containers.write_secrets(tmp_path / "compose")}
    declared = COMPOSE["secrets"]
    assert set(declared) <= made
    assert {entry["file"] for entry in declared.values()} == {
        f".daytrade/compose/{name}" for name in declared
    }
    assert {path for name in SERVICES for path in mounted(name)} == {
        f"/run/secrets/{name}" for name in declared
    }
    for path in (tmp_path / "compose").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_passwords_made_once_stay_and_the_migration_finds_them(tmp_path: Path) -> None:
    containers.write_secrets(tmp_path)
    first = containers.read_passwords(tmp_path)
    containers.write_secrets(tmp_path)
    assert containers.read_passwords(tmp_path) == first
    needed = {f"/run/secrets/{role}.password" for role in first} | {f"/run/secrets/{SUPERUSER}.pgpass"}
    assert mounted(MIGRATE) == needed


def test_postgres_has_the_settings_of_the_embedded_one() -> None:
    wanted = {
        f"--{name.replace('_', '-')}={value}"
        for name, value in SETTINGS.items()
        if name not in _ONLY_EMBEDDED
    }
    assert set(SERVICES[POSTGRES]["command"]) == {"postgres"} | wanted


def test_urls_name_the_containers() -> None:
    info = psycopg.conninfo.conninfo_to_dict(containers.database_url("daytrade_audit"))
    assert (info["host"], info["dbname"]) == (POSTGRES, SERVICES[POSTGRES]["environment"]["POSTGRES_DB"])
    assert SERVICES[POSTGRES]["environment"]["POSTGRES_USER"] == SUPERUSER


@pytest.mark.parametrize("name", SERVICES)
def test_containers_may_do_little(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not service["user"].startswith(("0", "root"))
    assert "no-new-privileges:true" in service["security_opt"]
    assert name == MIGRATE or service["healthcheck"]["test"]


def test_only_the_two_front_doors_are_reachable_and_only_from_this_machine() -> None:
    open_ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert open_ports == {
        name: [f"127.0.0.1:{TIERS[name].address[1]}:{TIERS[name].address[1]}"]
        for name in (BALANCER, WEB_CLIENT)
    }


def test_the_image_holds_every_package_that_its_tiers_import() -> None:
    copied = set(re.findall(r"^COPY (\w+) \w+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    let_in = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    packages = {tier.package.partition(".")[0] for tier in TIERS.values()} | {"core", "db", "stack"}
    assert copied == let_in == packages
