"""Which numbers may be in the database: never a wrong no, and never more memory than is set aside."""

import random

import pytest

from core.limits import MAX_REMEMBERED_NUMBERS, MAX_SESSIONS_REMEMBERED
from transaction.sessions import Session, Sessions


def test_what_was_there_or_was_done_here_may_be_known() -> None:
    session = Session(1, 100)
    assert session.may_be_known(1)
    assert session.may_be_known(100)
    assert not session.may_be_known(101)
    session.remember(105)
    assert session.may_be_known(105)
    assert not session.may_be_known(104)
    assert (session.highest, session.session_id) == (105, 1)


def test_the_highest_of_an_untouched_session_is_what_the_database_had() -> None:
    session = Session(1, 100)
    session.remember(7)
    assert session.highest == 100


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_never_turns_a_yes_into_a_no(seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    sessions = Sessions()
    session = sessions.put("a", 1, 50)
    for number in range(30):
        sessions.put(f"other {number}", number + 2, 0)
    sessions.share = 40
    done = set(range(51))
    looked_up = 0
    for base in range(51, 2000):
        number = max(1, base + chance.randint(-30, 30))
        if number not in done:
            looked_up += session.may_be_known(number)
            session.remember(number)
            done.add(number)
        assert all(session.may_be_known(one) for one in chance.sample(sorted(done), 5))
    assert looked_up < 1500, "remembering was of no use"


def test_the_numbers_of_all_sessions_share_one_limit() -> None:
    sessions = Sessions()
    assert sessions.put("first", 1, 0) is sessions.get("first")
    assert sessions.share == MAX_REMEMBERED_NUMBERS
    for number in range(9):
        sessions.put(f"s{number}", number, 0)
    assert sessions.share == MAX_REMEMBERED_NUMBERS // 10
    small = Sessions()
    small.share = 10
    session = Session(1, 0, small)
    for number in range(1, 1000):
        session.remember(number)
        kept = sum(session.may_be_known(one) for one in range(session.floor + 1, 1001))
        assert kept <= 10
    assert session.highest == 999


def test_the_sessions_that_came_first_leave_first() -> None:
    sessions = Sessions()
    for number in range(MAX_SESSIONS_REMEMBERED + 3):
        sessions.put(f"s{number}", number, 0)
    assert [sessions.get(f"s{number}") for number in range(3)] == [None] * 3
    assert sessions.get("s3") is not None
