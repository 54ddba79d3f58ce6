"""Rendezvous hashing: only the users of a server that comes or goes move, and the load is even."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from core.ids import shard_of
from loadbalancer.route import Router

NAMES = [f"127.0.0.1:{port}" for port in (7001, 7002, 7003, 7004)]
USERS = [b"user%d" % number for number in range(2000)]


def router(up: set[int], remembered: int = 10_000) -> Router:
    made = Router(NAMES, remembered)
    for server in up:
        made.set_up(server, True)
    return made


def test_nobody_owns_a_user_while_no_server_is_up() -> None:
    empty = router(set())
    assert not empty.any_up()
    assert empty.owner(b"u") == empty.nowhere == len(NAMES)


@given(st.sets(st.integers(min_value=0, max_value=3), min_size=1), st.integers(min_value=0, max_value=3))
def test_a_death_moves_the_dead_servers_users_and_no_others(up: set[int], dead: int) -> None:
    before, after = router(up), router(up - {dead})
    for user in USERS[:100]:
        owner = before.owner(user)
        assert owner in up
        if owner != dead and up != {dead}:
            assert after.owner(user) == owner
        before.set_up(dead, False)
        assert before.owner(user) == after.owner(user)
        before.set_up(dead, dead in up)
        assert before.owner(user) == owner


def test_servers_share_users_evenly_and_independently_of_shards() -> None:
    four = router({0, 1, 2, 3})
    cells = Counter((four.owner(user), shard_of(user.decode(), 2)) for user in USERS)
    assert len(cells) == 8
    assert min(cells.values()) > 0.7 * len(USERS) / 8


def test_the_order_of_the_list_does_not_matter() -> None:
    backwards = Router(NAMES[::-1])
    for server in range(4):
        backwards.set_up(server, True)
    four = router({0, 1, 2, 3})
    assert all(backwards.owner(user) == 3 - four.owner(user) for user in USERS[:200])


@given(st.binary(max_size=200), st.text(alphabet=" \t\r", max_size=4))
def test_trailing_blanks_do_not_count(user: bytes, blanks: str) -> None:
    four = router({0, 1, 2, 3})
    assert four.owner(user + blanks.encode()) == four.owner(user)


def test_what_is_remembered_is_bounded_and_forgotten_when_servers_change() -> None:
    small = router({0, 1}, remembered=10)
    for user in USERS:
        assert small.owner(user) == small.known[user]
        assert len(small.known) <= 10
    assert small.owner(b"x" * 5000) in (0, 1)
    assert b"x" * 5000 not in small.known
    small.set_up(2, True)
    assert not small.known


def test_the_way_from_user_to_server_stays() -> None:
    """Balancers of two versions agree; only blanks are taken off."""
    four = Router(["a", "b", "c", "d"])
    for server in range(4):
        four.set_up(server, True)
    users = [*(b"u%d" % number for number in range(10)), b"zX", b"catX", b"aX", b"c\x0b", b"d\x0b", b"f\x0c"]
    assert [four.owner(user) for user in users] == [0, 0, 2, 0, 2, 0, 0, 2, 1, 3, 2, 1, 2, 3, 2, 1]


def test_long_names_of_servers_are_cut_and_long_users_not_remembered() -> None:
    long = Router(["w" * 70])
    long.set_up(0, True)
    for user in (b"u" * 128, b"u" * 129):
        assert long.owner(user) == 0
    assert list(long.known) == [b"u" * 128]
