"""What only a supervisor may see and do."""

from typing import Annotated, Final

import msgspec
from apiflask import APIBlueprint
from flask import Response, request
from msgspec import Meta, Struct
from werkzeug.wsgi import wrap_file

from core import commands as c
from core.errors import BAD_FILENAME, BUSY, FORBIDDEN, UNKNOWN_USER
from core.limits import MAX_USERS_PAGE
from core.money import format_known
from db import queries
from webclient import dumps, trade
from webclient.access import SUPERVISOR, access, current
from webclient.api.history import CSV, Filter, HistoryPage, Paged, attachment, page, walk, wanted
from webclient.commands import Command
from webclient.dumps import DumpFile
from webclient.parts import parts
from webclient.problems import NOT_FOUND, UNAVAILABLE, Problem
from webclient.replies import Money, Time
from webclient.schemas import Taken, UserName
from webclient.store import connection
from webclient.tiers import Overview

blueprint = APIBlueprint("supervisor", __name__, url_prefix="/api/supervisor", tag="Supervisor")

_SQL: Final = queries.load("web_supervisor")
_XML: Final = "application/xml"
Part = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9_.-]{0,64}\Z", max_length=64, description="of a user's name, in any case")
]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,128}\Z", max_length=128)]


class UserSearch(Taken, frozen=True):
    """Which users."""

    search: Part = ""
    after: Annotated[Part, Meta(description="`next` of the page before")] = ""
    limit: Annotated[int, Meta(ge=1, le=MAX_USERS_PAGE)] = 50


class User(Struct, frozen=True):
    """A log-in, a trading account, or both: without a log-in `role` is null, without an account `cash`."""

    user: str
    role: str | None
    created_at: Time | None
    last_login_at: Time | None
    disabled: bool
    cash: Money | None
    reserved: Money | None


class Users(Struct, frozen=True):
    """By name; `next` is where the next page begins, null when there is none."""

    users: list[User]
    next: str | None


class Change(Taken, frozen=True):
    """Whether the user may not log in."""

    disabled: bool


class AnyFilter(Filter, frozen=True, kw_only=True):
    """Which entries, of whom; of everybody unless a user is named."""

    user: UserName | None = None


class AnyPaged(Paged, frozen=True, kw_only=True):
    """Which entries, of whom, and from where on."""

    user: UserName | None = None


class DumpRequest(Taken, frozen=True):
    """A log of everybody, or of one user."""

    filename: FileName
    user: UserName | None = None


class WrittenDump(Struct, frozen=True):
    """A log that was written, and where to get it."""

    filename: str
    events: Annotated[int, Meta(ge=0)]
    url: str


class Dumps(Struct, frozen=True):
    """The logs that there are, the newest first."""

    dumps: list[DumpFile]


@blueprint.get("/users")
@access(SUPERVISOR, query=UserSearch, gives=Users, refuses=(UNAVAILABLE,))
def find_users(query: UserSearch) -> Users:
    """Everybody who can log in or has a trading account, by name."""
    wanted_rows = {"search": query.search.lower(), "after": query.after, "most": query.limit + 1}
    with connection() as one:
        rows = one.execute(_SQL["users"], wanted_rows).fetchall()
    users = [_user(row) for row in rows[: query.limit]]
    return Users(users, users[-1].user if len(rows) > query.limit else None)


@blueprint.patch("/users/<user>")
@access(SUPERVISOR, body=Change, gives=User, refuses=(NOT_FOUND, FORBIDDEN, UNAVAILABLE))
def change_user(user: str, body: Change) -> User:
    """Let nobody log in by that name any more, or again. Disabling ends all sessions of the user."""
    if user == current().user:
        raise Problem(FORBIDDEN, "Nobody can disable themselves: ask another supervisor.")
    if not parts().accounts.set_disabled(user, body.disabled):
        raise Problem(NOT_FOUND, "Nobody can log in by that name.")
    if body.disabled:
        parts().sessions.end_others(user)
    with connection() as one:
        row = one.execute(_SQL["user"], {"user": user}).fetchone()
    if row is None:
        raise Problem(NOT_FOUND)
    return _user(row)


@blueprint.get("/tiers")
@access(SUPERVISOR, gives=Overview)
def show_tiers() -> Overview:
    """How all tiers are. Counts grow from each tier's start: rates are differences."""
    return parts().tiers.look()


@blueprint.get("/history")
@access(SUPERVISOR, query=AnyPaged, gives=HistoryPage, refuses=(UNAVAILABLE,))
def show_everything(query: AnyPaged) -> HistoryPage:
    """What anybody did and what happened to them, newest first."""
    return page(walk(wanted(query.user, query), query.before), query.limit)


@blueprint.get("/history.csv")
@access(SUPERVISOR, query=AnyFilter, media=CSV, refuses=(UNAVAILABLE,))
def download_everything(query: AnyFilter) -> Response:
    """The same as a CSV file: the newest 100,000 entries."""
    return attachment(walk(wanted(query.user, query)), f"history-{query.user or 'all'}.csv")


@blueprint.post("/dumps")
@access(
    SUPERVISOR, body=DumpRequest, gives=WrittenDump, status=201, refuses=(BAD_FILENAME, UNKNOWN_USER, BUSY)
)
def write_dump(body: DumpRequest) -> WrittenDump:
    """DUMPLOG: writes the audit log of everybody, or of one user, as XML. A file of that name is replaced."""
    if not dumps.is_dump(body.filename):
        raise Problem(BAD_FILENAME, "A log cannot have this name.")
    reply = trade.read(Command(c.DUMPLOG, body.user or "", filename=body.filename))
    events = msgspec.json.decode(reply, type=_Written).events
    return WrittenDump(body.filename, events, f"/api/supervisor/dumps/{body.filename}")


@blueprint.get("/dumps")
@access(SUPERVISOR, gives=Dumps)
def list_dumps() -> Dumps:
    """The newest 1,000 logs that there are."""
    return Dumps(dumps.listed(parts().settings.log_dir))


@blueprint.get("/dumps/<filename>")
@access(SUPERVISOR, media=_XML, refuses=(NOT_FOUND,))
def download_dump(filename: str) -> Response:
    """One log."""
    file = dumps.opened(parts().settings.log_dir, filename)
    if file is None:
        raise Problem(NOT_FOUND, "There is no such log.")
    headers = {
        "Content-Length": str(file.seek(0, 2)),
        "Content-Disposition": f'attachment; filename="{filename}"',
    }
    file.seek(0)
    return Response(
        wrap_file(request.environ, file), headers=headers, content_type=_XML, direct_passthrough=True
    )


class _Written(Struct):
    """DUMPLOG's reply."""

    events: int


def _user(row: tuple[str, str | None, int | None, int | None, bool, int | None, int | None]) -> User:
    name, role, created, last_login, disabled, cash, reserved = row
    return User(name, role, created, last_login, disabled, format_known(cash), format_known(reserved))
