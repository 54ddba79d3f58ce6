"""Live events of an account (server-sent events)."""

import re
from typing import Annotated, Final

from apiflask import APIBlueprint
from flask import Response, request
from msgspec import Meta

from webclient.access import TRADER_SELF, access, current
from webclient.parts import parts
from webclient.problems import RATE_LIMITED, UNAVAILABLE
from webclient.schemas import Taken
from webclient.sessions import token_digest
from webclient.stream import Line

blueprint = APIBlueprint("events", __name__, url_prefix="/api", tag="Events")

_MEDIA: Final = "text/event-stream"
_ID = re.compile(r"[0-9]{1,18}\Z")


class From(Taken, frozen=True):
    """Where to go on."""

    last_event_id: (
        Annotated[int, Meta(ge=0, lt=10**18, description="like Last-Event-ID; the greater counts")] | None
    ) = None


@blueprint.get("/users/<user>/events")
@access(TRADER_SELF, query=From, media=_MEDIA, refuses=(RATE_LIMITED, UNAVAILABLE))
def stream_events(user: str, query: From) -> Response:
    """What happens to the account, while it happens, as server-sent events.

    `hello` {user}: everything from here on is told. `account` {}: cash, reserve, orders, triggers or holdings have changed.
    `fire` {symbol, side, price, shares, cash_added, at, number}: a trigger fired. `expiry` {symbol, side, shares, cash_added, at,
    number}: an order was not confirmed in time. `quote` {symbol, price, quoted_at}: a new price of a stock watched, held or
    ordered. Who comes back with Last-Event-ID is told the fires and expiries that were missed.
    """
    told = [number for number in (query.last_event_id, _last_event_id()) if number is not None]
    token = token_digest(current().token)
    stream = parts().hub.open(user, token, max(told, default=None), Line.of(request.environ))
    response = Response(stream, content_type=_MEDIA, headers={"X-Accel-Buffering": "no"})
    response.call_on_close(stream.close)
    return response


def _last_event_id() -> int | None:
    """What a browser that comes back says; anything that is no number of ours is as good as nothing."""
    given = request.headers.get("Last-Event-ID", "")
    return int(given) if _ID.match(given) else None
