"""The stack of pendings, held against a plain list: whatever was kept of its texts, they are what they would be if made anew."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.limits import MAX_PENDINGS_SHOWN
from tests.unit.transaction.desk import START_MS, pending
from transaction.pendings import Pending, Pendings, decode_pendings

NUMBERS = st.integers(1, 2**53)
PENDINGS = st.builds(
    Pending,
    symbol=st.from_regex(r"[A-Z]{1,3}\Z"),
    shares=st.integers(1, 10**13),
    price_cents=st.integers(1, 10**13),
    timestamp_ms=st.integers(START_MS, START_MS + 10**12),
    session_id=NUMBERS,
    number=NUMBERS,
)


@given(st.lists(PENDINGS, max_size=8))
def test_pendings_come_back_as_they_were(pendings: list[Pending]) -> None:
    assert decode_pendings(Pendings(pendings).stored()) == pendings


def test_what_is_stored_is_what_the_invariant_check_reads_in_sql() -> None:
    stored = Pendings([Pending("ABC", 3, 1000, START_MS, 7, 12)]).stored()
    assert json.loads(stored) == [["ABC", 3, 1000, START_MS, 7, 12]]
    assert Pendings().stored() == "[]"


def word(one: Pending) -> str:
    return f"{one.shares}"


@given(st.lists(st.sampled_from(["push", "push", "take", "expire", "stored", "shown"]), max_size=40))
def test_a_stack_that_ages(steps: list[str]) -> None:
    """The model: a list, and whether the last to leave expired. Each step takes a millisecond, a pending lives for three."""
    pendings, model, expired = Pendings(), list[Pending](), False
    for now_ms, step in enumerate([*steps, "shown", "stored"], START_MS):
        if step == "push":
            model.append(pending(shares=now_ms, at_ms=now_ms))
            pendings.push(model[-1])
        elif step == "take" and model:
            assert pendings.take() == model.pop()
            expired = False
        elif step == "expire":
            overdue = [one for one in model if one.timestamp_ms < now_ms - 3]
            model = model[len(overdue) :]
            assert pendings.expire(now_ms - 3) == overdue
            expired = expired or bool(overdue)
        elif step == "stored":
            assert decode_pendings(pendings.stored()) == model
        elif step == "shown":
            assert pendings.shown(word) == ",".join(word(one) for one in reversed(model))
        assert (pendings.items, pendings.expired) == (model, expired)
        assert pendings.newest == (model[-1] if model else None)


def test_each_is_worded_once() -> None:
    worded: list[int] = []

    def note(one: Pending) -> str:
        worded.append(one.shares)
        return word(one)

    pendings = Pendings([pending(shares=1), pending(shares=2)])
    assert [pendings.shown(note) for _ in range(2)] == ["2,1", "2,1"]
    pendings.push(pending(shares=3))
    assert pendings.shown(note) == "3,2,1"
    assert worded == [1, 2, 3]


@pytest.mark.parametrize("over", [0, 1, 7])
def test_only_the_newest_are_shown(over: int) -> None:
    last = MAX_PENDINGS_SHOWN + over
    pendings = Pendings(pending(shares=n) for n in range(1, last + 1))
    wanted = [str(n) for n in range(last, over, -1)]
    assert pendings.shown(word).split(",") == wanted
    pendings.take()
    assert pendings.shown(word).split(",") == (wanted[1:] if over == 0 else [*wanted[1:], str(over)])


def test_pendings_are_equal_when_they_hold_the_same_and_the_last_left_alike() -> None:
    one, same = Pendings([pending()]), Pendings([pending()])
    one.stored()
    one.shown(word)
    assert one == same
    for other in (
        Pendings([pending(shares=9)]),
        Pendings([pending()], expired=True),
        Pendings(),
        [pending()],
    ):
        assert one != other
