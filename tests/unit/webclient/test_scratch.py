"""Folders that go with their process, or with the next one that starts."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from webclient.scratch import folder

PREFIX = "scratch-test-"
HOLD = f"""
import time
from webclient.scratch import folder
with folder("{PREFIX}") as path:
    print(path, flush=True)
    time.sleep(60)
"""


def aged(path: Path) -> None:
    os.utime(path / "lock", (1, 1))


def test_what_a_killed_process_left_is_removed_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environ = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
        cwd=Path(__file__).parents[3],
    ) as holder:
        assert holder.stdout is not None
        held = Path(holder.stdout.readline().strip())
        stranger = tmp_path / "another-folder"
        stranger.mkdir()
        (stranger / "lock").touch()
        aged(held)
        with folder(PREFIX) as own:
            assert own.stat().st_mode & 0o777 == 0o700
            assert held.is_dir(), "its process lives"
        assert not own.exists()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        (held / "lock").touch()
        with folder(PREFIX):
            assert held.is_dir(), "it may be a new one that has no lock yet"
        aged(held)
        with folder(PREFIX):
            assert not held.exists()
        assert stranger.is_dir()
