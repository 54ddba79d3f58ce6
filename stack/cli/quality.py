"""`test` and `bench`: how good the system is, measured by itself."""

import subprocess
import sys
from typing import Annotated, Final

import typer

from stack.state import ROOT

_LINT_IMPORTS: Final = (
    "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
)
_CHECKS: Final = {
    "ruff check": ("-m", "ruff", "check", "--quiet", "."),
    "ruff format": ("-m", "ruff", "format", "--check", "--quiet", "."),
    "mypy": ("-m", "mypy", "--no-error-summary"),
    "import-linter": ("-c", _LINT_IMPORTS, "--no-logo"),
}
_WORKERS: Final = "2"


def run_tests(
    context: typer.Context,
    fast: Annotated[bool, typer.Option("--fast", help="Leave out the tests marked slow.")] = False,
) -> None:
    """Runs every check (ruff, mypy, import-linter) and every test; arguments after -- go to pytest."""
    failed = [name for name, arguments in _CHECKS.items() if not _passes(name, arguments)]
    if failed:
        print(f"failed: {', '.join(failed)}", flush=True)
    options = ["-m", "not slow"] if fast else []
    code = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", _WORKERS, "--dist", "worksteal", *options, *context.args],
        cwd=ROOT, check=False,
    ).returncode  # fmt: skip
    raise typer.Exit(code or int(bool(failed)))


def _passes(name: str, arguments: tuple[str, ...]) -> bool:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode != 0:
        print(done.stdout.strip(), flush=True)
    return done.returncode == 0


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which; `list` names them all.")] = "list",
) -> None:
    """Runs a benchmark with its baseline in the same run; the other arguments are its own."""
    found = sorted(path.stem for path in (ROOT / "bench").glob("*.py") if not path.stem.startswith("_"))
    if name == "list":
        print("\n".join(found) or "there are no benchmarks")
        return
    if name not in found:
        raise typer.BadParameter(f"no benchmark {name!r}: there are {', '.join(found) or 'none'}")
    done = subprocess.run([sys.executable, "-m", f"bench.{name}", *context.args], cwd=ROOT, check=False)
    raise typer.Exit(done.returncode)
