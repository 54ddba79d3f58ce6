"""Every benchmark, one after the other, each in a process of its own; all of it as one JSON file and as a part of a page.

    ./daytrade bench all --json all.json --page docs/performance.md

With --only, what is not measured again is taken from the JSON file of before.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import msgspec

from bench import _page, _report
from bench._report import DEFAULT_RUNS, Report
from stack.state import ROOT

_NAMES: Final = ("replay", "latency", "quotes", "triggers", "dump", "scale", "history", "web", "profile")
_FLAMES: Final = ROOT / "docs" / "flames"


def _main() -> None:
    parser = argparse.ArgumentParser(
        prog="daytrade bench all", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=DEFAULT_RUNS)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the measured part of this page anew")
    parser.add_argument("--only", default="", help="some of them, comma-separated")
    options = parser.parse_args()
    chosen = options.only.split(",") if options.only else list(_NAMES)
    if unknown := sorted(set(chosen) - set(_NAMES)):
        parser.error(f"no benchmark {', '.join(unknown)}: there are {', '.join(_NAMES)}")
    known = _known(options.json) if options.only and options.json else {}
    failed = []
    for name in chosen:
        report = _measure(name, options.runs)
        if report is None:
            failed.append(name)
        else:
            known[name] = report
            _write(options, [known[name] for name in _NAMES if name in known])
    for report in known.values():
        _report.show(report)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


def _known(path: Path) -> dict[str, Report]:
    if not path.exists():
        return {}
    return {report.name: report for report in msgspec.json.decode(path.read_bytes(), type=list[Report])}


def _measure(name: str, runs: int) -> Report | None:
    """None when it failed; its own output says why."""
    start = time.monotonic()
    arguments = [] if runs == DEFAULT_RUNS or name == "profile" else ["--runs", str(runs)]
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "report"
        command = [sys.executable, "-m", f"bench.{name}", *arguments, "--json", str(result)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        print(f"{name}: {time.monotonic() - start:.0f} s\n", flush=True)
        return msgspec.json.decode(result.read_bytes(), type=Report) if done.returncode == 0 else None


def _write(options: argparse.Namespace, reports: list[Report]) -> None:
    """After each of them, so that one that fails late loses nothing."""
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(reports)) + b"\n")
    if options.page:
        pictures = os.path.relpath(_FLAMES, options.page.resolve().parent)
        options.page.write_text(_page.replaced(options.page.read_text(), reports, pictures))


if __name__ == "__main__":
    _main()
