"""`log check` and `check`: an audit log, and the running stack's database, held against what must hold."""

from pathlib import Path
from typing import Annotated

import typer

from core.limits import PENDING_LIFE_MS, QUOTE_LIFE_MS
from stack import state
from stack.errors import StackError

QuoteLife = Annotated[int, typer.Option(help="The life of a quote that the system ran with.")]
PendingLife = Annotated[int, typer.Option(help="The life of a pending BUY or SELL, likewise.")]


def check(
    url: Annotated[
        str | None, typer.Option(help="libpq URL of a database; else that of the running stack.")
    ] = None,
    quote_life_ms: QuoteLife = QUOTE_LIFE_MS,
    pending_life_ms: PendingLife = PENDING_LIFE_MS,
    fire_within_ms: Annotated[
        int | None, typer.Option(help="Report triggers reached for longer than this, too.")
    ] = None,
) -> None:
    """Checks the invariants in the database. Exit code 1 when one does not hold."""
    from db.check import check as violations_of

    found = violations_of(url or _running_database(), quote_life_ms, pending_life_ms, fire_within_ms)
    for violation in found:
        print(f"invariant {violation.invariant} ({violation.check}): {violation.sentence}")
    print(f"{len(found)} violations" if found else "all invariants hold")
    raise typer.Exit(1 if found else 0)


def _running_database() -> str:
    now = state.read(state.default_directory())
    if now is None:
        raise StackError("No stack runs: start one with `./daytrade up`, or name a database with --url.")
    return now.audit_url


def log_check(
    log: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An audit log, plain or gzipped.")],
    workload: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The workload file that it must show.")
    ] = None,
    quote_life_ms: QuoteLife = QUOTE_LIFE_MS,
    pending_life_ms: PendingLife = PENDING_LIFE_MS,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON object.")] = False,
) -> None:
    """Grades an audit log. Exit code 1: violations; 2: it cannot be held against the workload."""
    from grader.check import check_log

    report = check_log(log, workload, quote_life_ms, pending_life_ms)
    print(report.to_json().decode() if as_json else report.to_text())
    raise typer.Exit(report.exit_code)
