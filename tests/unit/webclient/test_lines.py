"""The client of the load balancer against one that misbehaves on purpose; run with threads, and once more under gevent."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gevent import monkey

from core import commands as c
from core.clock import SystemClock
from core.errors import Unavailable
from tests.unit.webclient.balancer import Balancer
from webclient import lines as lines_module
from webclient.commands import Answer, Command, Done, Refused
from webclient.keys import Key
from webclient.lines import Lines

ROOT = Path(__file__).parents[3]


class Asked:
    """A question that is asked in a thread of its own."""

    def __init__(self, lines: Lines, user: str, number: int, session: str = "web-00") -> None:
        self.user = user
        self.answers: list[Answer] = []
        self.errors: list[str] = []
        self._thread = threading.Thread(target=self._ask, args=(lines, Key(session, number)), daemon=True)
        self._thread.start()

    def _ask(self, lines: Lines, key: Key) -> None:
        try:
            self.answers.append(lines.ask(key, Command(c.ADD, self.user, amount_cents=100)))
        except Unavailable as error:
            self.errors.append(str(error))

    @property
    def waits(self) -> bool:
        return self._thread.is_alive()

    def ended(self) -> "Asked":
        self._thread.join(10)
        assert not self.waits, "still no answer"
        return self

    def is_answered(self) -> bool:
        """Exactly once, by its own answer."""
        self.ended()
        own = f'{{"cash":"1.00","user":"{self.user}"}}'.encode()
        return self.answers == [Done(own)] and not self.errors


@pytest.fixture
def balancer() -> Iterator[Balancer]:
    with Balancer() as one:
        yield one


@pytest.fixture
def make(balancer: Balancer) -> Iterator[Callable[..., Lines]]:
    """Makes clients of the balancer, and stops them."""
    made: list[Lines] = []

    def one(**options: Any) -> Lines:
        made.append(Lines(balancer.address, b"12345678", SystemClock(), **options))
        return made[-1]

    yield one
    for lines in made:
        lines.stop()


def test_many_are_outstanding_and_each_gets_its_own_answer(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make()
    asked = [Asked(lines, f"u{number}", number) for number in range(1, 101)]
    connection = balancer.accept()
    for line in reversed(connection.lines(100)):
        connection.answer(line)
    assert all(one.is_answered() for one in asked)


def test_each_session_has_a_connection_of_its_own_that_stays(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    seconds: list[float] = []
    lines = make(observe=seconds.append)
    first = Asked(lines, "a", 1, "web-03")
    one = balancer.accept(greet=False)
    assert one.line() == b"SESSION web-03"
    one.send(b"SESSION OK\n")
    one.answer(one.line())
    assert first.is_answered()
    other = Asked(lines, "b", 1, "web-04")
    two = balancer.accept()
    two.answer(two.line())
    assert other.is_answered()
    again = Asked(lines, "c", 2, "web-03")
    one.answer(one.line())
    assert again.is_answered()
    assert len(seconds) == 3
    assert all(0 < each < 10 for each in seconds)


def test_reads_count_in_a_session_of_this_process(make: Callable[..., Lines]) -> None:
    lines = make()
    assert [lines.read_key() for _ in range(2)] == [
        Key("web-3132333435363738", 1),
        Key("web-3132333435363738", 2),
    ]


def test_a_lost_connection_is_made_again_and_everything_asked_in_the_same_order(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make()
    asked = [Asked(lines, "u1", 1)]
    connection = balancer.accept()
    assert connection.line() == b"[1] ADD,u1,1.00"
    for number in range(2, 11):
        asked.append(Asked(lines, f"u{number}", number))
        assert connection.line() == b"[%d] ADD,u%d,1.00" % (number, number)
    connection.answer(b"[3] ADD,u3,")
    assert asked[2].is_answered()
    connection.send(b'[1] OK {"cash":')
    connection.close()
    connection = balancer.accept()
    again = connection.lines(9)
    assert again == [b"[%d] ADD,u%d,1.00" % (number, number) for number in (1, 2, 4, 5, 6, 7, 8, 9, 10)]
    for line in again:
        connection.answer(line)
    assert all(one.is_answered() for one in asked)


def test_a_balancer_that_is_away_is_waited_for(balancer: Balancer, make: Callable[..., Lines]) -> None:
    balancer.go()
    asked = Asked(make(), "u", 1)
    time.sleep(0.3)
    assert asked.waits
    balancer.come_back()
    connection = balancer.accept()
    connection.answer(connection.line())
    assert asked.is_answered()


@pytest.mark.parametrize(
    "nonsense",
    [b"garbage\n", b'[0] ERR {"code":"BAD_REQUEST","message":"the line is too long"}\n', b'[2] OK {"cash":"1.00"}\n',
     b'[1] OK {"balance":"1.00"}\n', b"[1] OK {\n", b'[1] ERR {"code":"NO_SUCH_CODE","message":""}\n', b"\n"],
)  # fmt: skip
def test_what_makes_no_sense_costs_the_connection_and_is_done_again(
    balancer: Balancer, make: Callable[..., Lines], nonsense: bytes
) -> None:
    asked = Asked(make(), "u", 1)
    connection = balancer.accept()
    line = connection.line()
    connection.send(nonsense)
    assert connection.is_closed()
    connection = balancer.accept()
    assert connection.line() == line
    connection.answer(line)
    assert asked.is_answered()


def test_a_balancer_that_refuses_the_session_is_asked_again(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    asked = Asked(make(), "u", 1)
    connection = balancer.accept(greet=False)
    connection.send(b'[0] ERR {"code":"BAD_REQUEST","message":"SESSION needs an id"}\n')
    assert connection.is_closed()
    connection = balancer.accept()
    connection.answer(connection.line())
    assert asked.is_answered()


def test_answers_in_slices_of_one_byte(balancer: Balancer, make: Callable[..., Lines]) -> None:
    asked = Asked(make(), "u", 1)
    connection = balancer.accept()
    connection.line()
    for byte in b'[1] OK {"cash":"1.00","user":"u"}\n':
        connection.send(bytes([byte]))
    assert asked.is_answered()


def test_the_same_request_twice_at_once_is_sent_twice_and_answered_in_order(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make()
    first = Asked(lines, "u", 1)
    connection = balancer.accept()
    connection.line()
    second = Asked(lines, "other", 1)
    assert connection.line() == b"[1] ADD,other,1.00"
    connection.answer(b"[1] ADD,u,")
    assert first.is_answered()
    connection.send(b'[1] ERR {"code":"REUSED_NUMBER","message":"used"}\n')
    assert second.ended().answers == [Refused("REUSED_NUMBER", "used")]


def test_no_answer_within_the_deadline_is_unavailable_and_a_mute_connection_is_given_up(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make(deadline_ms=1000)
    late = Asked(lines, "late", 1)
    connection = balancer.accept()
    assert connection.line()
    assert "same key" in late.ended().errors[0]
    assert connection.is_closed()
    again = Asked(lines, "late", 1)
    connection = balancer.accept()
    assert connection.line() == b"[1] ADD,late,1.00"
    connection.answer(b"[1] ADD,late,1.00")
    assert again.is_answered()
    connection.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        connection.line()


def test_a_late_answer_is_nobodys_and_the_connection_that_talks_stays(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make(deadline_ms=1500)
    late = Asked(lines, "late", 1)
    connection = balancer.accept()
    slow = connection.line()
    while late.waits:
        other = Asked(lines, "other", 2)
        connection.answer(connection.line())
        assert other.is_answered()
    assert late.errors
    repeat = Asked(lines, "late", 1)
    assert connection.line() == slow
    connection.answer(slow)
    connection.answer(slow)
    assert repeat.is_answered()


def test_a_balancer_that_stays_away_past_the_deadline(balancer: Balancer, make: Callable[..., Lines]) -> None:
    balancer.go()
    lines = make(deadline_ms=1000)
    assert Asked(lines, "u", 1).ended().errors
    balancer.come_back()
    other = Asked(lines, "v", 2)
    connection = balancer.accept()
    assert connection.line() == b"[2] ADD,v,1.00", "what nobody waits for is not sent"
    connection.answer(b"[2] ADD,v,1.00")
    assert other.is_answered()


def test_what_is_outstanding_is_bounded(
    balancer: Balancer, make: Callable[..., Lines], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines_module, "MAX_WEB_OUTSTANDING_LINES", 3)
    lines = make()
    asked = [Asked(lines, f"u{number}", number) for number in range(1, 4)]
    connection = balancer.accept()
    taken = connection.lines(3)
    assert "nothing was done" in Asked(lines, "surplus", 4).ended().errors[0]
    for line in taken:
        connection.answer(line)
    assert all(one.is_answered() for one in asked)


def test_a_balancer_that_reads_nothing_stops_nobody_from_being_stopped(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make()
    asked = [Asked(lines, "u" * 60, number, "web-01") for number in range(1, 501)]
    balancer.accept(greet=False)
    started = time.monotonic()
    lines.stop()
    assert time.monotonic() - started < 5
    assert all("stopped" in one.ended().errors[0] for one in asked)
    with pytest.raises(Unavailable):
        lines.ask(Key("web-01", 501), Command(c.ADD, "u", amount_cents=1))
    with pytest.raises(Unavailable):
        lines.ask(Key("web-02", 1), Command(c.ADD, "u", amount_cents=1))


def test_an_idle_connection_that_was_closed_is_not_noticed_by_the_next_request(
    balancer: Balancer, make: Callable[..., Lines]
) -> None:
    lines = make()
    for number in range(1, 4):
        asked = Asked(lines, "u", number)
        connection = balancer.accept()
        connection.answer(connection.line())
        assert asked.is_answered()
        connection.close()


@pytest.mark.skipif(monkey.is_module_patched("socket"), reason="this is that run")
def test_all_of_this_under_gevents_monkey_patching() -> None:
    """The web tier's workers are patched: threads there are greenlets, and a lock that is not gevent's would stop them all."""
    program = "from gevent import monkey; monkey.patch_all(); import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "-v", str(Path(__file__))],
        check=False, cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed, 1 skipped" in done.stdout
