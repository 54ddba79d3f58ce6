"""Sessions: who knows which number is next, and who has to ask."""

import itertools

import pytest

from core.limits import DOWN_DEADLINE_MS
from loadbalancer.client import Client
from loadbalancer.session import Session, Sessions, is_session_line, named_session


class Asking:
    """Answers where a question went, and keeps it."""

    def __init__(self) -> None:
        self.server: int | None = 0
        self.questions: list[bytes] = []

    def __call__(self, name: bytes) -> int | None:
        self.questions.append(name)
        return self.server


def book(asking: Asking, remembered: int = 3) -> Sessions:
    numbers = itertools.count()
    return Sessions(lambda: b"own%d" % next(numbers), asking, remembered)


@pytest.mark.parametrize("line", [b"SESSION a", b"SESSION \t A-z_0.9", b"SESSION " + b"x" * 64])
def test_lines_that_name_a_session(line: bytes) -> None:
    assert is_session_line(line)
    assert named_session(line) == line.split()[1]


@pytest.mark.parametrize(
    "line",
    [b"SESSION", b"SESSION,a", b"SESSION a b", b"SESSION " + b"x" * 65, b"SESSION \xff", b"SESSION a\0"],
)
def test_lines_that_name_it_badly(line: bytes) -> None:
    assert is_session_line(line)
    assert named_session(line) is None


@pytest.mark.parametrize("line", [b"session a", b"SESSIONS a", b"ADD,SESSION,1", b""])
def test_other_lines(line: bytes) -> None:
    assert not is_session_line(line)


def test_a_nameless_session_is_new_and_its_own() -> None:
    sessions = book(Asking())
    first, second = sessions.open(None), sessions.open(None)
    assert first.name != second.name
    assert first.known
    assert second.known


def test_connections_share_a_named_session_and_it_is_remembered_for_a_while() -> None:
    sessions = book(Asking())
    one, two = Client(1, 1), Client(2, 1)
    session = sessions.open(b"s")
    assert sessions.open(b"s") is session
    assert not session.known
    session.highest, session.known = 7, True
    sessions.close(session, one)
    sessions.close(session, two)
    again = sessions.open(b"s")
    assert (again.highest, again.known) == (7, True)
    sessions.close(again, one)
    for name in (b"a", b"b"):
        sessions.close(sessions.open(name), one)
    again = sessions.open(b"s")
    assert (again.highest, again.known) == (7, True), "three are remembered"
    sessions.close(again, one)
    for name in (b"a", b"b", b"c"):
        sessions.close(sessions.open(name), one)
    assert sessions.open(b"s").known is False


def stalled_session(sessions: Sessions) -> tuple[Session, Client]:
    session, client = sessions.open(b"s"), Client(1, 1)
    sessions.stall(session, client, now_ms=5)
    return session, client


def test_the_highest_number_is_asked_once_for_all_connections() -> None:
    asking = Asking()
    sessions = book(asking)
    session, client = stalled_session(sessions)
    other = Client(2, 1)
    sessions.open(b"s")
    sessions.stall(session, other, now_ms=6)
    assert asking.questions == [b"s"]
    session.highest = 9
    assert sessions.learned(1, b"s", 40) == [], "another server's answer"
    assert sessions.learned(0, b"s", 4) == [client, other]
    assert (session.known, session.highest) == (True, 9), "what was seen meanwhile counts too"
    assert sessions.learned(0, b"s", 50) == [], "an answer too many"


def test_a_server_that_cannot_say_leaves_it_unknown() -> None:
    sessions = book(Asking())
    session, client = stalled_session(sessions)
    assert sessions.learned(0, b"s", None) == [client]
    assert not session.known
    assert not sessions.stalled


def test_a_lost_question_is_asked_again() -> None:
    asking = Asking()
    sessions = book(asking)
    session, _ = stalled_session(sessions)
    asking.server = None
    sessions.ask_again(1)
    assert session.asked == 0, "that server was not asked"
    sessions.ask_again(0)
    assert session.asked is None
    asking.server = 2
    sessions.ask_again(None)
    assert session.asked == 2
    assert asking.questions == [b"s"] * 3


def test_waiting_for_any_server_ends_at_the_deadline() -> None:
    asking = Asking()
    asking.server = None
    sessions = book(asking)
    _, client = stalled_session(sessions)
    assert sessions.expire(4 + DOWN_DEADLINE_MS) == []
    assert sessions.expire(5 + DOWN_DEADLINE_MS) == [client]
    assert sessions.expire(5 + DOWN_DEADLINE_MS) == []


def test_a_server_that_was_asked_may_take_its_own_time() -> None:
    sessions = book(Asking())
    stalled_session(sessions)
    assert sessions.expire(10 * DOWN_DEADLINE_MS) == []


def test_a_client_that_leaves_is_not_waited_for() -> None:
    sessions = book(Asking())
    session, client = stalled_session(sessions)
    sessions.close(session, client)
    assert not sessions.stalled
    assert sessions.learned(0, b"s", 4) == []
