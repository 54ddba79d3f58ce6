"""Guessing: who waits, for how long, and who does not; also when everybody guesses at the same moment."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.clock import SystemClock
from core.limits import MAX_LOCKOUT_MS
from core.settings import Settings
from webclient.lockout import OF_ADDRESS, OF_USER, Lockout, network_of
from webclient.problems import LOCKED_OUT, RATE_LIMITED, UNAVAILABLE, Problem
from webclient.valkey import Valkey

SECRET = b"a secret of sixteen bytes or more"
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def valkey(web_settings: Settings) -> Iterator[Valkey]:
    one = Valkey(web_settings.redis_url, web_settings.redis_password, SystemClock())
    yield one
    one.close()


@pytest.fixture
def lockout(valkey: Valkey) -> Lockout:
    return Lockout(valkey, SECRET, 10_000)


def refusal(attempt: Callable[[], object]) -> tuple[str, int] | None:
    """Code and Retry-After of what an attempt is refused with."""
    try:
        attempt()
    except Problem as problem:
        return problem.code, int(problem.headers["Retry-After"])
    return None


def fail(lockout: Lockout, user: str, address: str, times: int, cookie: str | None = None) -> None:
    for _ in range(times):
        lockout.attempt(user, address, cookie)


def forgive(valkey: Valkey, key: str) -> None:
    """Time passes until that count lets attempts through again."""
    valkey.call("HDEL", key, "until")


def test_waits_double_up_to_a_quarter_of_an_hour(lockout: Lockout, valkey: Valkey) -> None:
    fail(lockout, "ann", HERE, OF_USER.free + 1)
    waits = []
    for _ in range(8):
        code, wait_s = refusal(lambda: lockout.attempt("ann", HERE, None)) or ("", 0)
        assert code == LOCKED_OUT
        waits.append(wait_s)
        forgive(valkey, f"web:failures:ann:address:{HERE}")
        lockout.attempt("ann", HERE, None)
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]
    assert waits[-1] == MAX_LOCKOUT_MS // 1000


def test_nobody_else_waits(lockout: Lockout) -> None:
    device = lockout.new_device("ann")
    fail(lockout, "ann", HERE, OF_USER.free + 1)
    assert refusal(lambda: lockout.attempt("ann", HERE, None))
    assert refusal(lambda: lockout.attempt("ann", THERE, None)) is None, "the same user from elsewhere"
    assert refusal(lambda: lockout.attempt("bob", HERE, None)) is None, "another user from there"
    assert refusal(lambda: lockout.attempt("ann", HERE, device)) is None, "a known device, even from there"


def test_a_device_counts_for_itself(lockout: Lockout) -> None:
    stolen, other = lockout.new_device("ann"), lockout.new_device("ann")
    fail(lockout, "ann", HERE, OF_USER.free + 1, stolen)
    assert (refusal(lambda: lockout.attempt("ann", THERE, stolen)) or ("",))[0] == LOCKED_OUT
    assert refusal(lambda: lockout.attempt("ann", HERE, other)) is None
    assert refusal(lambda: lockout.attempt("ann", HERE, None)) is None


def test_success_is_no_failure(lockout: Lockout, valkey: Valkey) -> None:
    for _ in range(3 * OF_ADDRESS.free):
        lockout.succeeded(lockout.attempt("ann", HERE, None))
    assert valkey.call("HGET", f"web:failures:address:{HERE}", "count") == b"0"
    fail(lockout, "ann", HERE, OF_USER.free)
    lockout.succeeded(lockout.attempt("ann", HERE, None))
    fail(lockout, "ann", HERE, OF_USER.free)
    assert refusal(lambda: lockout.attempt("ann", HERE, None)) is None


def test_an_address_is_counted_over_all_users(lockout: Lockout, valkey: Valkey) -> None:
    for n in range(OF_ADDRESS.free + 1):
        lockout.attempt(f"user{n}", HERE, None)
    assert refusal(lambda: lockout.attempt("ann", HERE, None)) == (
        LOCKED_OUT,
        OF_ADDRESS.first_wait_ms // 1000,
    )
    assert refusal(lambda: lockout.attempt("ann", HERE, lockout.new_device("ann"))) is None
    assert refusal(lambda: lockout.attempt("ann", THERE, None)) is None


def test_many_at_once_get_no_further(lockout: Lockout) -> None:
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda _: refusal(lambda: lockout.attempt("ann", HERE, None)), range(64)))
    assert results.count(None) == OF_USER.free + 1


def test_log_ins_have_a_rate(valkey: Valkey) -> None:
    slow = Lockout(valkey, SECRET, 3)
    for user in ("ann", "bob"):
        slow.succeeded(slow.attempt(user, HERE, None))
    slow.register(HERE)
    for refused in (refusal(lambda: slow.attempt("cleo", HERE, None)), refusal(lambda: slow.register(HERE))):
        assert refused is not None
        assert refused[0] == RATE_LIMITED
        assert 0 < refused[1] <= 20
    assert refusal(lambda: slow.register(THERE)) is None


def test_what_is_not_counted_is_not_let_through() -> None:
    away = Lockout(Valkey("redis://127.0.0.1:9/0", None, SystemClock()), SECRET, 60)
    assert (refusal(lambda: away.attempt("ann", HERE, None)) or ("",))[0] == UNAVAILABLE
    assert (refusal(lambda: away.register(HERE)) or ("",))[0] == UNAVAILABLE


def test_a_device_is_good_for_its_user_under_its_key(lockout: Lockout, valkey: Valkey) -> None:
    device = lockout.new_device("ann")
    assert lockout.is_device("ann", device)
    assert not lockout.is_device("bob", device)
    assert not Lockout(valkey, b"another secret, as long", 60).is_device("ann", device)
    for wrong in (None, "", ".", device[:-1], device + "0", "x" + device, device.replace(".", ":")):
        assert not lockout.is_device("ann", wrong)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
    ],
)
def test_who_counts_as_one_sender(address: str, network: str) -> None:
    assert network_of(address) == network
