"""Users without an account, and those whose pendings are looked after."""

from transaction.account import Account
from transaction.expiries import Expiries
from transaction.newcomers import Newcomers


def stranger(user: str, seq: int) -> Account:
    account = Account(user)
    account.seq, account.timestamp_ms = seq, seq * 10
    return account


def test_a_stranger_goes_on_where_they_were() -> None:
    newcomers = Newcomers()
    assert (newcomers.account("ann").seq, newcomers.account("ann").timestamp_ms) == (0, 0)
    newcomers.remember({"ann": stranger("ann", 4), "bob": stranger("bob", 0)}, ())
    assert (newcomers.account("ann").seq, newcomers.account("ann").timestamp_ms) == (4, 40)
    assert newcomers.account("bob").seq == 0


def test_who_has_an_account_now_or_is_in_conflict_is_forgotten() -> None:
    newcomers = Newcomers()
    newcomers.remember({"ann": stranger("ann", 4), "bob": stranger("bob", 5)}, ())
    rich = stranger("ann", 5)
    rich.exists = True
    newcomers.remember({"ann": rich, "bob": stranger("bob", 6)}, {"bob"})
    assert newcomers.account("ann").seq == newcomers.account("bob").seq == 0


def test_nobody_begins_before_one_who_had_to_leave() -> None:
    newcomers = Newcomers(most=2)
    newcomers.remember({name: stranger(name, seq) for name, seq in (("a", 7), ("b", 3), ("c", 1))}, ())
    assert newcomers.account("a").seq == 7, "their sequence may not begin again below what was written"
    assert newcomers.account("new").seq == 7
    assert newcomers.account("c").seq == 1


def test_pendings_are_looked_after_once_they_may_be_over() -> None:
    expiries = Expiries()
    expiries.add([("ann", 100), ("bob", 200)])
    assert expiries.due(100) == []
    assert expiries.due(101) == ["ann"]
    assert expiries.due(1000) == ["bob"]
    assert expiries.due(1000) == []
    expiries.watch(Account("carol"))
    assert expiries.due(1000) == []
