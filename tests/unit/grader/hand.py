"""Logs written by hand: one function an event, times in milliseconds after START_MS."""

from pathlib import Path

from grader.check import check_log
from grader.report import Report
from tests.unit.grader.market import START_MS


def event(kind: str, time_ms: int, number: int, **fields: object) -> str:
    values = {"timestamp": START_MS + time_ms, "server": "hand", "transactionNum": number} | fields
    body = "".join(f"<{name}>{value}</{name}>" for name, value in values.items() if value != "")
    return f"<{kind}>{body}</{kind}>"


def command(
    time_ms: int, number: int, name: str, user: str = "", symbol: str = "", funds: str = "", file: str = ""
) -> str:
    return event(
        "userCommand",
        time_ms,
        number,
        command=name,
        username=user,
        stockSymbol=symbol,
        filename=file,
        funds=funds,
    )


def error(
    time_ms: int,
    number: int,
    name: str,
    code: str,
    user: str = "",
    symbol: str = "",
    funds: str = "",
    file: str = "",
) -> str:
    return event(
        "errorEvent", time_ms, number,
        command=name, username=user, stockSymbol=symbol, filename=file, funds=funds, errorMessage=f"{code}: no",
    )  # fmt: skip


def system(time_ms: int, number: int, name: str, user: str, symbol: str = "", funds: str = "") -> str:
    return event("systemEvent", time_ms, number, command=name, username=user, stockSymbol=symbol, funds=funds)


def move(time_ms: int, number: int, action: str, user: str, funds: str) -> str:
    return event("accountTransaction", time_ms, number, action=action, username=user, funds=funds)


def hit(
    time_ms: int, number: int, user: str, symbol: str, price: str, quoted_ms: int | None = None, key: str = ""
) -> str:
    quoted = START_MS + (time_ms if quoted_ms is None else quoted_ms)
    return event(
        "quoteServer", time_ms, number,
        price=price, stockSymbol=symbol, username=user, quoteServerTime=quoted, cryptokey=key or f"key{time_ms}{symbol}",
    )  # fmt: skip


def grade(folder: Path, *events: str, workload: str | None = None, **settings: int) -> Report:
    """The report on a log of these events, and on a workload when there is one."""
    log = folder / "log.xml"
    log.write_text("\n".join(["<log>", *events, "</log>"]))
    lines = None
    if workload is not None:
        lines = folder / "workload.txt"
        lines.write_text(workload)
    return check_log(log, lines, **settings)
