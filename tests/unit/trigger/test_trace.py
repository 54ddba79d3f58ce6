"""Which triggers a server writes down as fired, by whose key; on a real database."""

import json

import pytest

from db import keys
from db.fires import Candidate
from quotecache.freshness import Asker
from quotecache.trace import Trace as QuoteTrace
from tests.conftest import Database
from tests.unit.trigger.bank import BUY, SELL, Bank, Order, connect, quote, run
from trigger.trace import Trace

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("log_on_standard_output")]
GROUP = [
    Candidate("ann", "ABC", BUY, quote("ABC", 300, 1)),
    Candidate("bob", "ABC", SELL, quote("ABC", 300, 1)),
]


def said(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(line["event"], line["key"], line["side"]) for line in lines]


ANN, BOB = ("ann", "ABC", BUY), ("bob", "ABC", SELL)


@pytest.mark.parametrize(
    ("before", "after", "count", "expected"),
    [
        ({ANN: "s/1", BOB: "s/2"}, {BOB: "s/2"}, 1, [("fired", "s/1", "buy")]),
        ({ANN: "s/1", BOB: "s/2"}, {}, 2, [("fired", "s/1", "buy"), ("fired", "s/2", "sell")]),
        ({ANN: "s/1", BOB: "s/2"}, {ANN: "s/9"}, 2, [("fired", "s/1", "buy"), ("fired", "s/2", "sell")]),
        ({ANN: "s/1", BOB: "s/2"}, {}, 1, [("fired or cancelled", "s/1", "buy"), ("fired or cancelled", "s/2", "sell")]),
        ({ANN: "s/1"}, {}, 1, [("fired", "s/1", "buy")]),
    ],
)  # fmt: skip
def test_who_is_gone_was_fired_unless_more_are_gone(
    before: keys.Armed, after: keys.Armed, count: int, expected: object, capsys: pytest.CaptureFixture[str]
) -> None:
    Trace(QuoteTrace()).fired(before, after, GROUP, count)
    assert said(capsys) == expected


def test_keys_are_those_of_the_commands_that_armed(database: Database) -> None:
    async def body() -> None:
        async with await connect(database.admin_url) as admin:
            bank = Bank(database, admin)
            await bank.armed(Order("ann", "ABC", BUY, 300, 900))
            row = await (await admin.execute("SELECT session_id, number FROM trigger_order")).fetchone()
            assert row is not None
            await admin.execute(
                "INSERT INTO session (session_id, name) OVERRIDING SYSTEM VALUE VALUES (%s, 'morning') ON CONFLICT DO NOTHING",
                (row[0],),
            )
            names = await keys.session_names(admin, [row[0]])
            async with await connect(database.url("daytrade_trigger")) as own:
                quotes = QuoteTrace()
                trace = Trace(quotes)
                assert await trace.armed(own, GROUP) == {ANN: f"{names[row[0]]}/{row[1]}"}
                assert quotes.key(row[0], 5) == f"#{row[0]}/5"
                await trace.asked(own, [Asker("ABC", "ann", row[0], row[1])])
                assert quotes.key(row[0], 5) == f"{names[row[0]]}/5"

    run(body())
