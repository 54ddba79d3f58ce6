"""Embedded Postgres and Valkey: who may log in, what is durable, what a crash of them or of the launcher leaves."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest
import redis

from db.migrate import ROLES
from stack import disguise, ports
from stack.embedded import Services
from stack.errors import StartFailed
from stack.process import Identity, wait_until
from stack.server import OwnServer

if TYPE_CHECKING:
    from tests.conftest import Cache, Database

pytestmark = pytest.mark.services

_LAUNCH_AND_DIE = """
import os, sys
from pathlib import Path
from stack.embedded import Services
services = Services(Path(sys.argv[1]), {})
services.start()
print(services.postgres.pid, services.valkey.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def own(tmp_path: Path) -> Services:
    return Services(tmp_path / "services", {})


@pytest.mark.parametrize("role", ROLES)
def test_each_role_logs_in_with_its_passfile(database: "Database", role: str) -> None:
    assert "passfile=" in database.url(role)
    with psycopg.connect(database.url(role)) as connection:
        row = connection.execute("SELECT current_user, current_database()").fetchone()
    assert row == (role, database.name)


def test_nobody_logs_in_without_a_password(database: "Database") -> None:
    bare = database.admin_url.partition("?")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(bare, passfile=os.devnull)


def test_the_cache_wants_its_password(redis_db: "Cache") -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(redis_db.url).ping()
    assert redis.Redis.from_url(redis_db.url, password=redis_db.password).ping()


def test_durable_and_only_on_this_machine(services: Services) -> None:
    """By the loopback address, and by a Unix socket in a folder of the owner's."""
    folder = services.directory / "socket"
    wanted = {
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
        "password_encryption": "scram-sha-256",
    }
    with psycopg.connect(services.admin_url) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", (list(wanted),)
        )
        assert dict(rows.fetchall()) == wanted
    assert folder.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(services.url(ROLES[0])) as connection:
        assert connection.info.host == str(folder)


def test_by_tcp_where_a_socket_would_have_too_long_a_name(tmp_path: Path) -> None:
    services = Services(tmp_path / ("long" * 25), {})
    services.start()
    try:
        with psycopg.connect(services.url(ROLES[0])) as connection:
            assert connection.info.host == "127.0.0.1"
    finally:
        services.stop()


def test_only_the_owner_may_read_what_is_secret(services: Services) -> None:
    for path in services.directory.iterdir():
        if path.suffix in {".password", ".pgpass", ".conf"}:
            assert path.stat().st_mode & 0o777 == 0o600, path


def test_databases_of_two_tests_are_apart(services: Services, database: "Database") -> None:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("INSERT INTO session (name) VALUES ('s')")
    services.create_database("other", template=services.database)
    try:
        with psycopg.connect(services.admin_url_of("other")) as connection:
            assert connection.execute("SELECT count(*) FROM session").fetchone() == (0,)
    finally:
        services.drop_database("other")


def test_what_was_committed_survives_a_kill_and_ports_stay(own: Services) -> None:
    own.start()
    try:
        before = (own.admin_url, own.redis_url)
        with psycopg.connect(own.admin_url) as connection:
            connection.execute("INSERT INTO session (name) VALUES ('kept')")
        for server in (own.postgres, own.valkey):
            assert isinstance(server, OwnServer)
            server.kill()
            assert server.died
            server.restart()
        assert (own.admin_url, own.redis_url) == before
        with psycopg.connect(own.admin_url) as connection:
            assert connection.execute("SELECT name FROM session").fetchone() == ("kept",)
    finally:
        own.stop()


def test_data_and_passwords_outlive_a_stop(tmp_path: Path) -> None:
    for _ in range(2):
        services = Services(tmp_path / "services", {})
        services.start()
        with psycopg.connect(services.url("daytrade_owner")) as connection:
            connection.execute("INSERT INTO session (name) VALUES ('s') ON CONFLICT DO NOTHING")
            assert connection.execute("SELECT count(*) FROM session").fetchone() == (1,)
        services.stop()


@pytest.mark.slow
def test_a_killed_launcher_leaves_nothing_running_and_the_next_one_starts(tmp_path: Path) -> None:
    directory = tmp_path / "services"
    with subprocess.Popen(
        [sys.executable, "-c", _LAUNCH_AND_DIE, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stdout is not None
        servers = [Identity.of(int(number)) for number in launcher.stdout.readline().split()]
        assert len(servers) == 2
        launcher.kill()
    assert wait_until(lambda: not any(server and server.alive for server in servers), 10)
    again = Services(directory, {})
    again.start()
    again.stop()


def test_a_server_left_behind_is_stopped_first(tmp_path: Path) -> None:
    """As where the kernel does not end orphans: an earlier launcher's servers still run, its record is there."""
    first = Services(tmp_path / "services", {})
    first.start()
    assert isinstance(first.postgres, OwnServer)
    left = Identity.of(first.postgres.pid or 0)
    second = Services(tmp_path / "services", {})
    second.start()
    try:
        assert left is not None
        assert not left.alive
        assert first.postgres.died
    finally:
        second.stop()


def test_a_number_given_to_another_process_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as bystander:
        directory = tmp_path / "services"
        directory.mkdir()
        record = msgspec.json.encode(Identity(bystander.pid, "long ago"))
        (directory / "postgres.process").write_bytes(record)
        services = Services(directory, {})
        services.start()
        services.stop()
        assert bystander.poll() is None
        bystander.kill()


def test_the_error_shows_why_the_database_did_not_start(own: Services) -> None:
    own.start()
    own.stop()
    (own.directory / "data" / "PG_VERSION").write_text("9.1\n")
    with pytest.raises(StartFailed, match=r"version 9\.1"):
        own.start()


@pytest.mark.slow
def test_a_lost_port_is_replaced(own: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", 0))
        thief.listen()
        real, calls = ports.reserve, []

        class Stolen:
            port = thief.getsockname()[1]

            def release(self) -> None:
                calls.append(time.monotonic())

        first = iter([Stolen()])
        monkeypatch.setattr(ports, "reserve", lambda: next(first, None) or real())
        own.start()
        own.stop()
    assert len(calls) == 1


def test_a_clean_stop_is_one(own: Services) -> None:
    own.start()
    own.stop()
    assert "database system is shut down" in (own.directory / "postgres.log").read_text()


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a disguise")
def test_root_without_namespaces_becomes_nobody_and_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under folders that nobody else may enter (those of pytest are such)."""
    own = tmp_path / "services"
    owners = []
    for forbidden in (True, False):
        with monkeypatch.context() as patch:
            if forbidden:
                patch.setattr(disguise, "_NAMESPACE", ("unshare", "--no-such-option"))
            services = Services(own, {})
            services.start()
        assert isinstance(services.postgres, OwnServer)
        owners.append(Path(f"/proc/{services.postgres.pid}").stat().st_uid)
        with psycopg.connect(services.admin_url) as connection:
            connection.execute("INSERT INTO session (name) VALUES ('s') ON CONFLICT DO NOTHING")
        services.stop()
    assert owners == [65_534, 0]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root needs a disguise")
def test_nobody_dies_with_the_launcher_too(tmp_path: Path) -> None:
    program = (
        f"from stack import disguise; disguise._NAMESPACE = ('unshare', '--no-such-option'){_LAUNCH_AND_DIE}"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "services")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stdout is not None
        servers = [Identity.of(int(number)) for number in launcher.stdout.readline().split()]
        launcher.kill()
    assert len(servers) == 2
    assert wait_until(lambda: not any(server and server.alive for server in servers), 10)
