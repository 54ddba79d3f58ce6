"""A batch decides in order, says what must wait, answers repeats, and knows what is to be written."""

import json
import re
from typing import Any

import pytest

from core import commands as c
from core import errors
from db import queries
from quotecache.freshness import Quote
from tests.unit.transaction.desk import LIFE_MS, SESSION_ID, START_MS, entry
from transaction.account import Account
from transaction.batch import Batch, Entry
from transaction.decide import KIND_COMMAND, KIND_EXPIRY
from transaction.sessions import Session


def batch_of(*accounts: Account, quotes: dict[str, Quote] | None = None, now_ms: int = START_MS) -> Batch:
    """A batch over these accounts and two strangers, with these quotes."""
    given = {one.user: one for one in (Account("ann"), Account("bob"), Account(""), *accounts)}
    return Batch(given, lambda symbol, at_ms: (quotes or {}).get(symbol), now_ms)


def quoted(symbol: str, price: int, user: str = "else", session: int = SESSION_ID, number: int = 99) -> Quote:
    return Quote(symbol, price, user, START_MS - 5, "key", session, number)


def account(user: str = "ann", cash: int = 10_000, timestamp_ms: int = 0) -> Account:
    one = Account(user)
    one.exists, one.version, one.cash_cents, one.timestamp_ms = True, 5, cash, timestamp_ms
    return one


def decide(batch: Batch, *lines: str) -> list[str]:
    """The replies to lines numbered from 1."""
    entries = [entry(line, number) for number, line in enumerate(lines, 1)]
    for one in entries:
        assert batch.decide(one) is None, one.request
    return [one.reply for one in entries]


def code_of(reply: str) -> str:
    word, body = reply.split(" ", 1)
    return "OK" if word == "OK" else str(json.loads(body)["code"])


@pytest.mark.parametrize(
    ("user", "session", "number", "price"),
    [
        ("ann", SESSION_ID, 1, None),
        ("bob", SESSION_ID, 1, 250),
        ("ann", 8, 1, 250),
        ("ann", SESSION_ID, 2, 250),
    ],
)
def test_only_a_price_that_is_not_its_own_hit_leaves_an_event(
    user: str, session: int, number: int, price: int | None
) -> None:
    batch = batch_of(quotes={"ABC": quoted("ABC", 250, user, session, number)})
    assert code_of(decide(batch, "QUOTE,ann,ABC")[0]) == "OK"
    assert [row.price_cents for row, _, _ in batch.rows] == [price]


def test_what_needs_a_price_waits_and_changes_nothing() -> None:
    batch = batch_of(account())
    waiting = entry("BUY,ann,ABC,50.00", 1)
    assert batch.decide(waiting) == "ABC"
    assert (batch.decided, batch.rows, batch.changed, waiting.reply) == ([], [], {}, "")
    assert batch.accounts["ann"].seq == 0


def test_what_is_due_expires_before_the_wait_for_a_price() -> None:
    rich = account()
    decide(batch_of(rich, quotes={"ABC": quoted("ABC", 100)}), "BUY,ann,ABC,50.00")
    batch = batch_of(rich, now_ms=START_MS + LIFE_MS + 1)
    assert batch.decide(entry("QUOTE,ann,ABC", 2)) == "ABC"
    assert [(row.kind, row.added_cents) for row, _, _ in batch.rows] == [(KIND_EXPIRY, 5_000)]
    assert batch.changed == {"ann": rich}
    assert batch.decided == []


def test_without_a_price_within_the_deadline_it_is_refused() -> None:
    batch = batch_of(account())
    waiting = entry("BUY,ann,ABC,50.00", 1)
    waiting.unpriced = True
    assert batch.decide(waiting) is None
    assert code_of(waiting.reply) == errors.QUOTE_UNAVAILABLE
    batch = batch_of(account(), quotes={"ABC": quoted("ABC", 100)})
    assert batch.decide(waiting) is None
    assert code_of(waiting.reply) == "OK"  # one that came at the last moment is used


def test_a_line_that_names_no_command_is_answered_and_leaves_nothing() -> None:
    batch = batch_of(account())
    unknown = entry("SHOUT,ann", 1)
    unknown.session = None
    assert batch.decide(unknown) is None
    assert code_of(unknown.reply) == errors.UNKNOWN_COMMAND
    assert (batch.decided, batch.rows, batch.changed) == ([unknown], [], {})


def test_what_was_done_before_keeps_its_reply() -> None:
    rich = account()
    decide(batch_of(rich, quotes={"ABC": quoted("ABC", 100)}), "BUY,ann,ABC,50.00")
    batch = batch_of(rich, now_ms=START_MS + LIFE_MS + 1)
    done = entry("ADD,ann,1.00", 7)
    done.answered, done.reply = True, 'OK {"cash":"1.00"}'
    assert batch.decide(done) is None
    assert done.reply == 'OK {"cash":"1.00"}'
    assert [row.kind for row, _, _ in batch.rows] == [KIND_EXPIRY]
    assert rich.cash_cents == 10_000


def test_looking_after_pendings_expires_them_and_nothing_else() -> None:
    rich = account()
    decide(batch_of(rich, quotes={"ABC": quoted("ABC", 100)}), "BUY,ann,ABC,50.00")
    early, late = batch_of(rich, now_ms=START_MS + LIFE_MS), batch_of(rich, now_ms=START_MS + LIFE_MS + 1)
    sweep = Entry(None, None, "ann")
    for batch, rows in ((early, 0), (late, 1)):
        assert batch.decide(sweep) is None
        assert batch.decided == [sweep]
        assert len(batch.rows) == rows
    assert rich.buys.expired


def test_a_number_twice_in_one_batch() -> None:
    batch = batch_of(account(), account("bob"))
    session = Session(SESSION_ID, 0)
    lines = ("ADD,ann,1.00", "ADD,ann,1.00", "ADD,ann,2.00", "ADD,bob,1.00", "COMMIT_BUY,ann")
    replies = []
    for line in lines:
        one = entry(line, 1, session)
        assert batch.decide(one) is None
        replies.append(one.reply)
    assert replies[0] == replies[1] == 'OK {"cash":"101.00"}'
    assert [code_of(reply) for reply in replies[2:]] == [errors.REUSED_NUMBER] * 3
    assert [row.command for row, _, _ in batch.rows] == [c.CODES[c.ADD]]
    assert [batch.accounts[user].cash_cents for user in ("ann", "bob")] == [10_100, 10_000]


def test_the_same_number_of_two_sessions_is_two_requests() -> None:
    batch = batch_of(account())
    for session in (Session(1, 0), Session(2, 0)):
        assert batch.decide(entry("ADD,ann,1.00", 1, session)) is None
    assert [row.session_id for row, _, _ in batch.rows] == [1, 2]


def test_a_summary_and_a_log_are_done_again() -> None:
    batch = batch_of(account())
    for line in ("DISPLAY_SUMMARY,ann", "DUMPLOG,ann,log"):
        for _ in range(2):
            assert batch.decide(entry(line, 1 + len(line))) is None
    assert [row.command for row, _, _ in batch.rows] == [c.CODES[c.DISPLAY_SUMMARY], c.CODES[c.DUMPLOG]]
    assert [one.repeat for one in batch.decided] == [False, True, False, True]
    found_in_database = entry("DISPLAY_SUMMARY,ann", 77)
    found_in_database.repeat = True
    assert batch.decide(found_in_database) is None
    shown = json.loads(found_in_database.reply[3:])
    assert shown["history"]["counts"] == {"DUMPLOG": {"OK": 1}, "DISPLAY_SUMMARY": {"OK": 1}}
    assert len(batch.rows) == 2


def test_a_refusal_is_final_also_for_what_is_done_again() -> None:
    batch = batch_of()
    first, again = (entry("DUMPLOG,ann,log", 1) for _ in range(2))
    assert batch.decide(first) is None
    decide(batch, "ADD,bob,1.00")  # number 1 too: refused, since the number belongs to the first
    assert batch.decide(entry("ADD,ann,1.00", 2)) is None
    assert batch.decide(again) is None
    assert code_of(again.reply) == errors.UNKNOWN_USER
    assert again.reply == first.reply


def test_what_is_stored_with_a_command() -> None:
    """Its body and its reply; none for what is done again, unless it was refused."""
    batch = batch_of(account(), quotes={"ABC": quoted("ABC", 100)})
    lines = ("ADD,ann,1.00", "BUY,ann,ABC,-1.00", "DISPLAY_SUMMARY,ann", "DUMPLOG,ann,log", "DUMPLOG,ann,..")
    replies = decide(batch, *lines)
    kept = {(row.number, body, reply) for row, body, reply in batch.rows}
    none = {3, 4}
    assert kept == {
        (number, line, "" if number in none else reply)
        for number, (line, reply) in enumerate(zip(lines, replies, strict=True), 1)
    }


def test_time_does_not_go_back_for_an_account() -> None:
    ahead, behind = account(timestamp_ms=START_MS + 500), account("bob", timestamp_ms=START_MS - 500)
    asked: list[int] = []
    given = {"ann": ahead, "bob": behind}
    batch = Batch(given, lambda symbol, now_ms: asked.append(now_ms), START_MS)
    decide(batch, "ADD,ann,1.00", "ADD,bob,1.00")
    assert [row.timestamp_ms for row, _, _ in batch.rows] == [START_MS + 500, START_MS]
    for user in given:
        assert batch.decide(entry(f"QUOTE,{user},ABC", 9)) == "ABC"
    assert asked == [START_MS + 500, START_MS]  # a price is as old as the account's time makes it


def test_strangers_are_not_written_and_are_watched() -> None:
    batch = batch_of(account(), quotes={"ABC": quoted("ABC", 100)})
    decide(batch, "QUOTE,bob,ABC", "ADD,ann,1.00", "BUY,b@d,ABC,1.00")
    columns = batch.columns()
    assert columns["stranger_user"] == "bob"
    assert columns["account_user"] == "ann"
    assert columns["row_user"] == "bob\x1fann\x1f"


def test_after_a_commit_versions_count_and_changes_are_forgotten() -> None:
    rich = account()
    batch = batch_of(rich, quotes={"ABC": quoted("ABC", 100)})
    decide(batch, "BUY,ann,ABC,5.00", "COMMIT_BUY,ann", "SET_BUY_AMOUNT,ann,ABC,5.00", "ADD,bob,1.00")
    assert (rich.changed_holdings, rich.changed_triggers) == ({"ABC"}, {("ABC", 1)})
    batch.settle()
    assert (rich.version, batch.accounts["bob"].version) == (6, 1)
    assert (rich.changed_holdings, rich.changed_triggers) == (set(), set())


def test_the_statement_is_given_exactly_what_it_names() -> None:
    named = set(re.findall(r"%\((\w+)\)", queries.load("transaction")["commit_batch"]))
    assert named == batch_of().columns().keys() | {"server"}


def test_every_command_leaves_one_row() -> None:
    batch = batch_of(account())
    lines = [line_of(name) for name in c.ARGUMENTS if name not in {c.QUOTE, c.BUY, c.SELL}]
    decide(batch, *lines)
    assert [row.kind for row, _, _ in batch.rows] == [KIND_COMMAND] * 13
    assert [row.seq for row, _, _ in batch.rows] == list(range(1, 14))


def line_of(command: str) -> str:
    words: dict[str, Any] = {c.USER: "ann", c.SYMBOL: "ABC", c.AMOUNT: "1.00", c.FILENAME: "log"}
    return ",".join((command, *(words[kind] for kind in c.ARGUMENTS[command])))
