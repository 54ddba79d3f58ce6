"""pgbench takes the way to Postgres that the tiers take."""

from psycopg.conninfo import conninfo_to_dict

from bench import _baseline

ADMIN = "postgresql://postgres@127.0.0.1:5432/daytrade?passfile=/a/superuser.pgpass"


def test_by_their_unix_socket() -> None:
    audit = "postgresql://daytrade_audit@127.0.0.1:5432/daytrade?host=/a/socket&passfile=/a/audit.pgpass"
    found = conninfo_to_dict(_baseline.conninfo(ADMIN, audit))
    assert (found["host"], found["user"], found["dbname"]) == ("/a/socket", "postgres", "daytrade_pgbench")
    assert (found["port"], found["passfile"]) == ("5432", "/a/superuser.pgpass")


def test_or_by_the_network() -> None:
    audit = "postgresql://daytrade_audit@db:5432/daytrade"
    assert conninfo_to_dict(_baseline.conninfo(ADMIN, audit))["host"] == "db"
