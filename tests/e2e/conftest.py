"""What the end-to-end tests share: whole throw-away stacks, and the course's files where they are."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from stack.launcher import Stack, throw_away
from stack.topology import Shape

SHARED = Path(__file__).parents[2].parent / "shared"


def course_file(name: str) -> Path:
    """A course workload, or a skip with the reason."""
    path = SHARED / "workloads" / f"{name}.txt"
    if not path.is_file():
        pytest.skip(f"the course's workload files are not beside the repository ({path.parent})")
    return path


@contextlib.contextmanager
def running(shape: Shape, log_dir: Path, environ: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """A stack of its own that writes its audit logs into `log_dir`; `environ` is told to its tiers."""
    log_dir.mkdir(parents=True, exist_ok=True)
    with throw_away(shape, {**os.environ, "DAYTRADE_LOG_DIR": str(log_dir), **(environ or {})}) as stack:
        yield stack
