"""Who waits comes back whole and in order; checked against a plain list of waits by hypothesis."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from transaction.batch import Entry
from transaction.parking import DUMP, Parking

USERS = ("ann", "bob", "carl")


class ParkingMachine(RuleBasedStateMachine):
    """Each user's queue and what they wait for, as a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.parking = Parking()
        self.waits: dict[str, tuple[str, list[Entry]]] = {}

    def free(self) -> list[str]:
        return [user for user in USERS if user not in self.waits]

    @precondition(lambda self: self.free())
    @rule(data=st.data(), symbol=st.sampled_from(["A", "B", DUMP]), count=st.integers(0, 2))
    def park(self, data: st.DataObject, symbol: str, count: int) -> None:
        user = data.draw(st.sampled_from(self.free()))
        entries = [Entry(None, None, user) for _ in range(count)]
        self.parking.park(user, symbol, entries)
        self.waits[user] = (symbol, entries)

    @precondition(lambda self: self.waits)
    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from(sorted(self.waits)))
        entry = Entry(None, None, user)
        self.parking.append(user, entry)
        self.waits[user][1].append(entry)

    @precondition(lambda self: self.waits)
    @rule(data=st.data())
    def release_user(self, data: st.DataObject) -> None:
        user = data.draw(st.sampled_from(sorted(self.waits)))
        assert self.parking.release_user(user) == self.waits.pop(user)[1]

    @rule(symbol=st.sampled_from(["A", "B", "C"]))
    def release_symbol(self, symbol: str) -> None:
        users = [user for user, (wanted, _) in self.waits.items() if wanted == symbol]
        wanted = {user: self.waits.pop(user)[1] for user in users}
        assert list(self.parking.waiting_for(symbol)) == [
            entry for queue in wanted.values() for entry in queue
        ]
        released = self.parking.release_symbol(symbol)
        assert {user: [entry for entry in released if entry.user == user] for user in users} == wanted
        assert len(released) == sum(map(len, wanted.values()))

    @invariant()
    def nothing_is_lost(self) -> None:
        held = [entry for _, queue in self.waits.values() for entry in queue]
        assert sorted(map(id, self.parking.entries())) == sorted(map(id, held))
        assert len(self.parking) == len(held)
        assert {user for user in USERS if user in self.parking} == self.waits.keys()


ParkingMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestParking = ParkingMachine.TestCase
