"""Recognises logs of another convention, and takes back what was only derived from the one that they do not follow.

The deviation itself stays a violation. What it makes underivable is said to be undecided, with the reason: a log that books
a BUY at its COMMIT has no balances that this oracle could judge. One wrong event is no convention: it takes five, and half of
all of its kind.
"""

from typing import Final

from grader.casebook import Casebook
from grader.findings import Findings

MIN_COUNT: Final = 5
SECONDS_FROM: Final = 10**9
SECONDS_UNTIL: Final = 10**11
"""Timestamps in this range are seconds of 2001 to 5138; as milliseconds they would be of 1970 to 1973."""

_OUTCOMES: Final = (
    "wrong-code", "accepted-wrongly", "refused-wrongly", "commit-expired", "commit-older", "move-wrong", "move-extra",
)  # fmt: skip
_EXPIRIES: Final = ("expiry-missing", "expiry-early", "expiry-unknown")
_FIRES: Final = (
    "fire-unarmed", "fire-doubled", "fire-number", "fire-price", "fire-too-small", "fire-missing", "no-trigger-server",
)  # fmt: skip
_AGES: Final = ("price-stale", "fire-stale", "fire-missing", "no-trigger-server")
_HIT_ELSEWHERE: Final = (
    "price-unquoted", "price-stale", "price-redundant", "fire-unquoted", "fire-stale", "fire-missing", "no-trigger-server",
)  # fmt: skip


def demote_underivable(book: Casebook, effects: int, loose: int) -> None:
    """Makes undecided what the log's own convention does not let the oracle derive.

    `effects`: events that a command caused; `loose`: those of them that do not stand under it.
    """
    findings = book.findings
    derived = _OUTCOMES + _EXPIRIES + _FIRES
    if _usual(loose, effects):
        because = f"{loose} of {effects} effects do not stand under their command with its timestamp"
        findings.demote(
            (*derived, "move-missing", "price-missing", "price-unquoted", "price-stale", "price-redundant",
             "fire-unquoted", "fire-stale"),
            because,
        )  # fmt: skip
    if _usual(book.unpriced, book.priced):
        because = f"{book.unpriced} of {book.priced} uses of a price do not name it"
        findings.demote((*derived, "move-missing"), because)
    if _usual(book.unquoted, book.priced):
        because = f"{book.unquoted} of {book.priced} prices used have no hit: funds of a systemEvent seem to be no price"
        findings.demote((*derived, "move-missing", "price-stale", "fire-stale"), because)
    if _usual(book.bought_free, book.bought):
        because = (
            f"{book.bought_free} of {book.bought} BUYs move no cash: this system seems to book at the COMMIT"
        )
        findings.demote(derived, because)
    if _usual(book.codeless, book.errors):
        because = f"{book.codeless} of {book.errors} errorMessages begin with no code"
        findings.undecided("whether refusals had the right code", because, book.codeless)
    if _usual(book.quotes.skewed, book.quotes.hits):
        because = (
            f"{book.quotes.skewed} of {book.quotes.hits} quoteServerTimes are far from the timestamps of their events: two "
            "clocks, and so no ages"
        )
        findings.demote(_AGES, because)


def demote_seconds(findings: Findings, largest_ms: int) -> None:
    """A log whose timestamps are seconds has no ages."""
    if SECONDS_FROM <= largest_ms < SECONDS_UNTIL:
        text = f"the timestamps, up to {largest_ms}, are seconds and not milliseconds"
        findings.violation("seconds", text)
        findings.demote((*_AGES, *_EXPIRIES, "commit-expired"), "the timestamps are not milliseconds")


def demote_users_dump(findings: Findings) -> None:
    """In one user's dump a price used may be of a hit that stands under another user."""
    findings.demote(_HIT_ELSEWHERE, "the log is one user's dump: a hit may stand under another user")


def _usual(count: int, of: int) -> bool:
    return count >= MIN_COUNT and 2 * count >= of
