"""Which numbers may be in the database: never a wrong no, and never more memory than is set aside."""

import random

import pytest

from core.limits import MAX_SESSIONS_REMEMBERED
from transaction import sessions as sessions_module
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


def test_a_session_keeps_its_number_in_the_database() -> None:
    sessions = Sessions()
    session = sessions.put("a", 5, 9)
    assert sessions.get("a") is session
    assert (session.session_id, session.floor) == (5, 9)
    session.remember(9)
    assert session.remembered == 0, "it may be known anyway"


def test_half_is_forgotten_when_one_too_many_comes_and_not_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "MAX_REMEMBERED_NUMBERS", 10)
    session = Sessions().put("a", 1, 0)
    for number in range(1, 11):
        session.remember(number)
    assert (session.remembered, session.floor) == (10, 0)
    session.remember(11)
    assert (session.remembered, session.floor) == (5, 6)
    for number in range(12, 17):
        session.remember(number)
    assert (session.remembered, session.floor) == (10, 6), "what was forgotten made room"


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_never_turns_a_yes_into_a_no(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    print(f"seed {seed}")
    monkeypatch.setattr(sessions_module, "MAX_REMEMBERED_NUMBERS", 100)
    chance = random.Random(seed)
    sessions = Sessions()
    session, other = sessions.put("a", 1, 50), sessions.put("b", 2, 0)
    done = set(range(51))
    looked_up = 0
    for base in range(51, 2000):
        number = max(1, base + chance.randint(-30, 30))
        if number not in done:
            looked_up += session.may_be_known(number)
            session.remember(number)
            done.add(number)
        if chance.random() < 0.1:
            other.remember(base)
        assert all(session.may_be_known(one) for one in chance.sample(sorted(done), 5))
        assert session.remembered + other.remembered <= 100
    assert looked_up < 300, "remembering was of no use"


def test_the_room_goes_to_the_sessions_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "MAX_REMEMBERED_NUMBERS", 100)
    sessions = Sessions()
    idle = [sessions.put(f"idle{number}", number, 0) for number in range(40)]
    for session in idle:
        session.remember(1)
        session.remember(2)
    busy = sessions.put("busy", 77, 0)
    for number in range(1, 1000):
        busy.remember(number)
        busy.remember(number)
        assert sum(one.remembered for one in (busy, *idle)) <= 100
    assert sum(one.remembered for one in idle) == 0
    assert busy.remembered >= 50
    assert busy.highest == 999
    assert {session.highest for session in idle} == {2}
    assert all(session.may_be_known(1) and not session.may_be_known(3) for session in idle)


def test_the_sessions_that_came_first_leave_first() -> None:
    sessions = Sessions()
    for number in range(MAX_SESSIONS_REMEMBERED + 3):
        sessions.put(f"s{number}", number, 0)
    assert [sessions.get(f"s{number}") for number in range(3)] == [None] * 3
    assert sessions.get("s3") is not None
