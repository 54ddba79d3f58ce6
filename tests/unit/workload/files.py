"""The course's workload files, for tests that want real ones."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3].parent / "shared" / "workloads"
NAMES = ("user1", "user2", "user10", "user45", "user100")


def course_file(name: str) -> Path:
    """One of NAMES. Skips the test where the course's files are not there."""
    path = FOLDER / f"{name}.txt"
    if not path.exists():
        pytest.skip(f"the course's workload files are not in {FOLDER}")
    return path
