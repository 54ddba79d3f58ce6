"""The columns that hold whole values can be read back as what they were."""

from core.commands import CODES
from tests.simulation.batches import parts
from tests.unit.transaction.desk import START_MS, pending
from transaction.account import BUY_SIDE, Account, Holding, TriggerOrder, decode_history
from transaction.columns import account_columns, trigger_columns
from transaction.pendings import Pendings, decode_pendings


def test_pendings_and_history_come_back() -> None:
    ann, bob = Account("ann"), Account("bob")
    buys, sells = [pending(shares=1), pending("XYZ", 2)], [pending("Q", 9)]
    ann.buys, bob.sells = Pendings(buys), Pendings(sells)
    ann.history.record(1, CODES["ADD"], "", 100, "", START_MS)
    bob.history.record(2, CODES["BUY"], "ABC", 5, "TOO_SMALL", START_MS)
    columns = account_columns([bob, ann])
    assert [decode_pendings(text) for text in parts(columns["account_buys"])] == [buys, []]
    assert [decode_pendings(text) for text in parts(columns["account_sells"])] == [[], sells]
    histories = [decode_history(bytes.fromhex(text)) for text in parts(columns["account_history"])]
    assert [one.counts for one in histories] == [ann.history.counts, bob.history.counts]
    assert [one.recent for one in histories] == [ann.history.recent, bob.history.recent]


def test_an_armed_order_is_written_whole() -> None:
    account = Account("ann")
    account.holdings["ABC"] = Holding(1, 0)
    account.triggers = {("ABC", BUY_SIDE): TriggerOrder(700, 350, 2, 8, 9, START_MS)}
    account.changed_triggers = {("ABC", BUY_SIDE)}
    found = {name: parts(column) for name, column in trigger_columns([account]).items()}
    assert found == {
        "trigger_user": ["ann"], "trigger_symbol": ["ABC"], "trigger_side": [1], "trigger_amount": [700],
        "trigger_price": [350], "trigger_shares": [2], "trigger_session": [8], "trigger_number": [9],
        "trigger_armed": [START_MS],
    }  # fmt: skip
