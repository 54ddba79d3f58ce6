"""Faults come at their rates, and none of their replies passes for a hit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotecache.legacy.faults import KINDS, Faults
from quotecache.protocol import parse_reply

NAMES = st.text("ABCabc019_.-", min_size=1, max_size=64)


def test_rates() -> None:
    faults = Faults.parse("garbage:0.1,hang:0.05", seed=1)
    drawn = [faults.draw("ABC", k) for k in range(1, 20_001)]
    assert abs(drawn.count("garbage") / 20_000 - 0.1) < 0.01
    assert abs(drawn.count("hang") / 20_000 - 0.05) < 0.01
    assert set(drawn) == {"garbage", "hang", None}


def test_the_same_seed_fails_the_same_requests() -> None:
    text = ",".join(f"{kind}:0.2" for kind in KINDS)
    one, other = (Faults.parse(text, seed=7) for _ in range(2))
    assert [one.draw("ABC", k) for k in range(1, 99)] == [other.draw("ABC", k) for k in range(1, 99)]
    assert {one.draw("ABC", k) for k in range(1, 99)} == set(KINDS)


def test_no_faults_by_default() -> None:
    assert Faults.parse("", 1).draw("ABC", 1) is None


@pytest.mark.parametrize(
    "text", ["hang", "hang:", "hang:x", "hang:-0.1", "hang:1.1", "explode:0.1", "hang:0.1,hang:0.1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Faults.parse(text, 1)


def test_rates_over_one_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1"):
        Faults.parse("hang:0.6,cut:0.6", 1)


@given(user=NAMES | st.just("NA"), cents=st.integers(1, 10**6), k=st.integers(1, 10**6))
def test_garbage_and_parts_are_never_a_hit(user: str, cents: int, k: int) -> None:
    faults = Faults.parse("garbage:1", seed=1)
    reply = f"{cents / 100:.2f},ABC,{user},1167631200000,{'k' * 55}=\n".encode()
    assert parse_reply(reply[:-1], "ABC", user) is not None
    for line in faults.garbage(reply, "ABC", k).split(b"\n"):
        assert parse_reply(line, "ABC", user) is None
    part = faults.cut(reply, "ABC", k)
    assert reply.startswith(part)
    assert b"\n" not in part
