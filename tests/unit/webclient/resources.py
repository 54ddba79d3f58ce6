"""The trading resources in a table: what each takes, which line it sends, and what it gives."""

from typing import Final, NamedTuple

_TRADE: Final = '"symbol":"ABC","shares":3,"price":"33.33"'
_EMPTY: Final = (
    '"user":"ann","cash":"0.00","reserved":"0.00","holdings":{},"pending_buys":[],"pending_sells":[],'
    '"pendings_not_shown":0,"triggers":[],"history":{"counts":{},"newest":[]}'
)


class Resource(NamedTuple):
    """One operation of the user ann, the line it sends, and the fields of a reply to it."""

    method: str
    path: str
    body: dict[str, str] | None
    line: str
    fields: str
    status: int = 200

    @property
    def command(self) -> str:
        return self.line.split(",")[0]

    @property
    def reply(self) -> bytes:
        return f"{{{self.fields}}}".encode()


ORDER: Final = {"symbol": "abc", "amount": "100"}
RESOURCES: Final = (
    Resource("POST", "deposits", {"amount": "63511.5"}, "ADD,ann,63511.50", '"cash":"63511.50"', 201),
    Resource("GET", "quotes/abc", None, "QUOTE,ann,ABC", '"symbol":"ABC","price":"12.34","quoted_at":17'),
    Resource("POST", "buys", ORDER, "BUY,ann,ABC,100.00", f'{_TRADE},"cost":"99.99","expires_at":18,"cash":"0.01"', 201),
    Resource("POST", "buys/commit", None, "COMMIT_BUY,ann", f'{_TRADE},"cost":"99.99","cash":"0.01"'),
    Resource("POST", "buys/cancel", None, "CANCEL_BUY,ann", f'{_TRADE},"returned":"99.99","cash":"100.00"'),
    Resource("POST", "sells", ORDER, "SELL,ann,ABC,100.00", f'{_TRADE},"proceeds":"99.99","expires_at":18', 201),
    Resource("POST", "sells/commit", None, "COMMIT_SELL,ann", f'{_TRADE},"proceeds":"99.99","cash":"99.99"'),
    Resource("POST", "sells/cancel", None, "CANCEL_SELL,ann", '"symbol":"ABC","shares":3'),
    Resource(
        "PUT", "triggers/buy/abc/amount", {"amount": "5"}, "SET_BUY_AMOUNT,ann,ABC,5.00",
        '"symbol":"ABC","amount":"5.00","cash":"0.00"',
    ),
    Resource(
        "PUT", "triggers/buy/ABC/price", {"price": "1.5"}, "SET_BUY_TRIGGER,ann,ABC,1.50",
        '"symbol":"ABC","amount":"5.00","price":"1.50"',
    ),
    Resource(
        "DELETE", "triggers/buy/ABC", None, "CANCEL_SET_BUY,ann,ABC", '"symbol":"ABC","returned":"5.00","cash":"5.00"'
    ),
    Resource(
        "PUT", "triggers/sell/ABC/amount", {"amount": "5"}, "SET_SELL_AMOUNT,ann,ABC,5.00", '"symbol":"ABC","amount":"5.00"'
    ),
    Resource(
        "PUT", "triggers/sell/ABC/price", {"price": "0.01"}, "SET_SELL_TRIGGER,ann,ABC,0.01",
        '"symbol":"ABC","amount":"5.00","price":"0.01","shares":500',
    ),
    Resource("DELETE", "triggers/sell/ABC", None, "CANCEL_SET_SELL,ann,ABC", '"symbol":"ABC","shares":0'),
    Resource("GET", "account", None, "DISPLAY_SUMMARY,ann", _EMPTY),
)  # fmt: skip
WRITES: Final = tuple(one for one in RESOURCES if one.method != "GET")


def name(one: Resource) -> str:
    """For the names of tests."""
    return one.command
