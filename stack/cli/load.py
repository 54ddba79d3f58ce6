"""`load`: many users at once on the web client and the load balancer, by Locust (bench/locustfile.py)."""

import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from stack import launcher, ports, state
from stack.cli.running import Delay, Seed
from stack.errors import StackError
from stack.state import ROOT, State
from stack.topology import Shape

MIXES: Final = {
    "browse": ("Browse",),
    "trade": ("Trade",),
    "trigger": ("Trigger",),
    "tcp": ("RawTcp",),
    "all": ("Browse", "Trade", "Trigger", "RawTcp"),
}
"""Which users of bench/locustfile.py come."""
NO_LIMITS: Final = {
    "DAYTRADE_WEB_USER_RATE": "1000000",
    "DAYTRADE_WEB_ADDRESS_RATE": "1000000",
    "DAYTRADE_WEB_LOGIN_RATE": "1000000",
}
"""Settings of a throw-away stack: all users come from one address, and its limits are not what is measured."""
_FILE: Final = ROOT / "bench" / "locustfile.py"
PER_SECOND: Final = 20
"""Users that come a second at most: each makes the web client hash a password."""


def load(
    users: Annotated[int, typer.Option(min=1, help="How many at once.")] = 50,
    minutes: Annotated[float, typer.Option(min=0.05, help="How long, once all of them have come.")] = 1.0,
    mix: Annotated[str, typer.Option(help=f"What they do: {', '.join(MIXES)}.")] = "all",
    html: Annotated[Path | None, typer.Option(help="Write Locust's report to this file.")] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Serve Locust's own page on this machine until Ctrl-C.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use a throw-away stack even if one runs.")] = False,
    delay: Delay = "measured",
    seed: Seed = None,
) -> None:
    """Loads the running stack, or a throw-away one, with users who think and check every answer. Exit code 1 after a failure."""
    if mix not in MIXES:
        raise typer.BadParameter(f"no mix {mix!r}: there are {', '.join(MIXES)}")
    if importlib.util.find_spec("locust") is None:
        raise StackError("Locust is not installed here: load the stack from a whole checkout.")
    with _target(fresh, Shape(delay=delay, seed=seed, web_client=True)) as now:
        argv = [*locust(now, users), *(_served() if page else _headless(minutes, html)), *MIXES[mix]]
        try:
            code = subprocess.run(
                argv, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
            ).returncode
        except KeyboardInterrupt:  # Locust has heard it too
            code = 0 if page else 1
    raise typer.Exit(1 if code else 0)


@contextlib.contextmanager
def _target(fresh: bool, shape: Shape) -> Iterator[State]:
    now = None if fresh else state.read(state.default_directory())
    if now is not None:
        if now.web is None:
            raise StackError(
                "The stack that runs has no web client: start it without --no-web, or add --fresh."
            )
        yield now
        return
    with launcher.throw_away(shape, {**os.environ, **NO_LIMITS}) as stack:
        yield stack.state


def locust(now: State, users: int) -> list[str]:
    """The call of Locust with the locustfile, for so many users of that stack."""
    argv = [sys.executable, "-m", "locust", "-f", str(_FILE), "--loglevel", "WARNING"]
    argv += ["--host", (now.web or "").rstrip("/"), "--balancer", now.balancer]
    return [*argv, "--users", str(users), "--spawn-rate", str(PER_SECOND)]


def _headless(minutes: float, html: Path | None) -> list[str]:
    argv = ["--headless", "--only-summary", "--stop-timeout", "10", "--measure", str(minutes * 60)]
    return argv + (["--html", str(html.absolute())] if html else [])


def _served() -> list[str]:
    reserved = ports.reserve_first(8089)
    reserved.release()
    print(f"Locust's page: http://{ports.LOOPBACK}:{reserved.port}/ (Ctrl-C ends it)", flush=True)
    return ["--web-host", ports.LOOPBACK, "--web-port", str(reserved.port), "--class-picker"]
