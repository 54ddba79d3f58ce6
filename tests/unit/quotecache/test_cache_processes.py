"""Several processes, one hit for everybody: also when the winner, Valkey, Postgres or the quote server fails in between."""

import os
import signal
import time

import psycopg
import pytest
import redis

from core.limits import QUOTE_LOCK_MS
from stack.embedded import Services
from stack.server import OwnServer
from tests.conftest import Cache, Database
from tests.unit.quotecache.market import (
    AskerProcess,
    QuoteServer,
    askers,
    recorded,
    symbols,
    wait_until_counted,
)

pytestmark = pytest.mark.services

MANY = symbols(500)
SOME = symbols(60)


def flush(cache: Cache) -> None:
    with redis.Redis.from_url(cache.url, password=cache.password) as client:
        client.flushall()


def kill(server: object) -> None:
    """As a crash would. What somebody else runs is not ours to kill."""
    if not isinstance(server, OwnServer):
        pytest.skip("needs servers of its own")
    server.kill()


def restart(server: object) -> None:
    assert isinstance(server, OwnServer)
    server.restart()


def assert_paid_once(server: QuoteServer, wanted: list[str]) -> None:
    """Each symbol was asked for once: no second request is still on its way either."""
    counts = server.counts()
    assert (counts["requests"], counts["hits"]) == (len(wanted), len(wanted))


def answered(processes: list[AskerProcess], wanted: list[str], database: Database) -> None:
    """Every process has every symbol at the same hit, which is the only one and on record."""
    answers = [process.answer() for process in processes]
    keys = recorded(database)
    assert {symbol: len(hits) for symbol, hits in keys.items()} == dict.fromkeys(wanted, 1)
    for answer in answers:
        assert answer["failed"] == []
        assert answer["quotes"] == {symbol: keys[symbol][0] for symbol in wanted}


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_one_hit_a_symbol_however_many_ask(count: int, database: Database, redis_db: Cache) -> None:
    with (
        QuoteServer("--delay=measured", "--seed=3") as server,
        askers(count, database, redis_db, server) as them,
    ):
        for one in them:
            one.ask(MANY)
        answered(them, MANY, database)
        assert_paid_once(server, MANY)
        assert [one.stop() for one in them] == [0] * count


def test_a_flushed_cache_costs_no_second_hit(database: Database, redis_db: Cache) -> None:
    with QuoteServer("--delay=fixed:3000") as server, askers(3, database, redis_db, server) as them:
        first, second, late = them
        first.ask(SOME)
        second.ask(SOME)
        time.sleep(0.5)
        flush(redis_db)
        late.ask(SOME)
        answered(them, SOME, database)
        flush(redis_db)
        with AskerProcess("newcomer", database, redis_db, server) as newcomer:
            newcomer.ask(SOME)
            answered([newcomer], SOME, database)
        assert_paid_once(server, SOME)


@pytest.mark.slow
def test_a_restarted_cache_costs_no_second_hit(
    services: Services, database: Database, redis_db: Cache
) -> None:
    with QuoteServer("--delay=fixed:3000") as server, askers(3, database, redis_db, server) as them:
        first, second, late = them
        first.ask(SOME)
        second.ask(SOME)
        time.sleep(0.5)
        kill(services.valkey)
        late.ask(SOME)
        time.sleep(0.7)
        restart(services.valkey)
        answered(them, SOME, database)
        assert_paid_once(server, SOME)


@pytest.mark.slow
def test_a_stopped_cache_costs_no_second_hit(services: Services, database: Database, redis_db: Cache) -> None:
    valkey = services.valkey
    if not isinstance(valkey, OwnServer):
        pytest.skip("needs servers of its own")
    assert valkey.pid is not None
    with QuoteServer("--delay=fixed:2000") as server, askers(2, database, redis_db, server) as (one, other):
        one.ask(SOME)
        time.sleep(0.7)
        other.ask(SOME)
        os.kill(valkey.pid, signal.SIGSTOP)
        try:
            time.sleep(5)
        finally:
            os.kill(valkey.pid, signal.SIGCONT)
        answered([one, other], SOME, database)
        assert_paid_once(server, SOME)


def test_hits_outlive_a_restart_of_the_database(
    services: Services, database: Database, redis_db: Cache
) -> None:
    with QuoteServer("--delay=fixed:800") as server, askers(2, database, redis_db, server) as them:
        for one in them:
            one.ask(SOME)
        time.sleep(0.4)
        kill(services.postgres)
        wait_until_counted(server, len(SOME))
        restart(services.postgres)
        answered(them, SOME, database)
        assert_paid_once(server, SOME)


@pytest.mark.slow
def test_others_take_over_when_the_winner_is_killed(database: Database, redis_db: Cache) -> None:
    with (
        QuoteServer("--delay=fixed:1500") as server,
        askers(2, database, redis_db, server) as (winner, other),
    ):
        winner.ask(SOME)
        time.sleep(0.5)
        other.ask(SOME)
        winner.signal(signal.SIGKILL)
        answered([other], SOME, database)
        # The quote server does not know that nobody reads the answers to the dead: those may be counted twice.
        assert len(SOME) <= server.counts()["hits"] <= 2 * len(SOME)


@pytest.mark.slow
def test_a_stopped_winner_loses_no_hit_and_causes_none(database: Database, redis_db: Cache) -> None:
    with (
        QuoteServer("--delay=fixed:2000") as server,
        askers(2, database, redis_db, server) as (winner, other),
    ):
        winner.ask(SOME)
        time.sleep(0.7)
        other.ask(SOME)
        winner.signal(signal.SIGSTOP)
        time.sleep(5)
        winner.signal(signal.SIGCONT)
        answered([winner, other], SOME, database)
        assert_paid_once(server, SOME)


@pytest.mark.slow
def test_a_clean_stop_gives_up_at_once_and_pays_for_nothing(database: Database, redis_db: Cache) -> None:
    with (
        QuoteServer("--delay=fixed:4000") as server,
        askers(2, database, redis_db, server) as (winner, other),
    ):
        winner.ask(SOME)
        time.sleep(0.7)
        other.ask(SOME)
        start = time.monotonic()
        assert winner.stop() == 0
        assert time.monotonic() - start < 3
        assert server.counts()["abandoned"] == len(SOME)
        answered([other], SOME, database)
        assert server.counts()["hits"] == len(SOME)
        assert time.monotonic() - start < 4 + QUOTE_LOCK_MS / 1000, "waited for a lock that was given up"


@pytest.mark.slow
def test_a_failing_quote_server_is_asked_until_it_answers(database: Database, redis_db: Cache) -> None:
    faults = "refuse:0.2,garbage:0.2,cut:0.2,drip:0.1,hang:0.02"
    with QuoteServer("--delay=none", "--seed=5", f"--fault={faults}") as server:
        with askers(2, database, redis_db, server) as them:
            for one in them:
                one.ask(MANY)
            answered(them, MANY, database)
        counts = server.counts()
        assert counts["hits"] == len(MANY)
        assert set(counts["faults"]) == {"refuse", "garbage", "cut", "drip", "hang"}


def test_no_hit_before_the_one_before_is_over(database: Database, redis_db: Cache) -> None:
    life_ms, few = 700, symbols(5)
    with QuoteServer("--delay=fixed:20") as server, askers(2, database, redis_db, server, life_ms) as them:
        end = time.monotonic() + 5
        while time.monotonic() < end:
            for one in them:
                one.ask(few)
            for one in them:
                assert one.answer()["failed"] == []
            time.sleep(0.05)
        with psycopg.connect(database.admin_url) as connection:
            gaps = connection.execute(
                "SELECT quote_time_ms - lag(quote_time_ms) OVER (PARTITION BY symbol ORDER BY quote_time_ms) "
                "FROM audit WHERE kind = 2"
            ).fetchall()
        lengths = [gap for (gap,) in gaps if gap is not None]
        assert len(lengths) >= 4 * len(few)
        assert min(lengths) > life_ms
        assert server.counts()["hits"] == sum(map(len, recorded(database).values()))
