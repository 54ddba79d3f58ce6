"""A quote's age, and which of two is newer."""

from hypothesis import given
from hypothesis import strategies as st

from quotecache.freshness import Quote, is_fresh, newer, remaining_ms

STAMPS = st.integers(0, 10**14)
QUOTES = st.builds(
    Quote,
    symbol=st.just("ABC"),
    price_cents=st.integers(1, 500_000),
    user=st.just("ann"),
    time_ms=st.integers(0, 20),
    key=st.sampled_from(["a", "b", "c"]),
    session_id=st.just(1),
    number=st.integers(1, 3),
)


def quote(time_ms: int) -> Quote:
    return Quote("ABC", 100, "ann", time_ms, "key", 1, 1)


def test_a_minute_is_fresh_and_a_millisecond_more_is_not() -> None:
    assert is_fresh(quote(1_000), 61_000, 60_000)
    assert not is_fresh(quote(1_000), 61_001, 60_000)


def test_a_stamp_ahead_of_our_clock_is_fresh() -> None:
    assert is_fresh(quote(5_000), 1_000, 60_000)


@given(QUOTES, QUOTES, QUOTES)
def test_replicas_agree_on_the_newest_in_whatever_order_they_hear_of_it(a: Quote, b: Quote, c: Quote) -> None:
    def last(*heard: Quote) -> tuple[int, str]:
        own = heard[0]
        for other in heard[1:]:
            own = other if newer(other, own) else own
        return own.time_ms, own.key

    assert last(a, b, c) == last(c, b, a) == last(b, a, c) == max((q.time_ms, q.key) for q in (a, b, c))
    assert not newer(a, a)


@given(STAMPS, STAMPS, st.integers(1, 60_000))
def test_a_shared_copy_never_outlives_its_quote(time_ms: int, now_ms: int, life_ms: int) -> None:
    keep_ms = remaining_ms(quote(time_ms), now_ms, life_ms)
    assert keep_ms <= life_ms
    if keep_ms > 0:
        assert is_fresh(quote(time_ms), now_ms + keep_ms, life_ms)
    else:
        assert not is_fresh(quote(time_ms), now_ms + 1, life_ms)
