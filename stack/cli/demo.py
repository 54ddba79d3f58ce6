"""`demo`: the main job on an empty machine, from nothing to a graded audit log. Exit code 0 only if all of it is right."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from core.errors import QUOTE_UNAVAILABLE
from stack import replaying
from stack.cli.replay import import_early, replay_and_publish
from stack.topology import Shape

if TYPE_CHECKING:
    from workload.measure import Result

_console = Console(highlight=False, soft_wrap=True)


def demo(
    users: Annotated[int, typer.Option(min=1, help="Users of the workload.")] = 100,
    commands: Annotated[int, typer.Option(min=2, help="Its lines.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Of the workload and of the quote server.")] = 1,
    window: Annotated[int, typer.Option(min=1, help="Outstanding commands per user.")] = 64,
    delay: Annotated[str, typer.Option(help="How long the quote server thinks.")] = "measured",
) -> None:
    """Starts everything, replays a generated workload, checks the database, stops everything, grades the audit log."""
    began = time.monotonic()
    import_early()
    _say("Starting Postgres, Valkey, a slow quote server and every tier ...")
    with replaying.fresh(Shape(seed=seed, delay=delay)) as target:
        assert target.stack is not None
        now = target.stack.state
        _say(f"{len(now.parts)} processes are up after {time.monotonic() - began:.1f} s.")
        workload = Path(now.log_dir) / "workload.txt"
        _write_workload(workload, users, commands, seed)
        result, failure = replay_and_publish(
            workload, target, window, None, None, str(workload.with_name("report.html"))
        )
        wrong = [failure] if failure else _wrong_with(result, commands)
        wrong += _wrong_in_database(now.audit_url)
    _say("Stopped, cleanly.")
    wrong += _wrong_in_log(result.audit_log, workload)
    for sentence in wrong:
        _say(f"WRONG: {sentence}")
    _say(f"The workload, its audit log and a report lie in {workload.parent}")
    _say(f"{'Not all' if wrong else 'All'} of it is right, after {time.monotonic() - began:.1f} s.")
    raise typer.Exit(1 if wrong else 0)


def _say(sentence: str) -> None:
    _console.print(sentence)


def _write_workload(path: Path, users: int, commands: int, seed: int) -> None:
    from workload.generate import generate

    try:
        chunks = generate(users, commands, seed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    with path.open("wb") as file:
        file.writelines(chunks)
    _say(f"Generated {commands:,} commands of {users:,} users.")


def _wrong_with(result: "Result", commands: int) -> list[str]:
    wrong = []
    if result.commands != commands:
        wrong.append(f"{result.commands:,} of {commands:,} commands were answered")
    if refused := result.errors.get(QUOTE_UNAVAILABLE):
        wrong.append(f"{refused:,} commands got no quote")
    if result.audit_log is None:
        wrong.append("the closing DUMPLOG wrote no file")
    return wrong


def _wrong_in_database(url: str) -> list[str]:
    from db.check import check

    found = [violation.sentence for violation in check(url)]
    _say("The database was checked: " + (f"{len(found)} violations." if found else "every invariant holds."))
    return found


def _wrong_in_log(log: str | None, workload: Path) -> list[str]:
    from grader.check import check_log

    if log is None:
        return []
    report = check_log(Path(log), workload)
    _say("The audit log, graded:")
    _say(report.to_text())
    return [] if report.exit_code == 0 else ["the audit log (see above)"]
