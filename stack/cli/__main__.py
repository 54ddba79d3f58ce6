"""`./daytrade COMMAND`. Exit codes: 0 all right, 1 not all right, 2 a command line that makes no sense."""

import sys

import typer

from core.errors import Unavailable
from stack.cli import (
    chaos,
    demo,
    follow,
    grade,
    load,
    quality,
    quoteserver,
    replay,
    running,
    supervisor,
    top,
    web,
    workloads,
)
from stack.errors import StackError

app = typer.Typer(
    name="daytrade", help="A whole market on one machine.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
log_app = typer.Typer(help="Audit logs.", no_args_is_help=True)
workload_app = typer.Typer(help="Workload files.", no_args_is_help=True)
web_app = typer.Typer(help="The web client.", no_args_is_help=True)
app.add_typer(log_app, name="log")
app.add_typer(workload_app, name="workload")
app.add_typer(web_app, name="web")

app.command("demo")(demo.demo)
app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    quality.run_tests
)
app.command("up")(running.up)
app.command("down")(running.down)
app.command("status")(running.status)
app.command("top")(top.top)
app.command("follow")(follow.follow)
app.command("secrets")(running.secrets)
app.command("supervisor")(supervisor.supervisor)
app.command("replay")(replay.replay)
workload_app.command("generate")(workloads.generate)
log_app.command("check")(grade.log_check)
app.command("check")(grade.check)
web_app.command("build")(web.build)
app.command("chaos")(chaos.chaos)
app.command("load")(load.load)
app.command(
    "quoteserver",
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)(quoteserver.quoteserver)
app.command("bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    quality.bench
)


def main() -> None:
    """Runs the command line. What a person can mend is told in one sentence."""
    try:
        app(prog_name="./daytrade")
    except (StackError, Unavailable, OSError) as error:
        sys.exit(f"daytrade: {error}")


if __name__ == "__main__":
    main()
