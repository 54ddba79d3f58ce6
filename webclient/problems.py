"""What can go wrong, as problem details (RFC 9457): every code with its status, its title and what to do about it.

The codes of commands.md keep their names; the others are the web's own.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from msgspec import UNSET, Struct, UnsetType

from core import errors


class Kind(Struct, frozen=True):
    """One kind of problem."""

    status: int
    title: str
    advice: str


UNAUTHENTICATED: Final = "UNAUTHENTICATED"
CSRF: Final = "CSRF"
NOT_FOUND: Final = "NOT_FOUND"
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"
NAME_TAKEN: Final = "NAME_TAKEN"
TOO_LARGE: Final = "TOO_LARGE"
WATCHLIST_FULL: Final = "WATCHLIST_FULL"
UNSUPPORTED_MEDIA_TYPE: Final = "UNSUPPORTED_MEDIA_TYPE"
WEAK_PASSWORD: Final = "WEAK_PASSWORD"  # noqa: S105 (a code)
RATE_LIMITED: Final = "RATE_LIMITED"
LOCKED_OUT: Final = "LOCKED_OUT"
UNAVAILABLE: Final = "UNAVAILABLE"
INTERNAL: Final = "INTERNAL"

TABLE: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        errors.BAD_REQUEST: Kind(400, "The request is not well formed", "Send what the API's description asks for."),
        errors.BAD_AMOUNT: Kind(
            400, "Not an amount", "Give an amount over zero with at most two decimals, such as 250 or 99.95."
        ),
        errors.BAD_SYMBOL: Kind(400, "Not a stock symbol", "A symbol has one to three letters, such as ABC."),
        errors.BAD_USER: Kind(
            400, "Not a user name", "A user name has 1 to 64 letters, digits, dots, hyphens and underscores."
        ),
        errors.BAD_FILENAME: Kind(
            400, "Not a file name", "A file name has 1 to 128 letters, digits, dots, hyphens and underscores."
        ),
        UNAUTHENTICATED: Kind(401, "Not logged in", "Log in and try again."),
        errors.FORBIDDEN: Kind(403, "Not yours to see or do", "Use your own account, or ask a supervisor."),
        CSRF: Kind(403, "The request does not come from this page", "Load the page again and repeat what you did."),
        NOT_FOUND: Kind(404, "Nothing here", "Check the address."),
        METHOD_NOT_ALLOWED: Kind(405, "Not possible here", "Use one of the methods that the Allow header names."),
        errors.UNKNOWN_USER: Kind(409, "No account yet", "Deposit money first: that opens the account."),
        errors.INSUFFICIENT_FUNDS: Kind(409, "Not enough cash", "Deposit money, or buy for less."),
        errors.INSUFFICIENT_SHARES: Kind(409, "Not enough shares", "Sell at most what you hold and have not reserved."),
        errors.TOO_SMALL: Kind(409, "Less than one share", "Name an amount of at least the price of one share."),
        errors.NOTHING_PENDING: Kind(409, "Nothing to confirm or cancel", "Place the order again."),
        errors.EXPIRED: Kind(409, "The order is over 60 seconds old", "Place it again and confirm within a minute."),
        errors.NO_AMOUNT_SET: Kind(409, "No amount set", "Set the trigger's amount first, then its price."),
        errors.NOT_SET: Kind(409, "No such trigger", "It has fired or was cancelled: look at your triggers."),
        NAME_TAKEN: Kind(409, "The name is taken", "Choose another user name."),
        WATCHLIST_FULL: Kind(409, "The watch list is full", "Take a stock off the list first."),
        TOO_LARGE: Kind(413, "Too large", "Send at most 64 KiB."),
        UNSUPPORTED_MEDIA_TYPE: Kind(415, "Not JSON", "Send JSON, with Content-Type: application/json."),
        errors.REUSED_NUMBER: Kind(
            422, "The key was used for something else", "Use a new Idempotency-Key for every new action."
        ),
        WEAK_PASSWORD: Kind(422, "The password is too easy to guess", "Choose another, longer or less common one."),
        RATE_LIMITED: Kind(429, "Too many requests", "Wait a moment and try again."),
        LOCKED_OUT: Kind(429, "Too many failed log-ins", "Wait as long as the Retry-After header says, then try again."),
        errors.QUOTE_UNAVAILABLE: Kind(503, "No price at the moment", "Try again in a moment."),
        errors.BUSY: Kind(503, "Busy", "Send it again with the same Idempotency-Key: it is done at most once."),
        UNAVAILABLE: Kind(503, "Out of order at the moment", "Try again in a moment."),
        INTERNAL: Kind(500, "A mistake of ours", "Try again; if it stays, tell the operator the time and the request's id."),
    }
)  # fmt: skip

STATUSES: Final = frozenset(kind.status for kind in TABLE.values())
MEDIA_TYPE: Final = "application/problem+json"


class Problem(Exception):
    """A refusal or failure that the client is told, by a code of TABLE."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Mapping[str, list[str]] | None = None,
        retry_after_s: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`detail` says what is wrong this time; `errors` are sentences by field; `retry_after_s` becomes Retry-After."""
        super().__init__(code, detail)
        self.code = code
        self.kind = TABLE[code]
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(max(1, retry_after_s))
        elif self.kind.status in {429, 503}:
            self.headers["Retry-After"] = "1"


class ProblemDetails(Struct, frozen=True):
    """Problem details as they are sent."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    advice: str
    instance: str
    errors: dict[str, list[str]] | UnsetType = UNSET


def details(problem: Problem, path: str) -> ProblemDetails:
    """The body that tells of a problem at that path."""
    return ProblemDetails(
        type=f"/problems/{problem.code}",
        title=problem.kind.title,
        status=problem.kind.status,
        detail=problem.detail or problem.kind.title,
        code=problem.code,
        advice=problem.kind.advice,
        instance=path,
        errors=dict(problem.errors) if problem.errors else UNSET,
    )


def of_status(status: int, headers: Mapping[str, Any] | None = None) -> Problem:
    """The problem for a status that a library chose; an unknown one counts as a bad request or as our own mistake."""
    own = {401: UNAUTHENTICATED, 403: errors.FORBIDDEN, 404: NOT_FOUND, 405: METHOD_NOT_ALLOWED, 413: TOO_LARGE,
           415: UNSUPPORTED_MEDIA_TYPE, 429: RATE_LIMITED, 503: UNAVAILABLE}  # fmt: skip
    code = own.get(status, errors.BAD_REQUEST if 400 <= status < 500 else INTERNAL)
    return Problem(code, headers=headers)
