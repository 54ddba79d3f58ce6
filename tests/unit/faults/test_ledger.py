"""What the ledger knows of each request: a client, a system and a line between them that may be cut."""

from faults.ledger import MAX_CONTRADICTIONS, Ledger

BUSY = b'[1] ERR {"code":"BUSY","message":"later"}\n'


def test_acknowledged_and_refused() -> None:
    ledger = Ledger()
    ledger.sent(1, b"SESSION s\n[1] ADD,a,1.00\n[2] BUY,a,ABC,5.00\n")
    assert sorted(ledger.outstanding) == [1, 2]
    ledger.answered(1, b'SESSION OK\n[1] OK {"cash":"1.00"}\n[2] ERR {"code":"INSUFFICIENT_FUNDS"}\n')
    assert (ledger.acknowledged, ledger.refused, ledger.outstanding) == (1, 1, [])
    assert ledger.unanswered == set()


def test_what_was_outstanding_on_a_lost_connection_is_unknown_until_it_was_asked_again() -> None:
    ledger = Ledger()
    ledger.sent(1, b"[1] ADD,a,1.00\n[2] ADD,a,1.00\n")
    ledger.answered(1, b'[1] OK {"cash":"1.00"}\n')
    ledger.lost(1)
    assert ledger.unknown == {2}
    assert ledger.unanswered == {2}
    ledger.sent(2, b"[2] ADD,a,1.00\n")
    ledger.answered(2, b'[2] OK {"cash":"2.00"}\n')
    assert (ledger.unknown, ledger.ever_unknown, ledger.resent, ledger.contradiction_count) == (
        set(),
        1,
        1,
        0,
    )


def test_two_different_replies_to_one_number_are_a_contradiction() -> None:
    ledger = Ledger()
    for connection, cash in ((1, b"1.00"), (2, b"2.00")):
        ledger.sent(connection, b"[1] ADD,a,1.00\n")
        ledger.answered(connection, b'[1] OK {"cash":"%b"}\n' % cash)
    assert ledger.contradiction_count == 1
    assert "[1]" in ledger.contradictions[0]


def test_a_summary_may_differ_when_it_is_asked_again() -> None:
    ledger = Ledger()
    for connection, cash in ((1, b"1.00"), (2, b"2.00")):
        ledger.sent(connection, b"[1] DISPLAY_SUMMARY,a\n")
        ledger.answered(connection, b'[1] OK {"cash":"%b"}\n' % cash)
    assert ledger.contradiction_count == 0
    assert ledger.done_again(1)


def test_busy_is_not_final() -> None:
    ledger = Ledger()
    ledger.sent(1, b"[1] ADD,a,1.00\n")
    ledger.answered(1, BUSY)
    assert (ledger.busy, ledger.replies, ledger.unanswered) == (1, {}, {1})
    ledger.sent(1, b"[1] ADD,a,1.00\n")
    ledger.answered(1, b'[1] OK {"cash":"1.00"}\n')
    assert (ledger.unanswered, ledger.contradiction_count) == (set(), 0)


def test_a_reply_to_nothing_is_a_contradiction() -> None:
    """Made up, given twice, or on the wrong connection; of very many only some are kept."""
    ledger = Ledger()
    ledger.sent(1, b"[1] ADD,a,1.00\n")
    ledger.answered(2, b'[1] OK {"cash":"1.00"}\n')
    ledger.answered(1, b'[1] OK {"cash":"1.00"}\n[1] OK {"cash":"1.00"}\n')
    ledger.answered(1, b'[7] OK {"cash":"1.00"}\n' * 100)
    assert ledger.contradiction_count == 102
    assert len(ledger.contradictions) == MAX_CONTRADICTIONS
