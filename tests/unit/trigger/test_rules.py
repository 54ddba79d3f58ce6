"""The picture of what is armed, against an oracle that looks at every trigger."""

from hypothesis import given
from hypothesis import strategies as st

from trigger.rules import Picture

BUY, SELL = 1, 2
PRICES = st.integers(1, 12)
SYMBOLS = st.sampled_from(["A", "BC", "DEF"])
TRIGGERS = st.tuples(SYMBOLS, st.sampled_from([BUY, SELL]), PRICES, PRICES)
"""(symbol, side, trigger price, amount): cents; the amount matters to buys only."""


def fires(trigger: tuple[str, int, int, int], symbol: str, price: int) -> bool:
    """commands.md, Triggers, word for word."""
    if trigger[0] != symbol:
        return False
    if trigger[1] == BUY:
        return price <= trigger[2] and trigger[3] // price >= 1
    return price >= trigger[2]


def reaches(triggers: list[tuple[str, int, int, int]]) -> list[tuple[str, int | None, int | None]]:
    """What the database answers for them (queries `armed_since` and `reaches`)."""
    rows = []
    for symbol in {trigger[0] for trigger in triggers}:
        buys = [min(t[2], t[3]) for t in triggers if t[0] == symbol and t[1] == BUY]
        sells = [t[2] for t in triggers if t[0] == symbol and t[1] == SELL]
        rows.append((symbol, max(buys, default=None), min(sells, default=None)))
    return rows


@given(st.lists(st.lists(TRIGGERS, max_size=6), max_size=5), SYMBOLS, PRICES)
def test_added_bit_by_bit_it_tells_exactly_whether_a_price_fires_something(
    polls: list[list[tuple[str, int, int, int]]], symbol: str, price: int
) -> None:
    picture = Picture()
    for armed in polls:
        picture.add(reaches(armed))
    everything = [trigger for armed in polls for trigger in armed]
    assert picture.is_reached(symbol, price) == any(fires(trigger, symbol, price) for trigger in everything)
    assert sorted(picture.symbols()) == sorted({trigger[0] for trigger in everything})


@given(st.lists(TRIGGERS, max_size=12), st.data(), SYMBOLS, PRICES)
def test_it_never_shows_less_than_is_armed_and_exactly_that_once_replaced(
    triggers: list[tuple[str, int, int, int]], data: st.DataObject, symbol: str, price: int
) -> None:
    picture = Picture()
    picture.add(reaches(triggers))
    left = data.draw(st.lists(st.sampled_from(triggers), unique=True) if triggers else st.just([]))
    fired = any(fires(trigger, symbol, price) for trigger in left)
    assert picture.is_reached(symbol, price) >= fired
    picture.replace([(gone, None, None) for gone in picture.symbols()])
    assert picture.symbols() == []
    picture.replace(reaches(left))
    assert picture.is_reached(symbol, price) == fired


def test_a_symbol_that_was_never_armed_may_be_replaced_by_nothing() -> None:
    picture = Picture()
    picture.replace([("ABC", None, None)])
    assert picture.symbols() == []
