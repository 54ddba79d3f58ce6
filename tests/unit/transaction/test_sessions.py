"""Which numbers may be in the database: never a wrong no, and never more memory than is set aside."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits import MAX_SESSIONS_REMEMBERED
from transaction import sessions as sessions_module
from transaction.sessions import Session, Sessions


def may_be_known(session: Session, number: int) -> bool:
    """What `meet` would answer."""
    return number <= session.floor or bool(session._seen.get(number >> 8, 0) >> (number & 255) & 1)


def test_what_was_there_or_was_done_here_may_be_known() -> None:
    session = Session(1, 100)
    assert may_be_known(session, 1)
    assert may_be_known(session, 100)
    assert not may_be_known(session, 101)
    assert not session.meet(105)
    assert session.meet(105)
    assert session.meet(100), "it may be in the database"
    assert not session.meet(106), "its neighbour was met, not it"
    assert may_be_known(session, 105)
    assert not may_be_known(session, 104)
    assert (session.highest, session.session_id) == (106, 1)


def test_the_highest_of_an_untouched_session_is_what_the_database_had() -> None:
    session = Session(1, 100)
    session.meet(7)
    assert session.highest == 100


def test_a_session_keeps_its_number_in_the_database() -> None:
    sessions = Sessions()
    session = sessions.put("a", 5, 9)
    assert sessions.get("a") is session
    assert (session.session_id, session.floor) == (5, 9)
    session.meet(9)
    assert session.remembered == 0, "it may be known anyway"


def test_half_is_forgotten_when_one_too_many_comes_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "MAX_REMEMBERED_WORDS", 10)
    session = Sessions().put("a", 1, 0)
    for word in range(1, 11):
        session.meet(256 * word)
        session.meet(256 * word + 5)
    assert (session.remembered, session.floor) == (10, 0)
    session.meet(256 * 11)
    assert (session.remembered, session.floor) == (5, 256 * 6 + 5)
    for word in range(12, 17):
        session.meet(256 * word)
    assert (session.remembered, session.floor) == (10, 256 * 6 + 5), "what was forgotten made room"


@given(st.integers(0, 200), st.sets(st.integers(1, 2**53)))
def test_as_long_as_there_is_room_nothing_is_forgotten(floor: int, numbers: set[int]) -> None:
    session = Session(1, floor)
    for number in numbers:
        session.meet(number)
    near = {number + step for number in numbers for step in (-257, -256, -1, 0, 1, 256, 257)}
    assert {number for number in near if may_be_known(session, number)} == {
        number for number in near if number <= floor or number in numbers
    }
    assert session.highest == max([floor, *numbers])


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_never_turns_a_yes_into_a_no(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {seed}")
    monkeypatch.setattr(sessions_module, "MAX_REMEMBERED_WORDS", 100)
    chance = random.Random(seed)
    sessions = Sessions()
    session, other = sessions.put("a", 1, 50 * 256), sessions.put("b", 2, 0)
    done = {256 * number for number in range(51)}
    looked_up = 0
    for base in range(51, 2000):
        number = 256 * max(1, base + chance.randint(-30, 30))
        if number not in done:
            looked_up += session.meet(number)
            done.add(number)
        if chance.random() < 0.1:
            other.meet(256 * base)
        assert all(may_be_known(session, one) for one in chance.sample(sorted(done), 5))
        assert session.remembered + other.remembered <= 100
    assert looked_up < 300, "remembering was of no use"


def test_the_room_goes_to_the_sessions_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "MAX_REMEMBERED_WORDS", 100)
    sessions = Sessions()
    idle = [sessions.put(f"idle{number}", number, 0) for number in range(40)]
    for session in idle:
        session.meet(1)
        session.meet(256)
    busy = sessions.put("busy", 77, 0)
    for number in range(1, 1000):
        busy.meet(256 * number)
        busy.meet(256 * number)
        assert sum(one.remembered for one in (busy, *idle)) <= 100
    assert sum(one.remembered for one in idle) == 0
    assert busy.remembered >= 50
    assert busy.highest == 256 * 999
    assert {session.highest for session in idle} == {256}
    assert all(may_be_known(session, 1) and not may_be_known(session, 257) for session in idle)


def test_the_sessions_that_came_first_leave_first() -> None:
    sessions = Sessions()
    for number in range(MAX_SESSIONS_REMEMBERED + 3):
        sessions.put(f"s{number}", number, 0)
    assert [sessions.get(f"s{number}") for number in range(3)] == [None] * 3
    assert sessions.get("s3") is not None
