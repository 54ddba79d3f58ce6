"""`python -m grader LOG [--workload FILE] [--quote-life-ms N] [--pending-life-ms N] [--json]`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core.limits import PENDING_LIFE_MS, QUOTE_LIFE_MS
from grader.check import check_log


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report. 0: no violation; 1: violations; 2: not comparable with the workload, or a file cannot be read."""
    parser = argparse.ArgumentParser(prog="log check", description="Grades an audit log, plain or gzip.")
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument("--workload", type=Path, metavar="FILE", help="the workload that the log must show")
    parser.add_argument("--quote-life-ms", type=int, default=QUOTE_LIFE_MS, metavar="N")
    parser.add_argument("--pending-life-ms", type=int, default=PENDING_LIFE_MS, metavar="N")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    options = parser.parse_args(arguments)
    try:
        report = check_log(options.log, options.workload, options.quote_life_ms, options.pending_life_ms)
    except OSError as error:
        sys.stderr.write(f"log check: {error}\n")
        return 2
    sys.stdout.write((report.to_json().decode() if options.json else report.to_text()) + "\n")
    return report.exit_code


if __name__ == "__main__":
    sys.exit(main())
