"""The web client's connections to Postgres: what an outage leaves behind is nobody's trouble."""

import psycopg
import pytest

from tests.conftest import Database
from webclient.problems import Problem
from webclient.store import connection, open_pool

pytestmark = pytest.mark.services
_SIZE = 4


def test_connections_that_died_while_idle_fail_nobody(database: Database) -> None:
    pool = open_pool(database.url("daytrade_web"), _SIZE, "idlers")
    with connection(pool), connection(pool), connection(pool), connection(pool):
        pass  # now there are as many as there may be
    with psycopg.connect(database.admin_url, autocommit=True) as admin:
        killed = admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'idlers'"
        ).fetchall()
    assert len(killed) == _SIZE
    for _ in range(2 * _SIZE):
        with connection(pool) as one:
            assert one.execute("SELECT 1").fetchone() == (1,)
    pool.close()


def test_a_database_that_is_away_is_told_as_a_problem(database: Database) -> None:
    pool = open_pool(database.url("daytrade_web").replace(database.name, "nowhere"), _SIZE, "lost")
    with pytest.raises(Problem) as told, connection(pool):
        pass
    assert told.value.code == "UNAVAILABLE"
    pool.close()
