"""Wants against a plain list of who waits: nobody is forgotten, nobody is asked for twice."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from quotecache.freshness import Asker
from quotecache.wanted import Wanted

SYMBOLS = st.sampled_from(["A", "B", "C", "D"])


def asker(symbol: str, user: str = "ann") -> Asker:
    return Asker(symbol, user, 1, 1)


class Machine(RuleBasedStateMachine):
    """The oracle keeps, for each symbol, when it was wanted first and when to ask next (None: it flies)."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted = Wanted()
        self.now_ms = 0
        self.deadline_ms: dict[str, int] = {}
        self.ask_ms: dict[str, int | None] = {}

    @rule(symbol=SYMBOLS, patience_ms=st.integers(1, 50))
    def want(self, symbol: str, patience_ms: int) -> None:
        self.wanted.add(asker(symbol), self.now_ms, self.now_ms + patience_ms)
        self.deadline_ms.setdefault(symbol, self.now_ms + patience_ms)
        self.ask_ms.setdefault(symbol, self.now_ms)

    @rule(ms=st.integers(1, 40))
    def time_passes(self, ms: int) -> None:
        self.now_ms += ms

    @rule(symbol=SYMBOLS)
    def satisfied(self, symbol: str) -> None:
        assert self.wanted.drop(symbol) == (symbol in self.deadline_ms)
        self._forget(symbol)

    @rule(symbol=SYMBOLS)
    def flies(self, symbol: str) -> None:
        want = self.wanted.fly(symbol)
        assert (want is not None) == (symbol in self.deadline_ms)
        if want is not None:
            assert (want.asker, want.deadline_ms) == (asker(symbol), self.deadline_ms[symbol])
            self.ask_ms[symbol] = None

    @rule(symbol=SYMBOLS, pause_ms=st.integers(0, 30))
    def again(self, symbol: str, pause_ms: int) -> None:
        self.wanted.ask_again(symbol, self.now_ms + pause_ms)
        if symbol in self.ask_ms:
            self.ask_ms[symbol] = self.now_ms + pause_ms

    @rule()
    def reconnected(self) -> None:
        self.wanted.ask_all(self.now_ms)
        self.ask_ms = {s: None if t is None else self.now_ms for s, t in self.ask_ms.items()}

    @rule()
    def give_up(self) -> None:
        over = {s for s, t in self.ask_ms.items() if t is not None and self.deadline_ms[s] <= self.now_ms}
        assert set(self.wanted.expired(self.now_ms)) == over
        for symbol in over:
            self._forget(symbol)

    @precondition(lambda self: self.deadline_ms)
    @rule(most=st.integers(1, 4))
    def ask(self, most: int) -> None:
        due = {s for s, t in self.ask_ms.items() if t is not None and t <= self.now_ms}
        asked = self.wanted.due(self.now_ms, most)
        assert set(asked) <= due
        assert len(asked) == min(most, len(due))

    @invariant()
    def wakes_in_time(self) -> None:
        times = [min(t, self.deadline_ms[s]) for s, t in self.ask_ms.items() if t is not None]
        assert self.wanted.next_ms() == min(times, default=None)
        assert all((symbol in self.wanted) == (symbol in self.deadline_ms) for symbol in "ABCD")

    def _forget(self, symbol: str) -> None:
        self.deadline_ms.pop(symbol, None)
        self.ask_ms.pop(symbol, None)


TestWanted = Machine.TestCase


def test_the_first_asker_stays() -> None:
    wanted = Wanted()
    wanted.add(asker("A", "ann"), 0, 10)
    wanted.add(asker("A", "bob"), 5, 99)
    want = wanted.fly("A")
    assert want is not None
    assert (want.asker.user, want.deadline_ms) == ("ann", 10)


def test_time_is_over_at_the_deadline_itself() -> None:
    """`next_ms` names that moment, so there must be something to do then."""
    wanted = Wanted()
    wanted.add(asker("A"), 0, 10)
    wanted.ask_again("A", 50)
    assert wanted.next_ms() == 10
    assert wanted.expired(9) == []
    assert wanted.expired(10) == ["A"]
