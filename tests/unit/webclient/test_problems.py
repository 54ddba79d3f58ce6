"""Problem details: every code, its status, and what is told."""

import msgspec
import pytest

from core import errors
from webclient.problems import STATUSES, TABLE, Problem, details, of_status

BY_STATUS = {
    400: {"BAD_REQUEST", "BAD_AMOUNT", "BAD_SYMBOL", "BAD_USER", "BAD_FILENAME"},
    401: {"UNAUTHENTICATED"},
    403: {"FORBIDDEN", "CSRF"},
    404: {"NOT_FOUND"},
    405: {"METHOD_NOT_ALLOWED"},
    409: {"UNKNOWN_USER", "INSUFFICIENT_FUNDS", "INSUFFICIENT_SHARES", "TOO_SMALL", "NOTHING_PENDING", "EXPIRED",
          "NO_AMOUNT_SET", "NOT_SET", "NAME_TAKEN", "WATCHLIST_FULL"},
    413: {"TOO_LARGE"},
    415: {"UNSUPPORTED_MEDIA_TYPE"},
    422: {"REUSED_NUMBER", "WEAK_PASSWORD"},
    429: {"RATE_LIMITED", "LOCKED_OUT"},
    500: {"INTERNAL"},
    503: {"QUOTE_UNAVAILABLE", "BUSY", "UNAVAILABLE"},
}  # fmt: skip


def test_every_code_has_its_status() -> None:
    found: dict[int, set[str]] = {}
    for code, kind in TABLE.items():
        found.setdefault(kind.status, set()).add(code)
    assert found == BY_STATUS
    assert set(BY_STATUS) == STATUSES


def test_every_refusal_of_the_tiers_is_known() -> None:
    """All but UNKNOWN_COMMAND, which no request of ours can bring about."""
    assert errors.CODES - set(TABLE) == {errors.UNKNOWN_COMMAND}


@pytest.mark.parametrize("code", TABLE)
def test_every_code_says_what_to_do(code: str) -> None:
    kind = TABLE[code]
    assert kind.title
    assert kind.advice.endswith(".")


def test_what_is_told() -> None:
    problem = Problem("INSUFFICIENT_FUNDS", "cash 10.00 is less than 100.00")
    told = msgspec.json.decode(msgspec.json.encode(details(problem, "/api/users/a/buys")))
    assert told == {
        "type": "/problems/INSUFFICIENT_FUNDS",
        "title": "Not enough cash",
        "status": 409,
        "detail": "cash 10.00 is less than 100.00",
        "code": "INSUFFICIENT_FUNDS",
        "advice": "Deposit money, or buy for less.",
        "instance": "/api/users/a/buys",
    }
    fields = details(Problem("BAD_REQUEST", errors={"amount": ["Expected str"]}), "/")
    assert fields.errors == {"amount": ["Expected str"]}
    assert fields.detail == fields.title


def test_when_to_come_back() -> None:
    assert Problem("RATE_LIMITED").headers == {"Retry-After": "1"}
    assert Problem("LOCKED_OUT", retry_after_s=30).headers == {"Retry-After": "30"}
    assert Problem("BUSY", retry_after_s=0).headers == {"Retry-After": "1"}
    assert Problem("UNAVAILABLE").headers == {"Retry-After": "1"}
    assert Problem("NOT_FOUND").headers == {}


def test_it_says_in_a_log_what_is_the_matter() -> None:
    assert str(Problem("BUSY", "nobody answers")) == "('BUSY', 'nobody answers')"


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "BAD_REQUEST"), (401, "UNAUTHENTICATED"), (402, "BAD_REQUEST"), (403, "FORBIDDEN"), (404, "NOT_FOUND"),
     (405, "METHOD_NOT_ALLOWED"), (413, "TOO_LARGE"), (414, "BAD_REQUEST"), (415, "UNSUPPORTED_MEDIA_TYPE"),
     (418, "BAD_REQUEST"), (429, "RATE_LIMITED"), (500, "INTERNAL"), (501, "INTERNAL"), (503, "UNAVAILABLE")],
)  # fmt: skip
def test_a_librarys_status(status: int, code: str) -> None:
    problem = of_status(status, {"Allow": "GET"})
    assert (problem.code, problem.headers["Allow"]) == (code, "GET")
    assert details(problem, "/").detail == problem.kind.title
