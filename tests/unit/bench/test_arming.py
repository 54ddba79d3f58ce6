"""Who arms what, and which prices fire whom."""

from collections import Counter

from bench import _arming
from workload.driver import load

USERS = [f"u{place}" for place in range(20)]


def test_everybody_arms_as_many_and_symbols_share_evenly() -> None:
    armed = _arming.spread(USERS, _arming.three_letters(40), 10)
    assert Counter(user for group in armed.values() for user in group) == dict.fromkeys(USERS, 10)
    assert {len(group) for group in armed.values()} == {5}


def test_bursts_fire_everybody_once_and_no_symbol_twice() -> None:
    armed = _arming.spread(USERS, _arming.three_letters(40), 10)
    bursts = _arming.distinct(armed, 20)
    assert len(bursts) == 10
    for symbols in bursts:
        assert sorted(user for symbol in symbols for user in armed[symbol]) == sorted(USERS)
    assert max(Counter(symbol for symbols in bursts for symbol in symbols).values()) == 1


def test_a_burst_may_be_of_some() -> None:
    armed = _arming.spread(USERS, _arming.three_letters(40), 10)
    assert all(len(armed[symbols[0]]) == 5 for symbols in _arming.distinct(armed, 5))


def test_rounds_go_through_all_groups() -> None:
    armed = _arming.rounds(USERS, ["AA", "AB", "AC"], 10)
    assert (armed["AA"], armed["AB"], armed["AC"]) == (USERS[:10], USERS[10:], USERS[:10])


def test_each_trigger_is_two_lines_after_a_deposit() -> None:
    text = list(_arming.lines({"AA": ["u", "v"], "AB": ["u"]}))
    assert len(text) == 2 + 3 * 2
    assert text[0] == b"[1] ADD,u,10000000.00\n"
    assert text[2:4] == [b"[3] SET_BUY_AMOUNT,u,AA,1.00\n", b"[4] SET_BUY_TRIGGER,u,AA,0.01\n"]
    assert load(text).malformed_count == 0


def test_symbols_are_no_workloads() -> None:
    assert len(set(_arming.two_letters())) == 26**2
    assert _arming.three_letters(2) == ["AAA", "AAB"]
