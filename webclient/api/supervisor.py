"""What only a supervisor may see and do."""

from apiflask import APIBlueprint
from flask import Response

from webclient.access import SUPERVISOR, access
from webclient.api.history import CSV, Filter, History, Paged, attachment, page, walk, wanted
from webclient.problems import UNAVAILABLE
from webclient.schemas import UserName

blueprint = APIBlueprint("supervisor", __name__, url_prefix="/api/supervisor", tag="Supervisor")


class AnyFilter(Filter, frozen=True, kw_only=True):
    """Which entries, of whom; of everybody unless a user is named."""

    user: UserName | None = None


class AnyPaged(Paged, frozen=True, kw_only=True):
    """Which entries, of whom, and from where on."""

    user: UserName | None = None


@blueprint.get("/history")
@access(SUPERVISOR, query=AnyPaged, gives=History, refuses=(UNAVAILABLE,))
def show_everything(query: AnyPaged) -> History:
    """What anybody did and what happened to them, newest first."""
    return page(walk(wanted(query.user, query), query.before), query.limit)


@blueprint.get("/history.csv")
@access(SUPERVISOR, query=AnyFilter, media=CSV, refuses=(UNAVAILABLE,))
def download_everything(query: AnyFilter) -> Response:
    """The same as a CSV file: the newest 100,000 entries."""
    return attachment(walk(wanted(query.user, query)), f"history-{query.user or 'all'}.csv")
