"""The numbers that stand for commands in the database: stored for ever, so they are spelled out here once more."""

from core.commands import ARGUMENTS, CODES, REPEATABLE


def test_the_codes_in_the_database_never_change() -> None:
    assert dict(CODES) == {
        "ADD": 1, "QUOTE": 2, "BUY": 3, "COMMIT_BUY": 4, "CANCEL_BUY": 5, "SELL": 6, "COMMIT_SELL": 7, "CANCEL_SELL": 8,
        "SET_BUY_AMOUNT": 9, "CANCEL_SET_BUY": 10, "SET_BUY_TRIGGER": 11, "SET_SELL_AMOUNT": 12,
        "SET_SELL_TRIGGER": 13, "CANCEL_SET_SELL": 14, "DUMPLOG": 15, "DISPLAY_SUMMARY": 16,
    }  # fmt: skip
    assert CODES.keys() == ARGUMENTS.keys()


def test_what_is_done_again() -> None:
    assert {"DISPLAY_SUMMARY", "DUMPLOG"} == REPEATABLE
