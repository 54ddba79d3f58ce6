"""Holds the web API of a real, throw-away stack against its own OpenAPI document: schemathesis, all its checks, every operation.

    .venv/bin/python -m tests.web.schema --cases 1000 --seed 1

Once as a trader with an account, once as a supervisor. Ends with how often each operation gave which status, and 0 only if
schemathesis found nothing.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from stack.launcher import Stack, throw_away
from stack.state import ROOT
from stack.topology import Shape
from tests.e2e.visitor import PASSWORD, Visitor
from webclient.accounts import put_supervisor

SHAPE: Final = Shape(shards=1, web_servers=1, delay="none", price="fixed:1000", web_client=True)
UNLIMITED: Final = {f"DAYTRADE_WEB_{what}_RATE": "1000000" for what in ("USER", "ADDRESS", "LOGIN")}
TRADER: Final = "ann"
VISITORS: Final = (TRADER, "boss")
_CONFIG: Final = "tests/web/schemathesis.toml"
_PHASES: Final = "examples,coverage,fuzzing,stateful"


class Found(Struct, frozen=True):
    """One run as one visitor."""

    right: bool
    """schemathesis found nothing."""
    report: str
    """What it printed."""
    answers: dict[str, dict[int, int]]
    """By operation (`GET /api/...`): how often each status."""

    @property
    def cases(self) -> int:
        """How many it generated, as it says in its summary."""
        match = re.search(r"([\d,]+) generated", self.report)
        return int(match[1].replace(",", "")) if match else 0


def main() -> None:
    """The long form, from the command line."""
    parser = argparse.ArgumentParser(description="Hold the web API against its OpenAPI document.")
    parser.add_argument("--cases", type=int, default=1000, help="generated cases an operation (1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--visitor", choices=VISITORS, action="append", help="only as this one")
    parser.add_argument(
        "--paths", default="", help="only operations whose path this regular expression finds"
    )
    options = parser.parse_args()
    all_right = True
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as stack:
        prepare(stack)
        for visitor in options.visitor or VISITORS:
            found = run(stack, visitor, options.cases, options.seed, paths=options.paths)
            all_right = all_right and found.right
            print(f"===== as {visitor}: {'nothing found' if found.right else 'FOUND'}\n{found.report}")
            for operation, counts in sorted(found.answers.items()):
                print(f"{operation:60s} {dict(sorted(counts.items()))}", flush=True)
    sys.exit(0 if all_right else 1)


def running(log_dir: Path) -> "contextlib.AbstractContextManager[Stack]":
    """A stack without rate limits (they are tested elsewhere)."""
    return throw_away(SHAPE, {**os.environ, **UNLIMITED, "DAYTRADE_LOG_DIR": str(log_dir)})


def prepare(stack: Stack) -> None:
    """A supervisor; and a trader with cash, shares, triggers and a past, so that not everything is refused."""
    put_supervisor(stack.state.admin_url, "boss", PASSWORD)
    assert stack.state.web is not None
    ann = Visitor(stack.state.web, TRADER)
    ann.deposit("100000000000")
    for symbol in ("ABC", "A", "AA"):
        assert ann.order("buys", symbol, "1000000").status == 201
        assert ann.own("POST", "buys/commit").status == 200
        assert ann.own("PUT", f"triggers/sell/{symbol}/amount", {"amount": "5000"}).status == 200
        assert ann.own("PUT", f"watchlist/{symbol}").status == 204


def run(stack: Stack, visitor: str, cases: int, seed: int, phases: str = _PHASES, paths: str = "") -> Found:
    """schemathesis as that visitor. The same seed makes the same cases. `paths`, if given, selects operations."""
    assert stack.state.web is not None
    own = {
        "SCHEMA_URL": stack.state.web,
        "SCHEMA_USER": visitor,
        "SCHEMA_PASSWORD": PASSWORD,
        "SCHEMA_TRADER": TRADER,
        "PYTHONPATH": str(ROOT),
    }
    program = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", _CONFIG]
    what = ["run", f"{stack.state.web}openapi.json", "--phases", phases, "--max-examples", str(cases)]
    how = ["--seed", str(seed), "--generation-database", "none", "--no-color"]
    which = ["--include-path-regex", paths] if paths else []
    with tempfile.NamedTemporaryFile() as answers:
        env = os.environ | own | {"SCHEMA_ANSWERS": answers.name}
        done = subprocess.run(
            [*program, *what, *how, *which], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        text = answers.read()
    counted = msgspec.json.decode(text or b"{}", type=dict[str, dict[int, int]])
    return Found(done.returncode == 0, done.stdout + done.stderr, counted)


if __name__ == "__main__":
    main()
