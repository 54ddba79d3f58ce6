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


def test_a_seed_means_the_same_faults_for_ever() -> None:
    """Measurements that name their seed can be done again."""
    faults = Faults.parse("garbage:0.2,hang:0.2,refuse:0.1", seed=7)
    names = {None: "-", "garbage": "g", "hang": "h", "refuse": "r"}
    assert "".join(names[faults.draw("ABC", k)] for k in range(1, 16)) == "-g-grg-h--r--r-"
    reply = b"63511.53,ABC,ann,1167631200000,key=\n"
    assert [len(faults.cut(reply, "ABC", k)) for k in range(1, 6)] == [27, 7, 25, 31, 34]
    assert [faults.garbage(reply, "ABC", k) for k in range(2, 8)] == [
        b"1e2,ABC,ann,1167631200000,key=\n",
        b"63511.53,ABC,ann,1167631200000\n",
        b"63511.53,?ABC,ann,1167631200000,key=\n",
        b"63511.53,?ABC,ann,1167631200000,key=\n",
        b"63511.53,ABC,annx,1167631200000,key=\n",
        b"-63511.53,ABC,ann,1167631200000,key=\n",
    ]


def test_every_kind_of_garbage_comes() -> None:
    """One for each rule of quote-server.md that makes a reply no hit, and nothing besides what is said there."""
    faults = Faults.parse("garbage:1", seed=1)
    reply = b"63511.53,ABC,ann,1167631200000,key=\n"
    assert {faults.garbage(reply, "ABC", k) for k in range(1, 300)} == {
        b"\x00\xff\x8b\x1f" * 20 + b"\n",
        b"\n",
        b"<html><body>503 Service Unavailable</body></html>\n",
        b"-63511.53,ABC,ann,1167631200000,key=\n",
        b"0.00,ABC,ann,1167631200000,key=\n",
        b"63511.535,ABC,ann,1167631200000,key=\n",
        b"1e2,ABC,ann,1167631200000,key=\n",
        b"63511.53,?ABC,ann,1167631200000,key=\n",
        b"63511.53,ABC,annx,1167631200000,key=\n",
        b"0.00,ABC,NA,1167631200000,key=\n",
        b"63511.53,ABC,ann,yesterday,key=\n",
        b"63511.53,ABC,ann,1167631200000\n",
        b"7" * 5_000,
    }


def test_no_faults_by_default() -> None:
    assert Faults.parse("", 1).draw("ABC", 1) is None


@pytest.mark.parametrize(
    "text", ["hang", "hang:", "hang:x", "hang:-0.1", "hang:1.1", "explode:0.1", "hang:0.1,hang:0.1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Faults.parse(text, 1)


def test_rates_may_fill_everything_and_blanks_may_stand_between() -> None:
    faults = Faults.parse("hang:0.4, cut:0.3, drip:0.3", 1)
    assert None not in {faults.draw("ABC", k) for k in range(1, 200)}
    assert Faults.parse("hang:1", 1).draw("ABC", 1) == "hang"
    assert Faults.parse("hang:0", 1).draw("ABC", 1) is None


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
