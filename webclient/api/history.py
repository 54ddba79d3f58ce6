"""What a user did and what happened to them, from the audit log; as pages and as a file."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

from apiflask import APIBlueprint
from flask import Response
from msgspec import Meta, Struct

from core.limits import MAX_HISTORY_PAGE, MAX_HISTORY_ROWS
from webclient import sheet
from webclient.access import OWNER_OR_SUPERVISOR, TRADER, access, current
from webclient.history import EVER_MS, PLACE_PATTERN, Entry, Place, Walk, Wanted
from webclient.parts import parts
from webclient.problems import UNAVAILABLE
from webclient.schemas import Symbol, Taken

blueprint = APIBlueprint("history", __name__, url_prefix="/api", tag="History")

CSV: Final = "text/csv"
_CHUNK: Final = 1_000
"""Rows that are fetched and sent at a time."""

CommandName = Literal[
    "ADD", "QUOTE", "BUY", "COMMIT_BUY", "CANCEL_BUY", "SELL", "COMMIT_SELL", "CANCEL_SELL",
    "SET_BUY_AMOUNT", "CANCEL_SET_BUY", "SET_BUY_TRIGGER", "SET_SELL_AMOUNT", "SET_SELL_TRIGGER", "CANCEL_SET_SELL",
    "DUMPLOG", "DISPLAY_SUMMARY",
]  # fmt: skip
Moment = Annotated[int, Meta(ge=0, le=EVER_MS)]
Outcome = Annotated[
    str, Meta(pattern=r"^[A-Z_]{1,32}\Z", description="OK, or the code of a refusal", examples=["OK"])
]
Cursor = Annotated[str, Meta(pattern=PLACE_PATTERN, max_length=140, description="`next` of the page before")]
PageSize = Annotated[int, Meta(ge=1, le=MAX_HISTORY_PAGE)]


class Filter(Taken, frozen=True, rename={"since": "from", "until": "to"}, kw_only=True):
    """Which entries; all that are given must hold."""

    command: CommandName | None = None
    outcome: Outcome | None = None
    symbol: Symbol | None = None
    since: Annotated[Moment, Meta(description="ms since 1970; entries of that time and later")] = 0
    until: Annotated[Moment, Meta(description="ms since 1970; entries before that time")] = EVER_MS
    lookups: Annotated[bool, Meta(description="false: without QUOTE, DISPLAY_SUMMARY and DUMPLOG")] = True


class Paged(Filter, frozen=True, kw_only=True):
    """Which entries, and from where on."""

    before: Cursor | None = None
    limit: PageSize = 50


class HistoryPage(Struct, frozen=True):
    """Entries, newest first. A page may be short, even empty, while `next` says where to go on; null: there are no more."""

    entries: list[Entry]
    next: str | None


@blueprint.get("/users/<user>/history")
@access(OWNER_OR_SUPERVISOR, query=Paged, gives=HistoryPage, refuses=(UNAVAILABLE,))
def show_history(user: str, query: Paged) -> HistoryPage:
    """What the user did and what happened to them, newest first."""
    return page(walk(wanted(user, query), query.before), query.limit)


@blueprint.get("/users/<user>/history.csv")
@access(OWNER_OR_SUPERVISOR, query=Filter, media=CSV, refuses=(UNAVAILABLE,))
def download_history(user: str, query: Filter) -> Response:
    """The same as a CSV file: the newest 100,000 entries."""
    return attachment(walk(wanted(user, query)), f"history-{user}.csv")


def wanted(user: str | None, query: Filter) -> Wanted:
    """What the query asks for, of one user or (None) of all."""
    return Wanted(
        user=user,
        since_ms=query.since,
        before_ms=query.until,
        command=query.command,
        symbol=query.symbol.upper() if query.symbol else None,
        outcome=query.outcome,
        lookups=query.lookups,
    )


def walk(what: Wanted, cursor: str | None = None) -> Walk:
    """The way through it, for whoever is logged in."""
    place = Place.parse(cursor) if cursor else None
    return Walk(parts().pool, what, parts().clock.now_ms(), place, own=current().role == TRADER)


def page(way: Walk, limit: int) -> HistoryPage:
    """The next page. Raises Problem."""
    entries = way.take(limit)
    return HistoryPage(entries, None if way.done else way.place.text())


def attachment(way: Walk, name: str) -> Response:
    """All of it as a file to be saved, sent while it is read. Raises Problem while the database is away."""
    first = way.take(_CHUNK)
    response = Response(_csv(way, first), content_type=f"{CSV}; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _csv(way: Walk, first: list[Entry]) -> Iterator[Any]:
    yield sheet.header() + sheet.lines(first)
    sent = len(first)
    while sent < MAX_HISTORY_ROWS and not way.done:
        found = way.take(min(_CHUNK, MAX_HISTORY_ROWS - sent))
        sent += len(found)
        yield sheet.lines(found)
