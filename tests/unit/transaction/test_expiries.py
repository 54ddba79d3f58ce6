"""Whose pendings are looked after: everybody's, not too late, and nobody's twice."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.transaction.desk import START_MS, pending
from transaction.account import Account
from transaction.expiries import Expiries
from transaction.pendings import Pendings


def account(user: str, *ages_ms: int) -> Account:
    made = Account(user)
    made.buys = Pendings([pending(at_ms=START_MS + age_ms) for age_ms in ages_ms])
    return made


def test_who_is_due_is_told_once() -> None:
    expiries = Expiries()
    expiries.add([("ann", START_MS), ("bob", START_MS + 10)])
    assert expiries.due(START_MS) == []
    assert expiries.due(START_MS + 10) == ["ann"]
    assert expiries.due(START_MS + 11) == ["bob"]
    assert expiries.due(START_MS + 1_000) == []


def test_the_oldest_pending_counts_also_when_a_younger_one_came_later() -> None:
    expiries = Expiries()
    expiries.watch(account("ann", 5))
    expiries.watch(account("ann", 5, 20))
    assert expiries.due(START_MS + 5) == []
    assert expiries.due(START_MS + 6) == ["ann"]


def test_an_account_without_pendings_is_not_watched() -> None:
    expiries = Expiries()
    expiries.watch(account("ann"))
    assert expiries.due(START_MS + 10**9) == []


@given(st.lists(st.tuples(st.sampled_from(["ann", "bob", "cat"]), st.integers(0, 9), st.integers(0, 50))))
def test_nobody_is_looked_after_too_late(steps: list[tuple[str, int, int]]) -> None:
    """Time goes on, pendings come; whenever somebody looks, each account with one that is too old is among those due."""
    expiries = Expiries()
    ages: dict[str, list[int]] = {"ann": [], "bob": [], "cat": []}
    now_ms = 0
    for user, passed_ms, life_ms in steps:
        now_ms += passed_ms
        ages[user].append(now_ms)
        expiries.watch(account(user, *ages[user]))
        due = expiries.due(START_MS + now_ms - life_ms)
        assert {name for name, of_user in ages.items() if of_user and of_user[0] < now_ms - life_ms} <= set(
            due
        )
        for name in due:
            ages[name] = [age_ms for age_ms in ages[name] if age_ms >= now_ms - life_ms]
            expiries.watch(account(name, *ages[name]))
