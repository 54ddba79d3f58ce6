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


_EVERYTHING: Final = "outcomes, balances, expiries and fires"


def demote_underivable(book: Casebook, effects: int, loose: int) -> None:
    """Makes undecided what the log's own convention does not let the oracle derive.

    `effects`: events that a command caused; `loose`: those of them that do not stand under it.
    """
    derived = _OUTCOMES + _EXPIRIES + _FIRES
    quotes = book.quotes
    if _usual(loose, effects):
        because = f"{loose} of {effects} effects do not stand under their command with its timestamp"
        _take_back(
            book,
            (*derived, "move-missing", "price-missing", *_HIT_ELSEWHERE),
            "prices, " + _EVERYTHING,
            because,
        )
    if _usual(book.unpriced, book.priced):
        because = f"{book.unpriced} of {book.priced} uses of a price do not name it"
        _take_back(book, (*derived, "move-missing"), _EVERYTHING, because)
    if _usual(book.unquoted, book.priced):
        because = f"{book.unquoted} of {book.priced} prices used have no hit: funds of a systemEvent seem to be no price"
        _take_back(book, (*derived, "move-missing", "price-stale", "fire-stale"), _EVERYTHING, because)
    if _usual(book.bought_free, book.bought):
        because = (
            f"{book.bought_free} of {book.bought} BUYs move no cash: this system seems to book at the COMMIT"
        )
        _take_back(book, derived, _EVERYTHING, because)
    if _usual(book.codeless, book.errors):
        because = f"{book.codeless} of {book.errors} errorMessages begin with no code"
        book.findings.undecided("whether refusals had the right code", because, book.codeless)
    if _usual(quotes.skewed, quotes.hits):
        because = (
            f"{quotes.skewed} of {quotes.hits} quoteServerTimes are far from the timestamps of their events: there are two "
            "clocks, and so no ages"
        )
        _take_back(book, _AGES, "ages of quotes", because)


def demote_seconds(findings: Findings, largest_ms: int) -> None:
    """A log whose timestamps are seconds has no ages."""
    if SECONDS_FROM <= largest_ms < SECONDS_UNTIL:
        text = f"the timestamps, up to {largest_ms}, are seconds and not milliseconds"
        findings.violation("seconds", text)
        findings.demote((*_AGES, *_EXPIRIES, "commit-expired"), "ages", "the timestamps are not milliseconds")


def demote_users_dump(findings: Findings) -> None:
    """In one user's dump a price used may be of a hit that stands under another user."""
    because = "the log is one user's dump: a hit may stand under another user"
    findings.demote(_HIT_ELSEWHERE, "prices without a live hit in the log", because)


def _take_back(book: Casebook, rules: tuple[str, ...], what: str, because: str) -> None:
    """Says that `what` is undecided, also when nothing was found against it."""
    if not book.findings.demote(rules, what, because):
        book.findings.undecided(what, because, book.commands.total())


def _usual(count: int, of: int) -> bool:
    return count >= MIN_COUNT and 2 * count >= of
