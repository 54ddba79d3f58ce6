"""What a shard counts of its batches, and what it writes down of its commands at debug."""

import pytest

from core.codec import Request
from transaction import counts as module
from transaction.batch import Entry
from transaction.counts import Counts

BAD = 'ERR {"code":"BAD_SYMBOL","message":"no"}'
TOO_LITTLE = 'ERR {"code":"INSUFFICIENT_FUNDS","message":"cash 0.00"}'


class Watch:
    """A stopwatch in the test's hands."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    made = Watch()
    monkeypatch.setattr(module, "stopwatch_s", made)
    return made


def entry(command: str, reply: str, user: str = "ann") -> Entry:
    made = Entry(Request(1, "s", 1, command, user, "", None, "", "", command), None, user)
    made.reply = reply
    return made


def test_commands_are_counted_by_name_and_outcome_when_they_leave() -> None:
    counts = Counts()
    first = [entry("ADD", "OK {}"), entry("BUY", BAD), entry("BUY", "OK {}", "bob"), entry("", BAD)]
    counts.settled(first, set())
    counts.settled([entry("BUY", TOO_LITTLE), entry("BUY", BAD)], set())
    assert counts.outcomes() == {
        ("ADD", "OK"): 1, ("BUY", "OK"): 1, ("BUY", "BAD_SYMBOL"): 2, ("BUY", "INSUFFICIENT_FUNDS"): 1,
        ("UNKNOWN", "BAD_SYMBOL"): 1,
    }  # fmt: skip
    assert (sum(counts.batch_sizes.counts), counts.batch_sizes.total) == (2, 6)


def test_who_is_in_conflict_is_counted_once_when_decided_for_good() -> None:
    counts = Counts()
    entries = [entry("ADD", "OK {}"), entry("BUY", BAD, "bob")]
    counts.settled(entries, {"bob"})
    assert (counts.conflicts, counts.outcomes()) == (1, {("ADD", "OK"): 1})
    counts.settled(entries[1:], set())
    assert (counts.conflicts, counts.outcomes()) == (1, {("ADD", "OK"): 1, ("BUY", "BAD_SYMBOL"): 1})


def test_an_order_to_look_after_pendings_is_no_command() -> None:
    counts = Counts()
    counts.settled([Entry(None, None, "ann")], set())
    assert counts.outcomes() == {}


def test_a_batch_lasts_from_its_oldest_arrival_until_it_is_settled(watch: Watch) -> None:
    counts = Counts()
    counts.arrived(3)
    watch.now_s += 1
    counts.arrived(2)
    watch.now_s += 1
    counts.taken(4)
    watch.now_s += 0.5
    counts.settled([entry("ADD", "OK {}")], set())
    assert counts.batch_seconds.total == 2.5
    counts.taken(1)
    counts.settled([entry("ADD", "OK {}")], set())
    assert counts.batch_seconds.total == 2.5 + 1.5
    counts.taken(0)
    counts.settled([entry("ADD", "OK {}")], set())
    assert sum(counts.batch_seconds.counts) == 2, "what waited aside came long ago, and is not timed"


def test_arrivals_that_are_taken_are_forgotten(watch: Watch) -> None:
    counts = Counts()
    for size in range(1, 50):
        counts.arrived(size)
    counts.taken(sum(range(1, 50)))
    counts.arrived(1)
    watch.now_s += 3
    counts.taken(1)
    counts.settled([entry("ADD", "OK {}")], set())
    assert counts.batch_seconds.total == 3
