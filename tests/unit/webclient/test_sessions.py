"""Sessions in the cache and in their copy: what is left of them when either goes away, and the rate limits beside them."""

from collections.abc import Iterator

import psycopg
import pytest

from core.clock import SystemClock
from core.limits import WEB_SESSION_IDLE_MS, WEB_SESSION_LIFE_MS, WEB_SESSION_SEEN_MS
from core.settings import Settings
from tests.conftest import Database
from webclient.access import Identity
from webclient.problems import UNAVAILABLE, Problem
from webclient.sessions import Rate, Sessions, token_digest
from webclient.store import Pool, open_pool
from webclient.valkey import Valkey

WIDE = Rate(1, 1_000_000)
HASH = "a hash"
AWAY = "redis://127.0.0.1:9/0"
"""Nobody listens there."""


class Hand(SystemClock):
    """A clock that the test turns."""

    step_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.step_ms


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def pool(database: Database) -> Iterator[Pool]:
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(
            "INSERT INTO login (username, password_hash, role, created_ms, password_changed_ms)"
            " VALUES ('ann', %(hash)s, 'trader', 1, 1), ('bob', %(hash)s, 'supervisor', 1, 1)",
            {"hash": HASH},
        )
    made = open_pool(database.url("daytrade_web"), 4, "test")
    yield made
    made.close()


@pytest.fixture
def valkey(web_settings: Settings) -> Iterator[Valkey]:
    one = Valkey(web_settings.redis_url, web_settings.redis_password, SystemClock())
    yield one
    one.close()


@pytest.fixture
def sessions(valkey: Valkey, pool: Pool, clock: Hand) -> Sessions:
    return Sessions(valkey, pool, clock, WIDE, WIDE)


@pytest.fixture
def away(pool: Pool, clock: Hand) -> Sessions:
    """Those of a worker that does not reach the cache."""
    return Sessions(Valkey(AWAY, None, SystemClock()), pool, clock, WIDE, WIDE)


def started(sessions: Sessions, user: str = "ann", role: str = "trader") -> Identity:
    identity = sessions.start(user, role, HASH)
    assert identity is not None
    return identity


def known(sessions: Sessions, identity: Identity) -> Identity | None:
    return sessions.visit(identity.token, "192.0.2.1").identity


def seen_ms(pool: Pool) -> int:
    with pool.connection() as one:
        row = one.execute("SELECT seen_ms FROM web_session").fetchone()
    assert row is not None
    return int(row[0])


def test_a_session_is_who_it_was_started_for(sessions: Sessions) -> None:
    ann, bob = started(sessions), started(sessions, "bob", "supervisor")
    assert (known(sessions, ann), known(sessions, bob)) == (ann, bob)
    assert sessions.visit(None, "192.0.2.1").identity is None
    assert sessions.visit("x" * 43, "192.0.2.1").identity is None
    assert sessions.visit("", "192.0.2.1").identity is None


def test_it_takes_the_hash_that_was_verified(sessions: Sessions, database: Database) -> None:
    assert sessions.start("ann", "trader", "another hash") is None
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("UPDATE login SET disabled = true WHERE username = 'ann'")
    assert sessions.start("ann", "trader", HASH) is None


def test_a_cache_that_forgets_everything_logs_nobody_out(sessions: Sessions, valkey: Valkey) -> None:
    ann = started(sessions)
    valkey.call("FLUSHALL")
    assert known(sessions, ann) == ann
    assert valkey.call("EXISTS", f"web:session:{token_digest(ann.token).hex()}") == 1, "put back"


def test_a_cache_that_is_away_logs_nobody_out(sessions: Sessions, away: Sessions, clock: Hand) -> None:
    ann = started(sessions)
    assert known(away, ann) == ann
    assert away.visit(None, "192.0.2.1").identity is None
    made = started(away)
    assert known(away, made) == known(sessions, made) == made
    away.end(made)
    assert (known(away, made), known(away, ann)) == (None, ann)
    for _ in range(3):
        clock.step_ms += WEB_SESSION_IDLE_MS - 1_000
        assert known(away, ann) == ann, "each visit is a sign of life, also without the cache"
    clock.step_ms += WEB_SESSION_IDLE_MS
    assert known(away, ann) is None


def test_an_ended_session_that_the_cache_was_not_told_of_ends_a_minute_later(
    sessions: Sessions, away: Sessions, clock: Hand
) -> None:
    ann = started(sessions)
    away.end(ann)
    assert known(sessions, ann) == ann
    clock.step_ms += WEB_SESSION_SEEN_MS
    assert known(sessions, ann) is None
    assert known(sessions, ann) is None


def test_the_copy_is_renewed_once_a_minute(sessions: Sessions, pool: Pool, clock: Hand) -> None:
    ann = started(sessions)
    first = seen_ms(pool)
    clock.step_ms += WEB_SESSION_SEEN_MS - 5_000
    assert known(sessions, ann)
    assert seen_ms(pool) == first
    clock.step_ms += 5_000
    assert known(sessions, ann)
    assert seen_ms(pool) >= first + WEB_SESSION_SEEN_MS


def test_it_ends_after_its_life_however_busy(sessions: Sessions, valkey: Valkey, clock: Hand) -> None:
    ann = started(sessions)
    life = int(valkey.call("PTTL", f"web:session:{token_digest(ann.token).hex()}"))
    assert 0 < life <= WEB_SESSION_IDLE_MS
    for _ in range(2 * WEB_SESSION_LIFE_MS // WEB_SESSION_IDLE_MS - 1):
        clock.step_ms += WEB_SESSION_IDLE_MS // 2
        assert known(sessions, ann)
    clock.step_ms += WEB_SESSION_IDLE_MS // 2
    assert known(sessions, ann) is None
    valkey.call("FLUSHALL")
    assert known(sessions, ann) is None, "nor does the copy know it"


def test_ending_the_others_leaves_one(sessions: Sessions) -> None:
    ann, other, bob = started(sessions), started(sessions), started(sessions, "bob")
    sessions.end_others("ann", ann)
    assert (known(sessions, ann), known(sessions, other), known(sessions, bob)) == (ann, None, bob)
    sessions.end_others("ann")
    assert known(sessions, ann) is None


def test_who_was_disabled_is_nobody_wherever_one_looks(
    sessions: Sessions, away: Sessions, database: Database, clock: Hand
) -> None:
    ann = started(sessions)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute("UPDATE login SET disabled = true WHERE username = 'ann'")
    assert known(away, ann) is None
    clock.step_ms += WEB_SESSION_SEEN_MS
    assert known(sessions, ann) is None


def test_old_sessions_leave_at_the_next_log_in(sessions: Sessions, pool: Pool, clock: Hand) -> None:
    def count() -> int:
        with pool.connection() as one:
            return len(one.execute("SELECT FROM web_session").fetchall())

    started(sessions)
    started(sessions, "bob")
    clock.step_ms += WEB_SESSION_IDLE_MS + 1
    started(sessions)
    assert count() == 2, "ann's idle one has left"
    clock.step_ms += WEB_SESSION_LIFE_MS
    started(sessions)
    assert count() == 1, "bob's has left, although bob never came back"


def test_a_user_and_an_address_have_a_rate_each(valkey: Valkey, pool: Pool, clock: Hand) -> None:
    tight = Sessions(valkey, pool, clock, Rate(1_000_000, 6), Rate(1_000_000, 3))
    ann = started(tight)
    visits = [tight.visit(ann.token, "192.0.2.1") for _ in range(3)]
    assert [(visit.address_wait_us, visit.user_wait_us) for visit in visits] == [(0, 0)] * 3
    fourth = tight.visit(ann.token, "192.0.2.1")
    assert fourth.identity == ann
    assert (fourth.address_wait_us, 0 < fourth.user_wait_us <= 1_000_000) == (0, True)
    assert tight.visit(ann.token, "192.0.2.2").user_wait_us > 0, "from wherever"
    assert [tight.visit(None, "192.0.2.1").address_wait_us for _ in range(2)] == [0, 0]
    assert 0 < tight.visit(ann.token, "192.0.2.1").address_wait_us <= 1_000_000
    assert tight.visit(None, "192.0.2.3").address_wait_us == 0, "others have their own"


def test_a_database_that_is_away_logs_nobody_out(sessions: Sessions, pool: Pool, clock: Hand) -> None:
    ann = started(sessions)
    pool.close()
    clock.step_ms += WEB_SESSION_SEEN_MS
    assert known(sessions, ann) == ann
    with pytest.raises(Problem) as caught:
        sessions.end(ann)
    assert caught.value.code == UNAVAILABLE


def test_without_the_cache_and_the_database_nobody_is_let_in(clock: Hand) -> None:
    gone = open_pool("postgresql://nobody@127.0.0.1:9/none", 1, "test")
    gone.timeout = 0.2
    sessions = Sessions(Valkey(AWAY, None, SystemClock()), gone, clock, WIDE, WIDE)
    assert sessions.visit(None, "192.0.2.1").identity is None, "strangers need neither"
    with pytest.raises(Problem) as caught:
        sessions.visit("x" * 43, "192.0.2.1")
    assert caught.value.code == UNAVAILABLE
    gone.close()
