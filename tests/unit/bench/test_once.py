"""The judge of "exactly once": it sees a row that is missing, doubled, foreign or different, a cent and a share."""

from collections.abc import Callable

import psycopg
import pytest

from bench import _once
from bench._http import Answer
from bench._traders import DEPOSIT_CENTS, Crowd, Trader
from tests.conftest import Database

pytestmark = pytest.mark.services

TRADERS = [Trader("joe", "", ""), Trader("ann", "", "")]
CROWD = Crowd(TRADERS, "00000000")
BUY = b'{"symbol":"ABC","shares":3,"price":"1.00","cost":"3.00","expires_at":1,"cash":"9.00"}'
COMMIT = b'{"symbol":"ABC","shares":3,"price":"1.00","cost":"3.00","cash":"9.00"}'
ANSWERS = [
    Answer(0, 0, 201, BUY, 1.0), Answer(0, 1, 200, COMMIT, 1.0), Answer(1, 0, 201, BUY, 1.0),
]  # fmt: skip
"""Joe has bought, Ann has not confirmed."""


@pytest.fixture
def admin(database: Database) -> str:
    with psycopg.connect(database.admin_url) as connection:
        for answer in ANSWERS:
            name, user = CROWD.name(answer.lane, answer.place), TRADERS[answer.lane].user
            connection.execute(
                "INSERT INTO session (name) VALUES (%s) ON CONFLICT DO NOTHING", (name.session,)
            )
            connection.execute(
                "INSERT INTO command SELECT session_id, %s, %s, %s FROM session WHERE name = %s",
                (
                    name.number,
                    f"COMMIT_BUY,{user}" if answer.place else f"BUY,{user},ABC,3.00",
                    "OK " + answer.body.decode(),
                    name.session,
                ),
            )
        for user, reserved in (("joe", 0), ("ann", 300)):
            connection.execute(
                "INSERT INTO account SELECT (jsonb_populate_record(NULL::account, %s)).*",
                (account(user, reserved),),
            )
        connection.execute(
            "INSERT INTO holding (username, symbol, shares, reserved_shares) VALUES ('joe', 'ABC', 2, 1), ('joe', 'XYZ', 0, 0)"
        )
    return database.admin_url


def account(user: str, reserved: int) -> str:
    return (
        f'{{"username": "{user}", "version": 1, "cash_cents": {DEPOSIT_CENTS - 300}, "reserved_cents": {reserved},'
        '"timestamp_ms": 1, "seq": 1, "buys": "", "sells": "", "expired": 0, "history": "\\\\x"}'
    )


def judge(url: str) -> _once.Counted:
    return _once.judge(url, [(CROWD, ANSWERS)], TRADERS)


def test_what_happened_once_is_right(admin: str) -> None:
    found = judge(admin)
    assert found == _once.Counted(sent=3, acknowledged=3, rows=3, wrong=[])


def _first() -> str:
    name = CROWD.name(0, 0)
    return f"number = {name.number}"


PLANTED: dict[str, tuple[Callable[[], str], str]] = {
    "a row is missing": (lambda: f"DELETE FROM command WHERE {_first()}", "is there 0 times"),
    "another reply": (lambda: f"UPDATE command SET reply = 'OK {{}}' WHERE {_first()}", "the database says"),
    "refused in truth": (
        lambda: f"UPDATE command SET reply = 'ERR {{}}' WHERE {_first()}",
        "the database says",
    ),
    "a row too many": (
        lambda: "INSERT INTO command SELECT session_id, 1, 'BUY,joe,ABC,3.00', 'OK {}' FROM session LIMIT 1",
        "nobody sent it",
    ),
    "a cent": (lambda: "UPDATE account SET cash_cents = cash_cents + 1 WHERE username = 'joe'", "joe has"),
    "a reserve": (lambda: "UPDATE account SET reserved_cents = 0 WHERE username = 'ann'", "ann has"),
    "no account": (lambda: "DELETE FROM account WHERE username = 'ann'", "ann has None"),
    "a share": (lambda: "UPDATE holding SET shares = 3", "joe bought 3 ABC and holds 4"),
    "no holding": (lambda: "DELETE FROM holding", "joe bought 3 ABC and holds 0"),
    "a strange holding": (lambda: "UPDATE holding SET shares = 1 WHERE symbol = 'XYZ'", "holds 1"),
}


@pytest.mark.parametrize("what", PLANTED)
def test_what_is_wrong_is_seen(admin: str, what: str) -> None:
    statement, sentence = PLANTED[what]
    with psycopg.connect(admin) as connection:
        assert connection.execute(statement().encode()).rowcount > 0
    assert any(sentence in each for each in judge(admin).wrong), judge(admin).wrong


def test_an_answer_that_was_no_success_is_not_acknowledged(admin: str) -> None:
    refused = [Answer(1, 1, 503, b"{}", 1.0)]
    found = _once.judge(admin, [(CROWD, [*ANSWERS, *refused])], TRADERS)
    assert (found.sent, found.acknowledged, found.wrong) == (4, 3, [])
